// The explorer: two photographs with one linked cursor, and the relation grids at the cursor. It needs no server while
// the cursor moves; only a pinned pixel is reported.
import { clampPixel } from "./geometry.js";
import { relationAt, unpack } from "./payload.js";
import { STYLE } from "./style.js";
import { drawCell, drawCursor, drawFootprints, drawOutlines, drawPhotograph, outlinePaths, paintLabels, prepared } from "./draw.js";
import { fillHint, fillSidePanel, fillStepPanel, make, pairedSteps, photographPanel, sidePanel, stepPanel } from "./panels.js";

const GAP = 16;
const SIDE_PANEL = 200;
// What a page of one screen needs beside the photographs: sentence, selectors, captions, grids.
const OTHER_HEIGHT = 460;
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Shows a payload inside `root`. `pick` is the pinned pixel [y, x]; `onPick` hears of every pixel the reader pins.
export function mount(root, bytes, { pick = null, onPick = () => {} } = {}) {
  const view = { root, onPick, pick, hover: null, marked: null, opacity: 0.4, outlined: true, active: null, generation: 0 };
  view.element = make("div", { className: "rsp" });
  root.append(make("style", { textContent: STYLE }), view.element);
  const observer = new ResizeObserver(() => layout(view));
  observer.observe(view.element);
  const resized = () => layout(view);
  globalThis.addEventListener("resize", resized);
  show(view, bytes);
  return {
    update: (next) => show(view, next),
    restyle: () => draw(view),
    setPick(pixel) {
      view.pick = pixel;
      if (view.payload) moved(view, null);
    },
    destroy() {
      view.generation += 1;
      cancelAnimationFrame(view.frame);
      observer.disconnect();
      globalThis.removeEventListener("resize", resized);
      root.replaceChildren();
    },
  };
}

// Decoding takes a while; a payload that was overtaken by the next one is dropped.
async function show(view, bytes) {
  const generation = ++view.generation;
  view.element.dataset.ready = "0";
  try {
    const payload = await unpack(bytes);
    const photograph = await createImageBitmap(payload.blocks.image);
    if (generation !== view.generation) return;
    Object.assign(view, { payload, photograph, hover: null });
    build(view);
    layout(view);
    view.element.dataset.ready = "1";
  } catch (problem) {
    if (generation !== view.generation) return;
    const text = `This view cannot be shown: ${problem.message} Reload the page.`;
    view.element.replaceChildren(make("div", { className: "rsp-problem", textContent: text }));
  }
}

function build(view) {
  const { header, blocks } = view.payload;
  view.labels = header.sides.map((side) => paintLabels(blocks[side.labels], header.classes));
  view.photographs = header.sides.map((side, i) => photographPanel(["left", "right"][i], side.name));
  view.side = sidePanel(header, view.opacity, view.outlined);
  const choose = (name) => {
    view.active = name;
    draw(view);
  };
  view.steps = pairedSteps(header).map((pair) => stepPanel(pair, header, choose));
  if (!view.steps.some((step) => step.name === view.active)) view.active = view.steps[Math.floor(view.steps.length / 2)].name;
  view.strip = make("div", { className: "rsp-strip" }, ...view.steps.map((step) => step.element));
  const figures = view.photographs.map((panel) => panel.figure);
  view.element.replaceChildren(make("div", { className: "rsp-top" }, ...figures, view.side.element), view.side.legend, view.strip);
  view.photographs.forEach((panel) => listenToPhotograph(view, panel.frame));
  view.steps.forEach((step) => step.grids.forEach((grid, i) => listenToGrid(view, step, grid, i)));
  view.side.slider.addEventListener("input", () => {
    view.opacity = view.side.slider.value / 100;
    drawBase(view);
  });
  view.side.toggle.addEventListener("change", () => {
    view.outlined = view.side.toggle.checked;
    drawCursors(view);
  });
}

function listenToPhotograph(view, frame) {
  const { size } = view.payload.header;
  const follow = (event) => {
    const box = frame.getBoundingClientRect();
    const y = ((event.clientY - box.top) / box.height) * size[0] - 0.5;
    const x = ((event.clientX - box.left) / box.width) * size[1] - 0.5;
    moved(view, clampPixel([y, x], size));
  };
  frame.addEventListener("pointermove", follow);
  frame.addEventListener("pointerdown", follow);
  frame.addEventListener("pointerleave", () => moved(view, null));
  // A click is reported a fraction of a pixel off its pointermove: what was under the cursor is what is pinned.
  frame.addEventListener("click", () => pin(view));
  frame.addEventListener("keydown", (event) => {
    // The host page has keys of its own, which must not fire while the cursor is moved.
    event.stopPropagation();
    if (ARROWS[event.key]) {
      const from = cursor(view);
      const by = [0, 1].map((axis) => ARROWS[event.key][axis] * (event.shiftKey ? finestCell(view, axis) : 1));
      moved(view, clampPixel([from[0] + by[0], from[1] + by[1]], size));
    } else if (event.key === "Enter" || event.key === " ") pin(view);
    else if (event.key === "Escape") moved(view, null);
    else return;
    event.preventDefault();
  });
}

