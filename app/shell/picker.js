// A click on a chart that lies on the photograph selects the pixel under it, in whichever chart of the page it falls.
// Plotly's own click event knows cells with a value only; a chart says in its layout that it wants this.
const NEAR = 4;

// A small map is a picture in a box that names the image's size. The place under the cursor, as shares of height, width.
function placeOn(map, event) {
  const box = map.getBoundingClientRect();
  return [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
}

function pixelOn(map, event) {
  const size = map.dataset.pick.split(",").map(Number);
  const within = (share, most) => Math.min(most - 1, Math.max(0, Math.floor(share * most)));
  const [y, x] = placeOn(map, event).map((share, axis) => within(share, size[axis]));
  return { y, x };
}

// Its numbers are those of the smallest rectangle with all cells that are not 0.
function describe(event) {
  const map = event.target.closest?.(":is(.rsp-thumbs, .rsp-pair) [data-pick]");
  const picture = map?.querySelector("[data-values]");
  if (!picture) return;
  const [high, wide, top, left, rows, columns] = picture.dataset.shape.split(",").map(Number);
  const [down, across] = placeOn(map, event);
  const y = Math.floor(down * high), x = Math.floor(across * wide);
  const inside = y >= top && x >= left && y < top + rows && x < left + columns;
  picture.values ??= new Float32Array(Uint8Array.from(atob(picture.dataset.values), (c) => c.charCodeAt(0)).buffer);
  const value = inside ? picture.values[(y - top) * columns + x - left] : 0;
  const number = `${value > 0 ? "+" : ""}${Number(value.toPrecision(3))}`.replace("-", "−");
  const size = map.dataset.pick.split(",").map(Number);
  const centre = [(y + 0.5) * size[0] / high - 0.5, (x + 0.5) * size[1] / wide - 0.5].map((at) => at.toFixed(0));
  map.title = value
    ? `${number} logits\ncell y ${y}, x ${x}\naround pixel y ${centre[0]}, x ${centre[1]}`
    : "";
}

function pixelAt(event) {
  const map = event.target.closest?.(":is(.rsp-thumbs, .rsp-pair) [data-pick]");
  if (map) return pixelOn(map, event);
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

// As wide as this, columns stand below each other: pictures get the whole width, and their height follows from it. Wider
// windows are told in steps, from the width that pages are made for to the widest that they fill.
const NARROW = 640;
const [STANDARD, STEP, WIDEST] = [1280, 160, 1920];

function told(width) {
  if (width <= NARROW) return NARROW;
  return Math.min(WIDEST, Math.max(STANDARD, STEP * Math.floor(width / STEP)));
}

const listeners = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  // Other data call this again, and one click is to be heard once.
  listeners.get(parentElement)?.abort();
  const listening = new AbortController();
  listeners.set(parentElement, listening);
  const tell = () => {
    if (told(window.innerWidth) !== data.window) setStateValue("window", told(window.innerWidth));
  };
  let waiting = null;
  const resized = () => {
    clearTimeout(waiting);
    waiting = setTimeout(tell, 200);
  };
  window.addEventListener("resize", resized, { signal: listening.signal });
  tell();
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
  document.addEventListener("pointermove", describe, options);
  document.addEventListener("pointercancel", () => (pressed = null), options);
  return () => listening.abort();
}
