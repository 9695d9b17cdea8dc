// The explorer as a page of its own: the payload stands in the page, and the view in the address after the #.
function payloadBytes() {
  const text = atob(document.getElementById("rsp-payload").textContent);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const hash = () => window.location.hash.slice(1);
const linkTo = (text) => `${window.location.href.split("#")[0]}${text && "#"}${text}`;
const standard = document.body.dataset.view;
const explorer = mount(document.getElementById("rsp-root"), payloadBytes(), {
  view: hash() || standard,
  otherHeight: 400,
  onView: (text) => window.history.replaceState(null, "", linkTo(text)),
  linkTo,
});
window.addEventListener("hashchange", () => explorer.setView(hash() || standard));
