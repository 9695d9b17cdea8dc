// Drawing on canvases: photographs, footprints, cursors and relation grids. Nothing here knows about events.
import { footprint } from "./geometry.js";

// A 2d context whose unit is the CSS pixel, cleared; the backing store follows the screen's pixel ratio.
export function prepared(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const context = canvas.getContext("2d");
  context.setTransform(w / width, 0, 0, h / height, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Train ids as a picture in the classes' colours; what the label ignores stays transparent.
export function paintLabels(labels, classes) {
  const [height, width] = labels.shape;
  const canvas = Object.assign(document.createElement("canvas"), { height, width });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const words = new Uint32Array(picture.data.buffer);
  const colours = new Uint32Array(256);
  classes.forEach(({ colour }, i) => {
    const rgb = parseInt(colour.slice(1), 16);
    colours[i] = 0xff000000 | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16);
  });
  labels.values.forEach((id, i) => (words[i] = colours[id]));
  context.putImageData(picture, 0, 0);
  return canvas;
}

export function drawPhotograph(canvas, box, photograph, labels, opacity) {
  const context = prepared(canvas, box.width, box.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(photograph, 0, 0, box.width, box.height);
  context.globalAlpha = opacity;
  context.imageSmoothingEnabled = false;
  context.drawImage(labels, 0, 0, box.width, box.height);
  context.globalAlpha = 1;
}

// The box [top, left, bottom, right] of image pixels on a canvas that shows the whole image.
function placed([top, left, bottom, right], size, box) {
  const [down, along] = [box.height / size[0], box.width / size[1]];
  return [(left + 0.5) * along, (top + 0.5) * down, (right - left) * along, (bottom - top) * down];
}

// A level's line: a dark halo under its colour, so that it shows on any photograph.
function outline(context, rectangle, level, width) {
  context.lineWidth = width + 2;
  context.strokeStyle = "rgba(0, 0, 0, 0.45)";
  context.setLineDash([]);
  context.strokeRect(...rectangle);
  context.lineWidth = width;
  context.strokeStyle = level.colour;
  context.setLineDash(level.dash.map((length) => length * width));
  context.strokeRect(...rectangle);
  context.setLineDash([]);
}

// Where the weights of the relations fall: every window's outline, and the active step's weights from transparent to
// the level's full colour at its largest weight.
export function drawFootprints(context, relations, active, levels, size, box) {
  for (const { step, relation } of relations) {
    const level = levels[step.high];
    if (step.name === active) {
      context.fillStyle = level.colour;
      relation.positions.forEach(({ box: cell, inside }, i) => {
        if (!inside) return;
        context.globalAlpha = 0.85 * Math.min(1, Math.abs(relation.weights[i]) / (relation.largest || 1));
        context.fillRect(...placed(cell, size, box));
      });
      context.globalAlpha = 1;
    }
    outline(context, placed(footprint(relation, size), size, box), level, step.name === active ? 2.5 : 1.25);
  }
}

export function drawCell(context, cell, size, box) {
  context.lineWidth = 2;
  context.strokeStyle = "#FFFFFF";
  context.strokeRect(...placed(cell, size, box));
}

// The outlines of masks as paths on a canvas that shows the whole image; a pair of NaN ends a line.
export function outlinePaths(outlines, blocks, size, box) {
  const [down, along] = [box.height / size[0], box.width / size[1]];
  return outlines.map((outline) => {
    const path = new Path2D();
    const { values } = blocks[outline.path];
    let first = true;
    for (let i = 0; i < values.length; i += 2) {
      const ended = Number.isNaN(values[i]);
      if (!ended) path[first ? "moveTo" : "lineTo"]((values[i + 1] + 0.5) * along, (values[i] + 0.5) * down);
      first = ended;
    }
    return { ...outline, path };
  });
}

// On a dark rim, so that they show on sky and asphalt alike; the region last, since it lies inside the others' reach.
export function drawOutlines(context, outlines) {
  for (const { path, colour, dash } of [...outlines].reverse()) stroked(context, colour, dash, 1.75, () => context.stroke(path));
}

function stroked(context, colour, dash, width, stroke) {
  for (const [line, style] of [[width + 1.5, "rgba(16, 16, 16, 0.85)"], [width, colour]]) {
    context.lineWidth = line;
    context.strokeStyle = style;
    context.setLineDash(dash.map((length) => length * width));
    stroke();
  }
  context.setLineDash([]);
}

// A cross that leaves its middle open, white on black; the pinned pixel has a ring.
export function drawCursor(context, pixel, size, box, pinned) {
  const x = ((pixel[1] + 0.5) * box.width) / size[1];
  const y = ((pixel[0] + 0.5) * box.height) / size[0];
  for (const [width, colour] of [[3.5, "rgba(0, 0, 0, 0.7)"], [1.5, "#FFFFFF"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    if (pinned) context.arc(x, y, 5, 0, 2 * Math.PI);
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 5 * dx, y + 5 * dy);
      context.lineTo(x + 12 * dx, y + 12 * dy);
    }
    context.stroke();
  }
}

// Side by side, the grid of every step has the same k x k positions, whatever its cells measure in the image.
export function drawGrid(canvas, relation, window, level, ink, marked) {
  const width = canvas.clientWidth || 118;
  const context = prepared(canvas, width, width);
  const count = window.kernel_size;
  const edge = (i) => 2 + Math.round(((width - 4) * i) / count);
  const own = (count - 1) / 2;
  context.fillStyle = ink;
  context.globalAlpha = 0.06;
  context.fillRect(2, 2, width - 4, width - 4);
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      const [x, y] = [edge(column), edge(row)];
      const cell = [x, y, edge(column + 1) - x - 1, edge(row + 1) - y - 1];
      drawGridCell(context, cell, weightAt(relation, row, column, count), relation.largest, level.colour, ink);
    }
  }
  context.globalAlpha = 1;
  context.strokeStyle = ink;
  const at = marked === undefined ? own * count + own : marked;
  for (const [index, line] of [[own * count + own, 1], [at, 2]]) {
    const [row, column] = [Math.floor(index / count), index % count];
    const [x, y] = [edge(column), edge(row)];
    context.lineWidth = line;
    context.strokeRect(x - 0.5, y - 0.5, edge(column + 1) - x, edge(row + 1) - y);
  }
  context.lineWidth = 2;
  context.strokeStyle = level.colour;
  context.setLineDash(level.dash.map((length) => length * 2));
  context.strokeRect(1, 1, width - 2, width - 2);
  context.setLineDash([]);
}

