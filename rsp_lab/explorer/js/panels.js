// The parts of the page around the canvases: photographs, the side panel, and the grids of a step.
import { attentionControls } from "./attention.js";
import { answerAt, contributionsAt, labelAt } from "./payload.js";
import { drawGrid, drawKey, drawOutlineKey, gridOf, weightAt } from "./grid.js";
import { chip, keyCanvas, make, number, rounded, share, signed } from "./make.js";

const PLAIN_WINDOW = { kernel_size: 7, dilation: 1 };
const HINTS = {
  weights: "Share of weight; own: the cursor's own cell.",
  content: "Query times key, less the window's mean; score units, one scale a step.",
  position: "The gaze's plane, less the window's mean; score units, one scale a step.",
};
const CHAIN_HINT = " Outlined: the fewest cells that hold 90 % of what a level gives the pixel, and how far they reach.";
const ENDS = { weights: ["0", "grid's peak"], scores: ["−scale", "0", "+scale"] };

// What an arrow key moves the cursor by, in words.
export function arrowStep(header) {
  return header.sides.some((side) => side.steps.length) ? "a cell of level 3" : "8 pixels";
}

export function photographPanel(place, side, header) {
  const title = side.name;
  const base = make("canvas");
  const overlay = make("canvas");
  const frame = make("div", { className: "rsp-photo", tabIndex: 0, dataset: { side: place } }, base, overlay);
  frame.setAttribute("role", "application");
  frame.setAttribute(
    "aria-label",
    `Photograph with the prediction of ${title}. Arrow keys move the cursor by ${arrowStep(header)}, with Shift by a pixel; ` +
      "Enter pins it, Shift and Enter pin a second pixel, Delete takes that away, Escape returns to the pinned pixel; " +
      `plus, minus and 0 zoom${side.attention ? "; L and H show another layer and head of its attention, with Shift the one before" : ""}.`,
  );
  const says = make("span");
  const attention = side.attention && attentionControls(side);
  const below = attention ? [attention.element] : [];
  const figure = make("figure", {}, make("figcaption", {}, make("b", { textContent: title }), says), frame, ...below);
  return { base, overlay, frame, says, attention, figure };
}

// What a model says at a pixel, and its margin as far as the logits' cells around the pixel tell it.
export function answerText(found, answer) {
  if (!found) return "";
  if (!answer) return `says ${found.name}`;
  if (answer.atLeast !== undefined) return `says ${found.name}, by at least ${number(answer.atLeast)} logits`;
  if (answer.margin === undefined) return `says ${found.name}, at the edge of ${answer.beside.find((c) => c !== found).name}`;
  const rival = answer.label === found ? answer.runnerUp : answer.label;
  return `says ${found.name}, ${number(answer.margin)} logits over ${rival.name}`;
}

function named(found) {
  return make("td", {}, chip(found), found ? found.name : "no label");
}

// What stands at the cursor and at the second pixel, how strongly the predictions cover the photographs, and the
// outlines; the classes' colours apart, since they take a line of the whole width.
export function sidePanel(header, view) {
  const first = whereBlock();
  const second = whereBlock();
  const classes = header.classes.map((c) => make("div", {}, chip(c), c.name));
  const percent = () => `${Math.round(100 * view.opacity)} %`;
  const slider = make("input", { type: "range", min: 0, max: 100, value: Math.round(100 * view.opacity) });
  slider.setAttribute("aria-label", "Opacity of the predictions in percent");
  const said = make("span", { textContent: percent() });
  slider.addEventListener("input", () => (said.textContent = `${slider.value} %`));
  const scale = make("div", { className: "rsp-scale" });
  const ends = make("div", { className: "rsp-ends" });
  const hint = make("p", { className: "rsp-hint" });
  const status = make("p", { className: "rsp-status" });
  status.setAttribute("role", "status");
  const legend = make("div", { className: "rsp-classes" }, ...classes);
  const outlines = outlineKeys(header.outlines, view.outlined);
  const controls = make("div", { className: "rsp-controls" }, make("label", {}, "Predictions", slider, said), outlines.element);
  const key = make("div", { className: "rsp-legend" }, scale, ends, hint);
  const element = make("aside", {}, make("div", {}, first.element, second.element), controls, key, status);
  return { element, first, second, scale, ends, hint, status, classes, slider, legend, toggle: outlines.toggle };
}

