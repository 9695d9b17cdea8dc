// The parts of the page around the canvases. Names come from files and models: they are only ever set as text.
import { labelAt } from "./payload.js";
import { drawGrid, drawKey, drawOutlineKey, weightAt } from "./draw.js";

const HINT = "Move over a photograph, click to pin. Full colour is a grid's peak weight; own is the weight of the cursor's own cell.";
const PLAIN_WINDOW = { kernel_size: 7, dilation: 1 };

export function make(tag, properties = {}, ...children) {
  const { dataset, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

export function photographPanel(side, title) {
  const base = make("canvas");
  const overlay = make("canvas");
  const frame = make("div", { className: "rsp-photo", tabIndex: 0, dataset: { side } }, base, overlay);
  frame.setAttribute("role", "application");
  frame.setAttribute(
    "aria-label",
    `Photograph with the prediction of ${title}. Arrow keys move the cursor by a pixel, with Shift by a cell of ` +
      "level 3; Enter pins it, Escape returns to the pinned pixel.",
  );
  const says = make("span");
  return { base, overlay, frame, says, figure: make("figure", {}, make("figcaption", {}, make("b", { textContent: title }), says), frame) };
}

function chip(found) {
  const swatch = make("i", { className: "rsp-chip" });
  swatch.style.background = found ? found.colour : "transparent";
  return swatch;
}

function named(found) {
  return make("td", {}, chip(found), found ? found.name : "no label");
}

// What stands at the cursor, how strongly the predictions cover the photographs, and the outlines; the classes' colours
// apart, since they take a line of the whole width.
export function sidePanel(header, opacity, outlined) {
  const where = make("div", { className: "rsp-where" });
  const rows = make("tbody");
  const classes = header.classes.map((c) => make("div", {}, chip(c), c.name));
  const slider = make("input", { type: "range", min: 0, max: 100, value: Math.round(100 * opacity) });
  slider.setAttribute("aria-label", "Opacity of the predictions in percent");
  const percent = make("span", { textContent: `${slider.value} %` });
  slider.addEventListener("input", () => (percent.textContent = `${slider.value} %`));
  const hint = make("p", { className: "rsp-hint", textContent: HINT });
  const legend = make("div", { className: "rsp-classes" }, ...classes);
  const outlines = outlineKeys(header.outlines, outlined);
  const controls = make("div", { className: "rsp-controls" }, make("label", {}, "Predictions", slider, percent), outlines.element);
  const element = make("aside", {}, make("div", {}, where, make("table", {}, rows)), controls, hint);
  where.setAttribute("aria-live", "polite");
  return { element, where, hint, rows, classes, slider, legend, toggle: outlines.toggle };
}

// What is outlined, with its line; nothing where nothing is.
function outlineKeys(outlines, outlined) {
  const toggle = make("input", { type: "checkbox", checked: outlined });
  const keys = outlines.map((outline) => {
    const key = make("canvas");
    key.style.cssText = "width: 30px; height: 12px";
    drawOutlineKey(key, outline);
    return make("li", {}, key, make("span", { textContent: outline.words }));
  });
  const element = make("div", { className: "rsp-outlines", hidden: !outlines.length }, make("label", {}, toggle, "Outlines"), make("ul", {}, ...keys));
  return { element, toggle };
}

export function fillSidePanel(panel, payload, pixel, state) {
  const { header } = payload;
  panel.where.replaceChildren(`y ${pixel[0]}, x ${pixel[1]}`, make("small", { textContent: state }));
  const found = header.sides.map((side) => labelAt(payload, side.labels, pixel));
  const rows = header.sides.map((side, i) => [side.name, found[i]]);
  if (header.truth) rows.push(["true label", labelAt(payload, header.truth, pixel)]);
  panel.rows.replaceChildren(
    ...rows.map(([name, label]) => make("tr", {}, make("td", { textContent: name }), named(label))),
  );
  panel.classes.forEach((element, i) => element.classList.toggle("on", found.includes(header.classes[i])));
  return found;
}

// The steps of both sides, coarse to fine; a side that lacks a step has undefined in its place.
export function pairedSteps(header) {
  const names = [...new Set(header.sides.flatMap((side) => side.steps.map((step) => step.name)))];
  return names
    .sort((a, b) => b.localeCompare(a))
    .map((name) => ({ name, sides: header.sides.map((side) => side.steps.find((step) => step.name === name)) }));
}

export function stepPanel(pair, header, onChoose) {
  const step = pair.sides.find(Boolean);
  const [height, width] = [0, 1].map((axis) => rounded(header.size[axis] / step.cells[axis], 3));
  const level = header.levels[step.high];
  const key = make("canvas");
  key.style.cssText = "width: 26px; height: 10px";
  const facts = `level ${step.high} → ${step.low}, cell ${height} × ${width} px`;
  const button = make("button", { type: "button", title: `Show the weights of step ${step.high}${step.low} on the photographs` }, key,
    make("b", { textContent: `${step.high}${step.low}` }), make("span", { textContent: facts }));
  const grids = pair.sides.map(() => make("canvas"));
  const texts = pair.sides.map(() => make("p"));
  grids.forEach((grid) => grid.setAttribute("role", "img"));
  const element = make("div", { className: "rsp-step", dataset: { step: pair.name } }, button,
    make("div", { className: "rsp-pair" }, ...grids, ...texts));
  element.style.setProperty("--level", level.colour);
  button.addEventListener("click", () => onChoose(pair.name));
  const window = pair.sides.map((s) => s && s.window).find(Boolean) || PLAIN_WINDOW;
  return { ...pair, element, button, key, grids, texts, level, window };
}

export function fillStepPanel(panel, relations, names, ink, marked) {
  drawKey(panel.key, panel.level);
  relations.forEach((relation, i) => {
    const text = panel.texts[i];
    if (!relation) return text.replaceChildren("has no such step");
    drawGrid(panel.grids[i], relation, panel.window, panel.level, ink, marked);
    const lines = relation.passes ? ["passes all down", "own cell 1"] : described(relation);
    text.replaceChildren(names[i], ...lines.flatMap((line) => [make("br"), line]));
    panel.grids[i].setAttribute("aria-label", `Relation grid of ${names[i]}, ${panel.name}: ${lines.join(", ")}`);
  });
}

function described(relation) {
  const entropy = Number.isNaN(relation.entropy) ? "not defined" : relation.entropy.toFixed(2);
  return [`entropy ${entropy}`, `own ${share(relation.own)}, peak ${share(relation.largest)}`];
}

function rounded(value, digits) {
  return Number(value.toPrecision(digits));
}

// A weight with two significant digits; what is too small to be seen in a grid is only said to be so.
function share(weight) {
  if (Number.isInteger(weight)) return String(weight);
  return Math.abs(weight) < 0.001 ? "<0.001" : weight.toPrecision(2);
}

// One position of a grid in words, or how to use the page while the pointer is on none.
export function fillHint(panel, relation, index, count) {
  const [row, column] = [Math.floor(index / count), index % count];
  const weight = relation && weightAt(relation, row, column, count);
  const own = (count - 1) / 2;
  const dilation = relation && !relation.passes ? (relation.positions[1]?.offset[1] ?? 1) - relation.positions[0].offset[1] : 1;
  const signed = (n) => (n > 0 ? `+${n}` : `${n}`);
  const at = `${signed((row - own) * dilation)}, ${signed((column - own) * dilation)} cells`;
  if (!relation) panel.hint.textContent = HINT;
  else if (weight === undefined) panel.hint.textContent = `Off the map at ${at}.`;
  else panel.hint.textContent = `Share of weight ${share(weight)} at ${at}.`;
}
