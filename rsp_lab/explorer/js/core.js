// The explorer: two photographs with one linked cursor, and the relation grids at the cursor. It needs no server while
// the cursor moves; only a pinned pixel and a changed view are reported.
import { askForSecond, chooseAttention, copyView, hideStep, set, showWhole, zoom } from "./actions.js";
import { NONE, chosenLayer, fitting } from "./attention.js";
import { listenToGrid, listenToPhotograph } from "./gestures.js";
import { paintLabels } from "./draw.js";
import { make } from "./make.js";
import { drawKeys, pairedSteps, photographPanel, sidePanel, stepPanel } from "./panels.js";
import { unpack } from "./payload.js";
import { draw, schedule } from "./scene.js";
import { parseView, stepNames } from "./state.js";
import { STYLE } from "./style.js";
import { toolbar } from "./toolbar.js";

const GAP = 16;
const SIDE_PANEL = 200;
// What a page of one screen needs beside the photographs, its own parts and the host's.
const OTHER_HEIGHT = 440;

// Shows a payload inside `root`, and says what came of it:
//   view: text of a view to begin with (state.js); pick: its pinned pixel [y, x], which goes before the text's
//   onPick(pixel): the reader pinned it; onView(text): anything that a link keeps has changed
//   linkTo(text): the address of a view; without it there is no link to copy
//   otherHeight: screen height that the photographs must leave to the rest of the page
export function mount(root, bytes, { pick = null, view: text = "", onPick = () => {}, onView = () => {}, linkTo = null, otherHeight = OTHER_HEIGHT } = {}) {
  const view = { root, onPick, onView, linkTo, otherHeight, pick, text, hover: null, marked: null, last: null, generation: 0 };
  view.element = make("div", { className: "rsp" });
  root.append(make("style", { textContent: STYLE }), view.element);
  const observer = new ResizeObserver(() => layout(view));
  observer.observe(view.element);
  const resized = () => layout(view);
  globalThis.addEventListener("resize", resized);
  const theme = globalThis.matchMedia("(prefers-color-scheme: dark)");
  const restyle = () => view.box && schedule(view, true);
  theme.addEventListener("change", restyle);
  show(view, bytes);
  return {
    update: (next) => show(view, next),
    restyle,
    setPick(pixel) {
      view.pick = pixel;
      if (view.box) Object.assign(view, { hover: null }), schedule(view);
    },
    setView(next) {
      view.text = next;
      if (view.payload) restore(view, next);
    },
    destroy() {
      view.generation += 1;
      cancelAnimationFrame(view.frame);
      clearTimeout(view.reporting);
      observer.disconnect();
      globalThis.removeEventListener("resize", resized);
      theme.removeEventListener("change", restyle);
      root.replaceChildren();
    },
  };
}

// Decoding takes a while; a payload that was overtaken by the next one is dropped.
async function show(view, bytes) {
  const generation = ++view.generation;
  view.element.dataset.ready = "0";
  performance.mark("rsp-lab-data");
  try {
    const payload = await unpack(bytes);
    const photograph = await createImageBitmap(payload.blocks.image);
    if (generation !== view.generation) return;
    const before = view.payload;
    Object.assign(view, { payload, photograph, hover: null, last: null, awaiting: false });
    if (before) keepChoices(view);
    else Object.assign(view, parseView(view.text, payload.header), view.pick && { pick: view.pick });
    build(view);
    layout(view);
    view.element.dataset.ready = "1";
    performance.measure("rsp-lab-first-paint", "rsp-lab-data");
  } catch (problem) {
    if (generation !== view.generation) return;
    const text = `This view cannot be shown: ${problem.message} Reload the page.`;
    view.element.replaceChildren(make("div", { className: "rsp-problem", textContent: text }));
  }
}

// Another image or model keeps what was chosen to see; places in the old image mean nothing in the new one.
function keepChoices(view) {
  const { header } = view.payload;
  const standard = parseView("", header);
  const steps = stepNames(header);
  Object.assign(view, {
    second: null,
    look: standard.look,
    active: steps.includes(view.active) ? view.active : standard.active,
    hidden: view.hidden.filter((name) => steps.includes(name)),
    attention: standard.attention.map((choice, i) => (choice && knows(header.sides[i], view.attention[i]) ? fitting(header.sides[i], view.attention[i]) : choice)),
  });
}

