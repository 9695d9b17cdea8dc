// The decision flow in a page: drawn coarse to fine, and a click on a ribbon cuts it. What is left then is a sum of what
// flows along the other ways, exactly the frozen head's answer; nothing is asked of a server.
import { make } from "../make.js";
import { measures, placeSide } from "./layout.js";
import { flowWithout, readSides, ribbonKey } from "./paths.js";
import { definitions, drawHead, drawNode, drawPixel, drawRibbon, fixed, svg, text } from "./svg.js";
import { FLOW_STYLE } from "./style.js";

const STEP_MS = 420;
const HEAD = 54;
let instances = 0;
let ruler = null;

// Shows a picture (rsp_lab.explorer.flow_picture) inside `root`:
//   cuts: keys of ribbons by side to begin with; onCuts(cuts): the reader cut or restored some
//   alone: the page is the picture alone, so it plays at first, and the page's own printing is offered
export function mountFlow(root, picture, { cuts = [], onCuts = () => {}, alone = false } = {}) {
  const view = { onCuts, past: [], number: (instances += 1), width: 0 };
  view.element = make("div", { className: "rsp-flow" });
  view.bar = make("div", { className: "rsp-flow-bar" });
  view.words = make("p", { className: "rsp-flow-words" });
  view.words.setAttribute("aria-live", "polite");
  view.place = make("div", { className: "rsp-flow-place" });
  view.element.append(view.bar, view.words, view.place);
  root.append(make("style", { textContent: FLOW_STYLE }), view.element);
  const button = (words, action) => {
    const one = make("button", { type: "button", textContent: words });
    one.addEventListener("click", action);
    return one;
  };
  view.undo = button("Undo", () => undo(view));
  view.reset = button("Restore all", () => change(view, view.cuts.map(() => new Set())));
  view.bar.append(button("Play coarse to fine", () => play(view)), view.undo, view.reset, button("Save as SVG", () => save(view)));
  if (alone) view.bar.append(button("Print or save as PDF", () => globalThis.print()));
  view.element.addEventListener("keydown", (event) => pressed(view, event));
  view.element.addEventListener("click", (event) => toggle(view, event.target.closest?.(".rsp-flow-ribbon")));
  const observer = new ResizeObserver(() => resized(view));
  observer.observe(view.place);
  show(view, picture, cuts);
  if (alone) play(view);
  return {
    update: (next, kept = []) => show(view, next, kept),
    destroy() {
      observer.disconnect();
      view.element.remove();
    },
  };
}

function show(view, picture, cuts) {
  view.picture = picture;
  view.sides = readSides(picture);
  view.cuts = view.sides.map((side, i) => ribbonsOf(side, cuts[i] ?? []));
  view.past = [];
  view.names = Object.fromEntries(["photo", "hatch"].map((name) => [name, `rsp-flow-${name}-${view.number}`]));
  view.width = 0;
  resized(view);
}

// What a link cuts in vain is left out.
function ribbonsOf(side, keys) {
  const known = new Set(side.ribbons.map(ribbonKey));
  return new Set(keys.filter((key) => known.has(key)));
}

function resized(view) {
  const width = Math.floor(view.place.clientWidth);
  if (!width || width === view.width) return;
  view.width = width;
  draw(view);
}

function states(view) {
  return view.sides.map((side, i) => ({ ...flowWithout(side, view.cuts[i]), cuts: view.cuts[i] }));
}

function draw(view) {
  const { picture, sides, names } = view;
  const sizes = measures(picture, view.width);
  const found = states(view);
  const focused = view.place.querySelector(":focus")?.dataset;
  const [height, width] = picture.size;
  const room = Math.min(sizes.panel, 420);
  const scale = Math.min(room / width, 170 / height);
  const box = { width: width * scale, height: height * scale };
  const head = HEAD + box.height + 20;
  const element = svg("svg", { class: "rsp-flow-svg", role: "group", "aria-label": picture.title });
  const family = getComputedStyle(view.place).fontFamily || "sans-serif";
  const title = wrapped(picture.title, view.width, `600 15px ${family}`);
  element.append(definitions(picture, names), ...title.map((line, i) => text(0, 16 + 20 * i, line, { class: "rsp-flow-title" })));
  const above = 10 + 20 * title.length;
  let bottom = 0;
  sides.forEach((side, i) => {
    const left = sizes.beside ? i * (sizes.panel + sizes.gap) : 0;
    const top = sizes.beside || !i ? above : bottom + 30;
    const placed = placeSide(side, sizes, left, top + head);
    element.append(drawSide(view, i, found[i], placed, sizes, { left, top, box }));
    bottom = placed.bottom;
  });
  bottom = drawKey(element, picture, sizes, view.width, bottom + 16, family);
  element.setAttribute("viewBox", `0 0 ${view.width} ${Math.ceil(bottom)}`);
  element.setAttribute("width", view.width);
  element.setAttribute("height", Math.ceil(bottom));
  view.place.replaceChildren(element);
  if (focused?.key) element.querySelector(`[data-key="${focused.key}"][data-side="${focused.side}"]`)?.focus();
  view.undo.disabled = !view.past.length;
  view.reset.disabled = !view.cuts.some((one) => one.size);
  say(view, found);
}

