// A click on a chart that lies on the photograph selects the pixel under it, in whichever chart of the page it falls.
// Plotly's own click event knows cells with a value only; a chart says in its layout that it wants this.
const NEAR = 4;

function pixelAt(event) {
  const area = event.target.closest?.(".nsewdrag");
  const chart = area?.closest(".js-plotly-plot");
  const size = chart?.layout?.meta?.pick;
  if (!size) return null;
  const [, column, row] = area.dataset.subplot.match(/^(x\d*)(y\d*)$/) ?? [];
  const across = chart.layout[`xaxis${column.slice(1)}`].range;
  const down = chart.layout[`yaxis${row.slice(1)}`].range;
  const box = area.getBoundingClientRect();
  const x = across[0] + ((event.clientX - box.left) / box.width) * (across[1] - across[0]);
  const y = down[1] + ((event.clientY - box.top) / box.height) * (down[0] - down[1]);
  const within = (value, most) => Math.min(most - 1, Math.max(0, Math.round(value)));
  return { y: within(y, size[0]), x: within(x, size[1]) };
}

export default function ({ setStateValue }) {
  const listening = new AbortController();
  const options = { capture: true, signal: listening.signal };
  let pressed = null;
  // Plotly covers the page while the button is down, so the place is taken before; a drag is a zoom.
  const press = (event) => {
    const pixel = event.isPrimary && event.button === 0 ? pixelAt(event) : null;
    pressed = pixel && { pixel, x: event.clientX, y: event.clientY };
  };
  const release = (event) => {
    if (pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) < NEAR) {
      setStateValue("pick", { ...pressed.pixel, sequence: Date.now() });
    }
    pressed = null;
  };
  document.addEventListener("pointerdown", press, options);
  document.addEventListener("pointerup", release, options);
  document.addEventListener("pointercancel", () => (pressed = null), options);
  return () => listening.abort();
}