function knows(side, choice) {
  return choice && (choice.layer === NONE || chosenLayer(side, choice));
}

function restore(view, text) {
  // What was about to be reported is overtaken.
  clearTimeout(view.reporting);
  Object.assign(view, parseView(text, view.payload.header), { hover: null });
  build(view);
  layout(view);
}

function build(view) {
  const { header, blocks } = view.payload;
  view.labels = header.sides.map((side) => paintLabels(blocks[side.labels], header.classes));
  view.photographs = header.sides.map((side, i) => photographPanel(["left", "right"][i], side, header));
  view.side = sidePanel(header, view);
  view.bar = toolbar(view, {
    grids: (kind) => set(view, "grids", kind),
    spread: (kind) => set(view, "spread", kind),
    gaze: (on) => set(view, "gaze", on),
    zoom: (factor) => zoom(view, factor),
    whole: () => showWhole(view),
    second: () => askForSecond(view),
    link: view.linkTo && (() => copyView(view)),
  });
  view.steps = pairedSteps(header, stepNames(header)).map((pair) =>
    stepPanel(pair, header, {
      choose: (name) => set(view, "active", name),
      hide: (name, hidden) => hideStep(view, name, hidden),
      hidden: view.hidden.includes(pair.name),
    }),
  );
  // Without steps there are no grids to choose between.
  view.element.dataset.steps = String(view.steps.length);
  view.strip = make("div", { className: "rsp-strip" }, ...view.steps.map((step) => step.element));
  const figures = view.photographs.map((panel) => panel.figure);
  const top = make("div", { className: "rsp-top" }, ...figures, view.side.element);
  view.element.replaceChildren(top, view.side.legend, view.bar.element, view.strip);
  listen(view);
}

function listen(view) {
  view.photographs.forEach((panel) => listenToPhotograph(view, panel.frame));
  for (const panel of view.steps) {
    panel.first.grids.forEach((grid, i) => grid && listenToGrid(view, panel, grid, i, false));
    panel.second.grids.forEach((grid, i) => grid && listenToGrid(view, panel, grid, i, true));
  }
  view.side.slider.addEventListener("input", () => set(view, "opacity", view.side.slider.value / 100));
  view.side.toggle.addEventListener("change", () => set(view, "outlined", view.side.toggle.checked));
  view.photographs.forEach(({ attention: controls }, i) => {
    controls?.element.addEventListener("keydown", (event) => event.stopPropagation());
    controls?.layer.addEventListener("change", () => chooseAttention(view, i, { layer: controls.layer.value }));
    controls?.head.addEventListener("change", () => chooseAttention(view, i, { head: controls.chosenHead() }));
  });
  // Keys of the host page must not fire while a switch is in use.
  for (const element of [view.bar.element, view.side.element]) element.addEventListener("keydown", (event) => event.stopPropagation());
}

// Both photographs as large as one screen allows; beside them the panel, or below them where there is no room.
function layout(view) {
  const width = view.element.clientWidth;
  if (!view.payload || !view.steps || !width) return;
  const { size } = view.payload.header;
  const kind = width < 560 ? "narrow" : width < 860 ? "medium" : "wide";
  const room = { narrow: width, medium: (width - GAP) / 2, wide: (width - SIDE_PANEL - 2 * GAP) / 2 }[kind];
  const tallest = Math.max(240, globalThis.innerHeight - view.otherHeight);
  const photo = Math.floor(Math.min(room, (tallest * size[1]) / size[0]));
  view.element.dataset.width = kind;
  view.box = { width: photo, height: Math.round((photo * size[0]) / size[1]) };
  for (const { figure, frame } of view.photographs) {
    figure.style.width = frame.style.width = `${view.box.width}px`;
    frame.style.height = `${view.box.height}px`;
  }
  if (kind !== "narrow" && view.steps.length) view.strip.style.gridTemplateColumns = `repeat(${view.steps.length}, minmax(0, 1fr))`;
  else view.strip.style.gridTemplateColumns = "";
  drawKeys(view.steps);
  view.baseStale = true;
  draw(view);
}