function drawSide(view, number, state, placed, sizes, { left, top, box }) {
  const { picture, names } = view;
  const side = view.sides[number];
  const group = svg("g", { role: "group", "aria-label": side.name });
  group.append(drawHead(picture, side, state, sizes, names, { left, top, box }));
  const order = new Map(sizes.levels.map((level, i) => [level, i]));
  const layer = (level, late = 0) => svg("g", { class: "rsp-flow-step", "data-step": 2 * order.get(level) + late });
  const later = [];
  for (const row of placed.rows) {
    const nodes = layer(row.level);
    const own = row.nodes.reduce((sum, node) => sum + node.own, 0);
    // A stride has a line of its own: beside the level it would reach below the first node.
    const name = sizes.label < 60 ? row.name.replace("stride ", "/") : row.name;
    const lines = [...name.replace(" (", "\n(").split("\n"), fixed(own)];
    lines.forEach((line, i) => nodes.append(text(left, row.y + sizes.side / 2 + 5 + 16 * (i - (lines.length - 1) / 2), line, { class: "rsp-flow-quiet rsp-flow-level" })));
    nodes.append(...row.nodes.map((node) => drawNode(picture, row, node, sizes, names, sizes.scale)));
    later.push(nodes);
    const ribbons = layer(row.level, 1);
    const leaving = placed.ribbons.filter((ribbon) => ribbon.level === row.level).sort((a, b) => b.wide - a.wide);
    for (const ribbon of leaving) {
      const shape = drawRibbon(picture, side, ribbon, state.flowing.get(ribbon.key), view.cuts[number].has(ribbon.key), sizes.scale, names);
      shape.dataset.side = String(number);
      ribbons.append(shape);
    }
    group.append(ribbons);
  }
  const end = svg("g", { class: "rsp-flow-step", "data-step": 2 * sizes.levels.length });
  end.append(drawPixel(picture, side, placed.pixel, sizes, names, state));
  group.append(...later, end);
  return group;
}

function drawKey(element, picture, sizes, width, top, family) {
  const unit = roundNumber(70 / sizes.scale);
  const words = `${unit} logit${unit === 1 ? "" : "s"}`;
  element.append(
    svg("rect", { x: 0, y: top, width: 24, height: 12, fill: picture.colours.for }),
    text(30, top + 11, `for ${picture.class}`),
    svg("rect", { x: 0, y: top + 20, width: 24, height: 12, fill: `url(#${element.querySelector("pattern").id})` }),
    text(30, top + 31, `for ${picture.rival}`),
    svg("rect", { x: width - unit * sizes.scale, y: top + 5, width: unit * sizes.scale, height: 2.5, fill: "currentColor" }),
    text(width - unit * sizes.scale - 8, top + 11, words, { "text-anchor": "end" }),
  );
  let y = top + 54;
  for (const [sentence, quiet] of [[picture.sentence, false], [picture.exact, true]]) {
    for (const line of wrapped(sentence, width, `${quiet ? 13 : 14}px ${family}`)) {
      element.append(text(0, y, line, { class: quiet ? "rsp-flow-quiet" : "rsp-flow-sentence" }));
      y += 19;
    }
  }
  return y;
}

// Lines of words that are no wider than so many pixels in a font.
function wrapped(words, width, font) {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = font;
  const lines = [""];
  for (const word of words.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (ruler.measureText(longer).width > width && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function roundNumber(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return Number((power * [5, 2, 1].find((step) => step * power <= value * 1.0000001)).toPrecision(1));
}

// What the answers are without the ribbons that are cut.
function say(view, found) {
  const { picture } = view;
  const parts = view.sides
    .map((side, i) => {
      const count = view.cuts[i].size;
      if (!count) return null;
      const wins = found[i].total >= 0 ? `${picture.class} over ${picture.rival}` : `${picture.rival} over ${picture.class}`;
      return `${side.name} without ${count} ribbon${count === 1 ? "" : "s"}: ${fixed(found[i].total)} logits (was ${fixed(side.total)}), ${wins}.`;
    })
    .filter(Boolean);
  view.words.textContent = parts.length
    ? `${parts.join(" ")} Exact in the frozen head: relation weights stay as they were.`
    : "Click a ribbon to cut it: the answers without it appear here, and can be undone.";
}

function toggle(view, ribbon) {
  if (!ribbon) return;
  const cuts = view.cuts.map((one) => new Set(one));
  const own = cuts[Number(ribbon.dataset.side)];
  if (!own.delete(ribbon.dataset.key)) own.add(ribbon.dataset.key);
  change(view, cuts);
}

function change(view, cuts) {
  view.past.push(view.cuts);
  settle(view, cuts);
}

function undo(view) {
  if (view.past.length) settle(view, view.past.pop());
}

function settle(view, cuts) {
  view.cuts = cuts;
  draw(view);
  view.onCuts(cuts.map((one) => [...one]));
}

function pressed(view, event) {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") {
    event.preventDefault();
    undo(view);
  } else if (["Enter", " "].includes(event.key) && event.target.closest?.(".rsp-flow-ribbon")) {
    event.preventDefault();
    toggle(view, event.target);
  }
  // Keys of the host page must not fire while the picture is in use.
  event.stopPropagation();
}

// Level by level, coarse to fine; all at once for readers who asked for less motion.
function play(view) {
  if (globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const step of view.place.querySelectorAll(".rsp-flow-step")) {
    step.animate?.([{ opacity: 0 }, { opacity: 0, offset: 0.2 }, { opacity: 1 }], { duration: STEP_MS, delay: (STEP_MS * Number(step.dataset.step)) / 2, fill: "backwards", easing: "ease-out" });
  }
}

// The picture as it stands as a file of its own.
function save(view) {
  const copy = view.place.firstChild.cloneNode(true);
  copy.prepend(svg("style", {}, `.rsp-flow-svg { color: #1a1a1a; background: #fff; font: 13px sans-serif; --quiet: #5f5f5f; } ${FLOW_STYLE}`));
  const content = new XMLSerializer().serializeToString(copy);
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type: "image/svg+xml" })), download: "decision_flow.svg" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
