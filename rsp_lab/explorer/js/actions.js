// What a reader can do to a view. Every action ends in one drawing; those that change what a link leads to are reported.
import { fitting, turned } from "./attention.js";
import { clampPixel } from "./geometry.js";
import { cursor, draw, schedule } from "./scene.js";
import { viewText } from "./state.js";
import { copyLink } from "./toolbar.js";
import { bringingIntoSight, panned, wholeImage, zoomedAt } from "./viewport.js";

// The host hears of the view once it has been still for a moment.
const STILL_MS = 150;

export function changed(view, base = false) {
  schedule(view, base);
  clearTimeout(view.reporting);
  view.reporting = setTimeout(() => view.onView(currentText(view)), STILL_MS);
}

export function currentText(view) {
  return viewText(view, view.payload.header);
}

export function set(view, name, value) {
  view[name] = value;
  changed(view, name === "opacity");
}

// Another layer or head of one side's attention.
export function chooseAttention(view, side, change) {
  const attention = [...view.attention];
  attention[side] = fitting(view.payload.header.sides[side], { ...attention[side], ...change });
  set(view, "attention", attention);
}

// The layer or head one further on; false where the side has no attention.
export function turnAttention(view, side, what, by) {
  if (!view.attention[side]) return false;
  chooseAttention(view, side, turned(view.payload.header.sides[side], view.attention[side], what, by));
  return true;
}

export function moved(view, pixel) {
  view.hover = pixel;
  if (pixel) view.last = pixel;
  schedule(view);
}

export function pin(view, pixel = cursor(view)) {
  view.pick = pixel;
  // A click is answered at once: there are no more of them than a reader can make.
  draw(view);
  changed(view);
  view.onPick(pixel);
}

export function pinSecond(view, pixel = cursor(view)) {
  Object.assign(view, { second: pixel, awaiting: false });
  draw(view);
  changed(view);
}

// The button for those without a Shift key: the next click is the second pixel's.
export function askForSecond(view) {
  if (view.second) set(view, "second", null);
  else set(view, "awaiting", !view.awaiting);
}

export function hideStep(view, name, hidden) {
  const others = view.hidden.filter((step) => step !== name);
  set(view, "hidden", hidden ? [...others, name].sort().reverse() : others);
}

// True if there was anything left to zoom.
export function zoom(view, factor, point = [view.box.height / 2, view.box.width / 2]) {
  const { size } = view.payload.header;
  const next = zoomedAt(view.look, size, view.box, factor, point);
  const differs = next.zoom !== view.look.zoom;
  view.look = next;
  if (differs) changed(view, true);
  return differs;
}

export function zoomAtCursor(view, factor) {
  const { port } = view;
  const point = cursor(view).map((place, axis) => (place + 0.5 - port.corner[axis]) * port.per[axis]);
  zoom(view, factor, point);
}

export function pan(view, by) {
  view.look = panned(view.look, view.payload.header.size, view.box, by);
  changed(view, true);
}

export function showWhole(view) {
  view.look = wholeImage(view.payload.header.size);
  changed(view, true);
}

// Moves the cursor by whole pixels, and what is in sight with it.
export function step(view, by) {
  const { size } = view.payload.header;
  const from = cursor(view);
  const pixel = clampPixel([from[0] + by[0], from[1] + by[1]], size);
  const look = bringingIntoSight(view.look, size, pixel);
  const base = look.centre.some((place, axis) => place !== view.look.centre[axis]);
  view.look = look;
  moved(view, pixel);
  if (base) changed(view, true);
}

export function copyView(view) {
  return copyLink(view.bar, view.linkTo(currentText(view)));
}