// Weight of a grid position; undefined off the map, 0 where everything is passed down from the own cell alone.
export function weightAt(relation, row, column, count) {
  const own = (count - 1) / 2;
  if (relation.passes) return row === own && column === own ? 1 : 0;
  const index = row * count + column;
  return relation.positions[index].inside ? relation.weights[index] : undefined;
}

function drawGridCell(context, [x, y, width, height], weight, largest, colour, ink) {
  if (weight === undefined) {
    context.globalAlpha = 0.35;
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x + 1, y + height - 1);
    context.lineTo(x + width - 1, y + 1);
    context.stroke();
    return;
  }
  context.globalAlpha = Math.min(1, Math.abs(weight) / (largest || 1));
  context.fillStyle = colour;
  context.fillRect(x, y, width, height);
  if (weight < 0) {
    context.globalAlpha = 1;
    context.fillStyle = ink;
    context.fillRect(x + width / 4, y + height / 2 - 0.75, width / 2, 1.5);
  }
}

// An outline's colour and dash as the key to them, on the dark that its rim is made of.
export function drawOutlineKey(canvas, { colour, dash }) {
  const context = prepared(canvas, 30, 12);
  context.fillStyle = "#4A4A4A";
  context.fillRect(0, 0, 30, 12);
  stroked(context, colour, dash, 1.75, () => {
    context.beginPath();
    context.moveTo(2, 6);
    context.lineTo(28, 6);
    context.stroke();
  });
}

// A level's colour and dash as the key to them.
export function drawKey(canvas, level) {
  const context = prepared(canvas, 26, 10);
  context.strokeStyle = level.colour;
  context.lineWidth = 3;
  context.setLineDash(level.dash.map((length) => length * 1.5));
  context.beginPath();
  context.moveTo(0, 5);
  context.lineTo(26, 5);
  context.stroke();
}
