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
// A frame inside another page has no address of its own that a link could lead back to.
const framed = window.location.protocol === "about:";
const explorer = mount(document.getElementById("rsp-root"), payloadBytes(), {
  view: hash() || standard,
  otherHeight: 400,
  onView: framed ? () => {} : (text) => window.history.replaceState(null, "", linkTo(text)),
  linkTo: framed ? null : linkTo,
});
window.addEventListener("hashchange", () => explorer.setView(hash() || standard));
const frame = framed && window.frameElement;
if (frame) new ResizeObserver(() => (frame.style.height = `${document.body.offsetHeight}px`)).observe(document.body);
