// The picture as one SVG element: all that is drawn of a model, from where layout.js puts it.
import { band, squareRound } from "./layout.js";

const SPACE = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function text(x, y, words, attributes = {}) {
  return svg("text", { x, y, ...attributes }, words);
}

export function fixed(value) {
  const words = Math.abs(value) < 0.005 ? "0.00" : `${value > 0 ? "+" : ""}${value.toFixed(2)}`;
  return words.replace("-", "−");
}


// What is defined once and used by name: the photograph, and the fills of both signs.
export function definitions(picture, names) {
  const [height, width] = picture.size;
  const hatch = svg("pattern", { id: names.hatch, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  hatch.append(svg("rect", { width: 5, height: 5, fill: picture.colours.against }), svg("rect", { width: 1.2, height: 5, fill: "#fff", "fill-opacity": 0.75 }));
  return svg("defs", {}, svg("image", { id: names.photo, href: picture.image, x: -0.5, y: -0.5, width, height }), hatch);
}

// A part of the photograph in a box of the page.
function crop(names, [y, x, high, wide], box, attributes = {}) {
  const view = svg("svg", { ...box, viewBox: `${x} ${y} ${wide} ${high}`, preserveAspectRatio: "xMidYMid meet", ...attributes });
  view.append(svg("use", { href: `#${names.photo}` }));
  return view;
}

function frame(box, look, extra = {}) {
  const dash = look.dash.map((part) => 1.4 * part).join(" ");
  return svg("rect", { ...box, fill: "none", stroke: look.colour, "stroke-width": 1.6, "stroke-dasharray": dash || null, ...extra });
}

function ring(x, y, radius = 5) {
  const mark = (colour, wide) => svg("circle", { cx: x, cy: y, r: radius, fill: "none", stroke: colour, "stroke-width": wide });
  return svg("g", {}, mark("#fff", 3.6), mark("#1a1a1a", 1.5));
}

// Name, answer, and the photograph with the cells that stand alone.
export function drawHead(picture, side, state, sizes, names, { left, top, box }) {
  const group = svg("g", { class: "rsp-flow-head" });
  const says = `${side.says}: ${fixed(side.total)}`;
  const words = state.cuts.size ? `${says}; with the cuts ${fixed(state.total)}` : says;
  group.append(text(left, top + 14, side.name, { class: "rsp-flow-name" }), text(left, top + 32, words));
  const [height, width] = picture.size;
  const scale = box.width / width;
  const x = left + (sizes.panel - box.width) / 2;
  const y = top + 42;
  group.append(crop(names, [-0.5, -0.5, height, width], { x, y, width: box.width, height: box.height }));
  for (const row of side.rows) {
    for (const node of row.nodes) {
      if (!node.box) continue;
      const [up, start, down, end] = node.box;
      const cell = { x: x + (start + 0.5) * scale, y: y + (up + 0.5) * scale, width: (end - start) * scale, height: (down - up) * scale };
      group.append(svg("rect", { ...cell, fill: "none", stroke: "#fff", "stroke-width": 2.6 }), frame(cell, picture.levels[row.level] ?? picture.plain, { "stroke-width": 1.4 }));
    }
  }
  group.append(ring(x + (picture.pixel[1] + 0.5) * scale, y + (picture.pixel[0] + 0.5) * scale));
  return group;
}

export function drawNode(picture, row, node, sizes, names, scale) {
  const { side, pitch } = sizes;
  const look = picture.levels[row.level] ?? picture.plain;
  const group = svg("g", { class: "rsp-flow-node" });
  const box = { x: node.x - side / 2, y: node.y, width: side, height: side };
  if (node.box) {
    const [y, x, wide] = squareRound(node.box, picture.size);
    group.append(crop(names, [y, x, wide, wide], box), svg("rect", { ...box, fill: "none", stroke: "#fff", "stroke-width": 1.6 }), frame(box, look));
    const unit = side / wide;
    const [up, start, down, end] = node.box;
    if (Math.max(end - start, down - up) * unit < 0.7 * side) {
      const cell = { x: box.x + (start - x) * unit, y: box.y + (up - y) * unit, width: (end - start) * unit, height: (down - up) * unit };
      group.append(svg("rect", { ...cell, fill: "none", stroke: "#fff", "stroke-width": 2.4 }), svg("rect", { ...cell, fill: "none", stroke: "#1a1a1a", "stroke-width": 0.9 }));
    }
  } else {
    const wide = Math.min(pitch - 4, Math.max(side, 46));
    group.append(frame({ ...box, x: node.x - wide / 2, width: wide }, look, { class: "rsp-flow-others" }));
    const count = node.cells < 10000 ? String(node.cells) : `${Math.round(node.cells / 1000)}k`;
    group.append(text(node.x, node.y + side / 2 - 2, count, { class: "rsp-flow-quiet middle" }), text(node.x, node.y + side / 2 + 12, row.nodes.length === 1 ? "cells" : "more", { class: "rsp-flow-quiet middle" }));
  }
  const wide = Math.min(Math.abs(node.own) * scale, pitch - 4);
  if (wide > 0.3) group.append(svg("rect", { x: node.x - wide / 2, y: node.y + side - 4, width: wide, height: 6, fill: node.own >= 0 ? picture.colours.for : `url(#${names.hatch})` }));
  group.append(text(node.x, node.y + side + 14, fixed(node.own), { class: "middle" }));
  group.append(svg("title", {}, nodeWords(row, node)));
  return group;
}

function nodeWords(row, node) {
  const where = node.cell ? `${row.name}, cell y ${node.cell[0]}, x ${node.cell[1]}` : `${row.name}, ${node.cells} other cells`;
  return `${where}: adds ${fixed(node.own)} logits, hands on ${fixed(node.held)}`;
}

export function ribbonWords(side, ribbon, value) {
  const end = (level, index) => {
    const row = side.rows.find((one) => one.level === level);
    const node = row.nodes[index];
    return node.cell ? `${row.name} (${node.cell.join(", ")})` : `${row.name}, other cells`;
  };
  const to = ribbon.sink === null ? "the pixel" : end(ribbon.level - 1, ribbon.sink);
  return `${side.name}: ${end(ribbon.level, ribbon.source)} to ${to}, ${fixed(value)} logits`;
}

export function drawRibbon(picture, side, ribbon, value, cut, scale, names) {
  const words = cut ? `${ribbonWords(side, ribbon, ribbon.value)}, cut. Restore it` : `${ribbonWords(side, ribbon, value)}. Cut it`;
  const wide = (cut ? Math.abs(ribbon.value) : Math.abs(value)) * scale;
  const fill = cut ? "transparent" : value >= 0 ? picture.colours.for : `url(#${names.hatch})`;
  const shape = svg("path", {
    d: band(ribbon, Math.max(wide, 0.2)),
    class: `rsp-flow-ribbon${cut ? " cut" : ""}`,
    fill,
    "fill-opacity": side.direct ? 0.45 : 0.85,
    tabindex: ribbon.wide >= 1.5 ? 0 : null,
    role: "button",
    "aria-pressed": String(cut),
    "aria-label": words,
    "data-key": ribbon.key,
  });
  shape.append(svg("title", {}, words));
  return shape;
}

// The pixel with what enters beside it, and what it all comes to.
export function drawPixel(picture, side, pixel, sizes, names, state) {
  const { x, y, side: high } = pixel;
  const [row, column] = picture.pixel;
  const reach = 0.06 * Math.min(...picture.size) + 4;
  const [top, left, wide] = squareRound([row - reach, column - reach, row + reach, column + reach], picture.size, 0);
  const group = svg("g", { class: "rsp-flow-pixel" });
  group.append(crop(names, [top, left, wide, wide], { x: x - high / 2, y, width: high, height: high }));
  const unit = high / wide;
  group.append(ring(x - high / 2 + (column - left) * unit, y + (row - top) * unit));
  const changed = state.cuts.size > 0;
  const words = changed ? `= ${fixed(state.total)} (was ${fixed(side.total)})` : `= ${fixed(side.total)}`;
  group.append(text(x, y + high + 20, words, { class: "rsp-flow-total middle" }));
  const beside = [...side.beside.map((one) => [one.name, state.flowing.get(`${one.level}/0/pixel`), null]), ["bias", side.bias, side.step_biases]].slice(-2);
  beside.forEach(([name, value, steps], i) => {
    const sign = beside.length === 1 || i === 1 ? 1 : -1;
    const near = x + sign * (high / 2 + 2);
    const thick = Math.abs(value) * sizes.scale;
    group.append(svg("rect", { x: sign > 0 ? near : near - 18, y: y + high / 2 - thick / 2, width: 18, height: thick, fill: value >= 0 ? picture.colours.for : `url(#${names.hatch})` }));
    const anchor = sign > 0 ? "start" : "end";
    const end = near + sign * 22;
    // The biases of the steps enter on the way; without them the numbers of the picture would not add up.
    const lines = [name, fixed(value), ...(steps === null ? [] : ["of the steps", fixed(steps)])];
    lines.forEach((line, j) => group.append(text(end, y + high / 2 + 15 * (j - lines.length / 2) + 12, line, { class: "rsp-flow-quiet", "text-anchor": anchor })));
  });
  return group;
}
