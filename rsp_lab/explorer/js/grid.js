// Drawing of relation grids and of the keys to lines. Side by side, the grid of every step has the same k x k positions,
// whatever its cells measure in the image.
import { prepared, stroked } from "./draw.js";

// Scores below and above their mean: a pair that everybody tells apart.
export const SIGNED = ["#2166AC", "#B2182B"];

// What a grid shows of one relation: the value of each position (undefined off the map) and what full colour means.
export function gridOf(relation, scores, kind, limit, level) {
  if (kind === "weights") {
    const value = (row, column, count) => weightAt(relation, row, column, count);
    return { value, largest: relation.largest, colours: [level.colour, level.colour], signed: true };
  }
  const value = (row, column, count) => {
    const index = row * count + column;
    if (!scores) return 0;
    return relation.positions[index].inside ? scores[kind][index] : undefined;
  };
  return { value, largest: limit, colours: SIGNED, signed: false };
}

export function drawGrid(canvas, width, grid, window, level, ink, marked) {
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
      drawGridCell(context, cell, grid.value(row, column, count), grid, ink);
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

function drawGridCell(context, [x, y, width, height], value, { largest, colours, signed }, ink) {
  if (value === undefined) {
    context.globalAlpha = 0.35;
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x + 1, y + height - 1);
    context.lineTo(x + width - 1, y + 1);
    context.stroke();
    return;
  }
  context.globalAlpha = Math.min(1, Math.abs(value) / (largest || 1));
  context.fillStyle = colours[value < 0 ? 0 : 1];
  context.fillRect(x, y, width, height);
  if (value < 0 && !signed) hatchCell(context, [x, y, width, height], context.globalAlpha);
  if (value < 0 && signed) {
    context.globalAlpha = 1;
    context.fillStyle = ink;
    context.fillRect(x + width / 4, y + height / 2 - 0.75, width / 2, 1.5);
  }
}

// What blue says, a hatch says too: on paper and for eyes that tell no colours. What is nearly 0 has none.
function hatchCell(context, [x, y, width, height], strength) {
  if (strength < 0.08) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.globalAlpha = 0.8;
  context.strokeStyle = strength > 0.5 ? "#FFFFFF" : SIGNED[0];
  context.lineWidth = 1;
  context.beginPath();
  for (let at = -height; at < width; at += 5) {
    context.moveTo(x + at, y);
    context.lineTo(x + at + height, y + height);
  }
  context.stroke();
  context.restore();
}

// An outline's colour and dash as the key to them, on the dark that its rim is made of.
export function drawOutlineKey(canvas, { colour, dash }) {
  const context = prepared(canvas, 22, 12);
  context.fillStyle = "#4A4A4A";
  context.fillRect(0, 0, 22, 12);
  stroked(context, colour, dash, 1.75, () => {
    context.beginPath();
    context.moveTo(2, 6);
    context.lineTo(20, 6);
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