function listenToGrid(view, step, grid, side) {
  grid.addEventListener("pointermove", (event) => {
    const count = step.window.kernel_size;
    const box = grid.getBoundingClientRect();
    const [row, column] = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width].map((share) =>
      Math.min(count - 1, Math.max(0, Math.floor(share * count))),
    );
    view.marked = { step: step.name, side, index: row * count + column };
    scheduleCursors(view);
  });
  grid.addEventListener("pointerleave", () => {
    view.marked = null;
    scheduleCursors(view);
  });
}

function finestCell(view, axis) {
  const { header } = view.payload;
  const cells = view.steps[view.steps.length - 1].sides.find(Boolean).cells[axis];
  return Math.max(1, Math.round(header.size[axis] / cells));
}

function cursor(view) {
  const { size } = view.payload.header;
  return view.hover || clampPixel(view.pick || size.map((n) => Math.floor(n / 2)), size);
}

function moved(view, pixel) {
  view.hover = pixel;
  scheduleCursors(view);
}

// Pointers report more often than screens draw: one drawing a frame.
function scheduleCursors(view) {
  if (view.frame) return;
  view.frame = requestAnimationFrame(() => {
    view.frame = null;
    drawCursors(view);
  });
}

function pin(view) {
  view.pick = cursor(view);
  drawCursors(view);
  view.onPick(view.pick);
}

// Both photographs as large as one screen allows; beside them the panel, or below them where there is no room.
function layout(view) {
  const width = view.element.clientWidth;
  if (!view.payload || !width) return;
  const { size } = view.payload.header;
  const kind = width < 560 ? "narrow" : width < 860 ? "medium" : "wide";
  const room = { narrow: width, medium: (width - GAP) / 2, wide: (width - SIDE_PANEL - 2 * GAP) / 2 }[kind];
  const tallest = Math.max(240, globalThis.innerHeight - OTHER_HEIGHT);
  const photo = Math.floor(Math.min(room, (tallest * size[1]) / size[0]));
  view.element.dataset.width = kind;
  view.box = { width: photo, height: Math.round((photo * size[0]) / size[1]) };
  view.outlines = outlinePaths(view.payload.header.outlines, view.payload.blocks, size, view.box);
  for (const { figure, frame } of view.photographs) {
    figure.style.width = frame.style.width = `${view.box.width}px`;
    frame.style.height = `${view.box.height}px`;
  }
  if (kind !== "narrow") view.strip.style.gridTemplateColumns = `repeat(${view.steps.length}, minmax(0, 1fr))`;
  else view.strip.style.gridTemplateColumns = "";
  draw(view);
}

function draw(view) {
  if (!view.box) return;
  drawBase(view);
  drawCursors(view);
}

function drawBase(view) {
  view.photographs.forEach(({ base }, i) => drawPhotograph(base, view.box, view.photograph, view.labels[i], view.opacity));
}

function drawCursors(view) {
  if (!view.box) return;
  const { header } = view.payload;
  const pixel = cursor(view);
  const ink = getComputedStyle(view.element).color;
  const names = header.sides.map((side) => side.name);
  const found = fillSidePanel(view.side, view.payload, pixel, view.hover ? "cursor" : "pinned");
  const sides = header.sides.map(() => []);
  for (const panel of view.steps) {
    const relations = panel.sides.map((step) => step && relationAt(view.payload, step, pixel));
    relations.forEach((relation, i) => relation && sides[i].push({ step: panel.sides[i], relation }));
    panel.element.dataset.active = panel.name === view.active ? "1" : "0";
    panel.button.setAttribute("aria-pressed", String(panel.name === view.active));
    const marked = view.marked?.step === panel.name ? view.marked : undefined;
    fillStepPanel(panel, relations, names, ink, marked?.index);
    if (marked) fillHint(view.side, relations[marked.side], marked.index, panel.window.kernel_size);
  }
  if (!view.marked) fillHint(view.side);
  view.photographs.forEach(({ overlay, says }, i) => {
    says.textContent = found[i] ? `says ${found[i].name}` : "";
    const context = prepared(overlay, view.box.width, view.box.height);
    drawFootprints(context, sides[i], view.active, header.levels, header.size, view.box);
    if (view.outlined) drawOutlines(context, view.outlines);
    drawMarked(view, context, sides[i]);
    if (view.hover && view.pick) drawCursor(context, clampPixel(view.pick, header.size), header.size, view.box, true);
    drawCursor(context, pixel, header.size, view.box, !view.hover);
  });
  Object.assign(view.element.dataset, { cursor: pixel.join(","), pick: view.pick ? view.pick.join(",") : "" });
}

// The cell under the pointer in a relation grid, at its place in the photograph.
function drawMarked(view, context, relations) {
  if (!view.marked) return;
  const found = relations.find(({ step }) => step.name === view.marked.step);
  const position = found && !found.relation.passes && found.relation.positions[view.marked.index];
  if (position && position.inside) drawCell(context, position.box, view.payload.header.size, view.box);
}
