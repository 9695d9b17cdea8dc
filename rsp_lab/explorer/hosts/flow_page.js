// The decision flow as a page of its own: the picture stands in the page, cuts in the address after the #.
const decoded = () => Uint8Array.from(atob(document.getElementById("rsp-picture").textContent), (c) => c.charCodeAt(0));
const picture = JSON.parse(new TextDecoder().decode(decoded()));
const cutsOf = (text) => text.split(";").map((side) => side.split(",").filter(Boolean));
// A link may hold what is no text at all.
function address() {
  try {
    return decodeURIComponent(window.location.hash.slice(1));
  } catch {
    return "";
  }
}
const asked = () => (address() ? cutsOf(address()) : picture.cuts);
const flow = mountFlow(document.getElementById("rsp-root"), picture, {
  cuts: asked(),
  alone: true,
  onCuts: (cuts) => window.history.replaceState(null, "", `#${cuts.map((side) => side.join()).join(";")}`),
});
window.addEventListener("hashchange", () => flow.update(picture, asked()));