function whereBlock() {
  const where = make("div", { className: "rsp-where" });
  const rows = make("tbody");
  return { where, rows, element: make("div", {}, where, make("table", {}, rows)) };
}

// What is outlined, with its line; nothing where nothing is.
function outlineKeys(outlines, outlined) {
  const toggle = make("input", { type: "checkbox", checked: outlined });
  const keys = outlines.map((outline) => {
    const key = keyCanvas(22, 12);
    drawOutlineKey(key, outline);
    return make("li", { title: outline.words }, key, make("span", { textContent: outline.name }));
  });
  const element = make("div", { className: "rsp-outlines", hidden: !outlines.length }, make("label", {}, toggle, "Outlines"), make("ul", {}, ...keys));
  return { element, toggle };
}

export function fillWhere(block, payload, pixel, state) {
  const { header } = payload;
  block.where.replaceChildren(`y ${pixel[0]}, x ${pixel[1]}`, make("small", { textContent: state }));
  const found = header.sides.map((side) => labelAt(payload, side.labels, pixel));
  const rows = header.sides.flatMap((side, i) => {
    const row = make("tr", {}, make("td", { textContent: side.name }), named(found[i]));
    const parts = contributionsAt(payload, side, pixel);
    if (parts) return [row, make("tr", {}, levelParts(parts))];
    return side.levels?.refused ? [row, make("tr", {}, noParts(side.levels.refused))] : [row];
  });
  if (header.truth) rows.push(make("tr", {}, make("td", { textContent: "true label" }), named(labelAt(payload, header.truth, pixel))));
  block.rows.replaceChildren(...rows);
  return found;
}

// Where the margin of a cell comes from, in rows under what a network of another make says.
function levelParts(parts) {
  const rows = parts.flatMap(({ name, value }) => [make("span", { textContent: name }), make("span", { textContent: signed(value) })]);
  const head = make("span", { className: "rsp-whole", textContent: "its margin here, in logits, from" });
  return make("td", { colSpan: 2 }, make("div", { className: "rsp-parts" }, head, ...rows));
}

function noParts(why) {
  const details = make("details", { className: "rsp-refused" }, make("summary", { textContent: "no account by level adds up" }), why);
  return make("td", { colSpan: 2 }, details);
}

// The answers of both sides at a pixel, as their captions say them.
export function answersAt(payload, pixel) {
  return payload.header.sides.map((side) => answerText(labelAt(payload, side.labels, pixel), answerAt(payload, side, pixel)));
}

export function markClasses(panel, header, found) {
  panel.classes.forEach((element, i) => element.classList.toggle("on", found.includes(header.classes[i])));
}

// The steps of both sides by name, highest first; a side without a step of that name has undefined there.
export function pairedSteps(header, names) {
  return names.map((name) => ({ name, sides: header.sides.map((side) => side.steps.find((step) => step.name === name)) }));
}

export function stepPanel(pair, header, { choose, hide, hidden }) {
  const step = pair.sides.find(Boolean);
  const [height, width] = [0, 1].map((axis) => rounded(header.size[axis] / step.cells[axis], 3));
  const level = header.levels[step.high];
  const key = keyCanvas(26, 10);
  const facts = `level ${step.high} → ${step.low}, cell ${height} × ${width} px`;
  const title = `Show the weights of step ${step.high}${step.low} on the photographs`;
  const button = make("button", { type: "button", title }, key, make("b", { textContent: `${step.high}${step.low}` }), make("span", { textContent: facts }));
  const eye = make("input", { type: "checkbox", checked: !hidden, title: `Level ${step.high} on the photographs` });
  eye.setAttribute("aria-label", eye.title);
  const shown = header.sides.map((side) => side.steps.length > 0);
  const first = gridPair(shown);
  const second = gridPair(shown);
  const mark = make("div", { className: "rsp-mark" });
  const below = make("div", {}, mark, second.element);
  const element = make("div", { className: "rsp-step", dataset: { step: pair.name } }, make("div", { className: "rsp-head" }, button, eye), first.element, below);
  element.style.setProperty("--level", level.colour);
  button.addEventListener("click", () => choose(pair.name));
  eye.addEventListener("change", () => hide(pair.name, !eye.checked));
  const window = pair.sides.map((s) => s && s.window).find(Boolean) || PLAIN_WINDOW;
  return { ...pair, element, button, key, eye, first, second, mark, below, level, window };
}

