// Mouse, touch, pen and keyboard on the photographs and the grids.
import { moved, pan, pin, pinSecond, set, showWhole, step, turnAttention, zoom, zoomAtCursor } from "./actions.js";
import { clampPixel } from "./geometry.js";
import { announce, announceAttention, cursor, schedule } from "./scene.js";
import { toImage } from "./viewport.js";

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const ZOOM_KEYS = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, "−": 1 / 1.5 };
const TURNS = { l: "layer", h: "head" };
// What the arrows move by where no level is 3.
const PLAIN_STEP = 8;
// A press that wanders less than this is still a click.
const DRAG_PX = 4;

function pointOf(frame, event) {
  const box = frame.getBoundingClientRect();
  return [event.clientY - box.top, event.clientX - box.left];
}

function between([first, second]) {
  return {
    middle: [0, 1].map((axis) => (first[axis] + second[axis]) / 2),
    apart: Math.hypot(first[0] - second[0], first[1] - second[1]),
  };
}

export function listenToPhotograph(view, frame) {
  const { size } = view.payload.header;
  const press = { points: new Map(), start: null, dragged: false };
  const follow = (event) => moved(view, clampPixel(toImage(view.port, pointOf(frame, event)), size));
  frame.addEventListener("pointerdown", (event) => {
    press.points.set(event.pointerId, pointOf(frame, event));
    press.dragged = press.points.size > 1;
    press.start = pointOf(frame, event);
    follow(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (press.points.has(event.pointerId) && held(view, press, event.pointerId, pointOf(frame, event))) return;
    follow(event);
  });
  for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, (event) => press.points.delete(event.pointerId));
  frame.addEventListener("pointerleave", (event) => {
    press.points.delete(event.pointerId);
    // A finger always leaves; what it pointed at stays.
    if (event.pointerType !== "touch") moved(view, null);
  });
  // A click is reported a fraction of a pixel off its pointermove: what was under the cursor is what is pinned.
  frame.addEventListener("click", (event) => {
    if (press.dragged) return;
    if (event.shiftKey || view.awaiting) pinSecond(view, view.last ?? cursor(view));
    else pin(view, view.last ?? cursor(view));
  });
  frame.addEventListener("wheel", (event) => turn(view, frame, event), { passive: false });
  frame.addEventListener("keydown", (event) => {
    // The host page has keys of its own, which must not fire while the cursor is moved.
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const side = view.photographs.findIndex((panel) => panel.frame === frame);
    const what = TURNS[event.key.toLowerCase()];
    if (what && turnAttention(view, side, what, event.shiftKey ? -1 : 1)) announceAttention(view, side);
    else if (pressed(view, event)) announce(view);
    else return;
    event.preventDefault();
  });
}

// A pressed pointer: two pinch, one drags what is zoomed. True if the move was used up.
function held(view, press, id, point) {
  const before = [...press.points.values()];
  const own = press.points.get(id);
  press.points.set(id, point);
  if (press.points.size === 2) {
    const [from, to] = [between(before), between([...press.points.values()])];
    pan(view, [to.middle[0] - from.middle[0], to.middle[1] - from.middle[1]]);
    if (from.apart > 0) zoom(view, to.apart / from.apart, to.middle);
    press.dragged = true;
    return true;
  }
  press.dragged ||= view.look.zoom > 1 && Math.hypot(point[0] - press.start[0], point[1] - press.start[1]) > DRAG_PX;
  if (press.dragged && view.look.zoom > 1) pan(view, [point[0] - own[0], point[1] - own[1]]);
  return press.dragged && view.look.zoom > 1;
}

// The wheel zooms with Ctrl (which is also how a touchpad reports a pinch), or alone on a photograph in use; otherwise,
// and where there is nothing left to zoom, the page scrolls.
function turn(view, frame, event) {
  const pinched = event.ctrlKey || event.metaKey;
  if (!pinched && !frame.matches(":focus")) return;
  const lines = event.deltaMode === 1 ? 16 : 1;
  const zoomed = zoom(view, Math.exp(-event.deltaY * lines * (pinched ? 0.01 : 0.002)), pointOf(frame, event));
  if (zoomed || pinched) event.preventDefault();
}

// True if the key means something here.
function pressed(view, { key, shiftKey }) {
  if (ARROWS[key]) step(view, [0, 1].map((axis) => ARROWS[key][axis] * (shiftKey ? 1 : finestCell(view, axis))));
  else if (ZOOM_KEYS[key]) zoomAtCursor(view, ZOOM_KEYS[key]);
  else if (key === "0") showWhole(view);
  else if (key === "Enter" || key === " ") (shiftKey || view.awaiting ? pinSecond : pin)(view);
  else if (key === "Delete" || key === "Backspace") set(view, "second", null);
  else if (key === "Escape") moved(view, null);
  else return false;
  return true;
}

function finestCell(view, axis) {
  const { size } = view.payload.header;
  if (!view.steps.length) return PLAIN_STEP;
  const cells = view.steps[view.steps.length - 1].sides.find(Boolean).cells[axis];
  return Math.max(1, Math.round(size[axis] / cells));
}

export function listenToGrid(view, panel, grid, side, second) {
  grid.addEventListener("pointermove", (event) => {
    const count = panel.window.kernel_size;
    const box = grid.getBoundingClientRect();
    const [row, column] = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width].map((part) =>
      Math.min(count - 1, Math.max(0, Math.floor(part * count))),
    );
    view.marked = { step: panel.name, side, second, index: row * count + column };
    schedule(view);
  });
  grid.addEventListener("pointerleave", () => {
    view.marked = null;
    schedule(view);
  });
}
