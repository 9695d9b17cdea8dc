// The decision flow as a page of its own: the picture stands in the page, cuts in the address after the #.
const decoded = () => Uint8Array.from(atob(document.getElementById("rsp-picture").textContent), (c) => c.charCodeAt(0));
const picture = JSON.parse(new TextDecoder().decode(decoded()));
const cutsOf = (text) => text.split(";").map((side) => side.split(",").filter(Boolean));
const address = () => decodeURIComponent(window.location.hash.slice(1));
mountFlow(document.getElementById("rsp-root"), picture, {
  cuts: address() ? cutsOf(address()) : picture.cuts,
  alone: true,
  onCuts: (cuts) => window.history.replaceState(null, "", `#${cuts.map((side) => side.join()).join(";")}`),
});