// A side without any steps has no place here: null.
function gridPair(shown) {
  const grids = shown.map((there) => (there ? make("canvas") : null));
  const texts = shown.map((there) => (there ? make("p") : null));
  const found = grids.filter(Boolean);
  found.forEach((grid) => grid.setAttribute("role", "img"));
  const element = make("div", { className: "rsp-pair", dataset: { sides: found.length } }, ...found, ...texts.filter(Boolean));
  return { grids, texts, element };
}

// Both parts of both sides share a scale, so that what decides more is seen.
export function scoreLimit(seen) {
  const values = seen.flatMap((one) => (one?.scores ? [...one.scores.content, ...one.scores.position] : []));
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

// `seen` is what each side sees at a pixel in this step, undefined where it has no such step.
export function fillPair(panel, pair, seen, names, { kind, spread, ink, width, marked }) {
  const limit = kind === "weights" ? 0 : scoreLimit(seen);
  seen.forEach((one, i) => {
    const text = pair.texts[i];
    if (!text) return;
    if (!one) return text.replaceChildren(`${names[i]} has no such step`);
    const grid = gridOf(one.relation, one.scores, kind, limit, panel.level);
    drawGrid(pair.grids[i], width, grid, panel.window, panel.level, ink, marked);
    const lines = [...described(one, kind, limit, spread), spread === "chain" && chainLine(one)].filter(Boolean);
    text.replaceChildren(names[i], ...lines.flatMap((line) => [make("br"), line]));
    pair.grids[i].setAttribute("aria-label", `${kind} of ${names[i]}, ${panel.name}: ${lines.join(", ")}`);
  });
}

// One short line each, so that none breaks in two when the numbers change.
function described({ relation, scores }, kind, limit, spread) {
  const whole = spread !== "chain";
  if (kind !== "weights") {
    if (!scores) return ["scores nothing", whole && "own cell 1"];
    const values = scores[kind].filter((_, i) => relation.positions[i].inside);
    const range = `${number(Math.min(...values))} to ${number(Math.max(...values))}`;
    return [range, `scale ±${number(limit)}`, whole && `mean ${number(scores.means[kind])}`];
  }
  if (relation.passes) return ["passes all down", whole && "own cell 1"];
  const entropy = Number.isNaN(relation.entropy) ? "not defined" : relation.entropy.toFixed(2);
  return [`entropy ${entropy}`, whole && `own ${share(relation.own)}`, `peak ${share(relation.largest)}`];
}

function chainLine({ held }) {
  return `90 %: ${held.count} ${held.count === 1 ? "cell" : "cells"}, ${Math.round(held.reach)} px`;
}

export function drawKeys(panels) {
  panels.forEach(({ key, level }) => drawKey(key, level));
}

// One position of a grid in words.
export function positionText({ relation, scores }, index, count) {
  const [row, column] = [Math.floor(index / count), index % count];
  const own = (count - 1) / 2;
  const dilation = relation.passes ? 1 : (relation.positions[1]?.offset[1] ?? 1) - relation.positions[0].offset[1];
  const offset = (n) => (n > 0 ? `+${n}` : `${n}`);
  const at = `${offset((row - own) * dilation)}, ${offset((column - own) * dilation)} cells`;
  const weight = weightAt(relation, row, column, count);
  if (weight === undefined) return `Off the map at ${at}.`;
  const text = `Share of weight ${share(weight)} at ${at}.`;
  if (!scores) return text;
  return `${text} Content ${signed(scores.content[index])}, position ${signed(scores.position[index])} score units.`;
}

// What the colours of the grids mean, and what to do while the pointer is on none of them.
export function fillLegend(panel, view, marked) {
  const kind = view.grids === "weights" ? "weights" : "scores";
  if (panel.scale.dataset.kind !== kind) panel.ends.replaceChildren(...ENDS[kind].map((end) => make("span", { textContent: end })));
  panel.scale.dataset.kind = kind;
  panel.hint.textContent = marked ?? HINTS[view.grids] + (view.spread === "chain" ? CHAIN_HINT : "");
}
