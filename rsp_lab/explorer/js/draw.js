// Drawing on the photographs: the picture itself, footprints, chains, gaze, outlines and marks. Nothing here knows about
// events. A `port` says which part of the image is in sight (viewport.js).
import { footprint } from "./geometry.js";
import { placed, toScreen } from "./viewport.js";

const RIM = "rgba(0, 0, 0, 0.55)";
const HALO = "rgba(255, 255, 255, 0.9)";

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

export function drawPhotograph(canvas, port, photograph, labels, opacity) {
  const context = prepared(canvas, port.width, port.height);
  const [height, width] = [port.height / port.per[0], port.width / port.per[1]];
  const part = [port.corner[1], port.corner[0], width, height, 0, 0, port.width, port.height];
  // From here on single pixels are wanted sharp.
  context.imageSmoothingEnabled = port.per[0] < 4;
  context.imageSmoothingQuality = "high";
  context.drawImage(photograph, ...part);
  context.imageSmoothingEnabled = false;
  // The classes' hue on the photograph's own light: as a veil their dark colours would take the light away. At full
  // strength there is nothing but the prediction.
  for (const [operation, alpha] of [["color", Math.min(1, 1.25 * opacity)], ["source-over", opacity ** 3]]) {
    context.globalCompositeOperation = operation;
    context.globalAlpha = alpha;
    context.drawImage(labels, ...part);
  }
  context.globalCompositeOperation = "source-over";
  context.globalAlpha = 1;
}

// A level's line: under its colour a light halo, and a dark rim around that, so that it shows on a dark road and a pale sky.
function levelLine(context, level, width, stroke) {
  context.setLineDash([]);
  for (const [line, style] of [[width + 3, RIM], [width + 1.5, HALO]]) {
    context.lineWidth = line;
    context.strokeStyle = style;
    stroke();
  }
  context.lineWidth = width;
  context.strokeStyle = level.colour;
  context.setLineDash(level.dash.map((length) => length * width));
  stroke();
  context.setLineDash([]);
}

// Where a cell of an attention looks: places filled up to the largest weight, and the cell that looks in an outline.
export function drawAttention(context, port, { own, seen }) {
  context.fillStyle = "#FFD400";
  for (const { box, share } of seen) {
    context.globalAlpha = 0.6 * share;
    context.fillRect(...placed(port, box));
  }
  context.globalAlpha = 1;
  for (const [colour, width] of [[RIM, 4], ["#FFD400", 2]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: width });
    context.strokeRect(...placed(port, own));
  }
}

// Where the weights of the relations fall: every window's outline, and the active step's weights from transparent to
// the level's full colour at its largest weight.
export function drawFootprints(context, port, seen, active, levels) {
  for (const { step, relation } of seen) {
    const level = levels[step.high];
    if (step.name === active) {
      context.fillStyle = level.colour;
      relation.positions.forEach(({ box, inside }, i) => {
        if (!inside) return;
        context.globalAlpha = 0.85 * Math.min(1, Math.abs(relation.weights[i]) / (relation.largest || 1));
        context.fillRect(...placed(port, box));
      });
      context.globalAlpha = 1;
    }
    const rectangle = placed(port, footprint(relation, port.size));
    levelLine(context, level, step.name === active ? 2.5 : 1.25, () => context.strokeRect(...rectangle));
  }
}

// The chain: on each level the outline of the fewest cells that hold its part of the shares, and the active step's
// shares from transparent to the level's full colour at the largest.
export function drawChain(context, port, seen, active, levels) {
  for (const { step, link, held } of seen) {
    const level = levels[step.high];
    if (step.name === active) fillLink(context, port, link, held, level);
    const path = keptOutline(port, link, held.kept);
    levelLine(context, level, step.name === active ? 2.5 : 1.5, () => context.stroke(path));
  }
}

function fillLink(context, port, link, { kept }, level) {
  const largest = link.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  context.fillStyle = level.colour;
  link.values.forEach((value, i) => {
    if (!kept[i]) return;
    const [row, column] = [Math.floor(i / link.width), i % link.width];
    context.globalAlpha = 0.75 * (Math.abs(value) / largest);
    context.fillRect(...placed(port, [...corner(port, link, row, column), ...corner(port, link, row + 1, column + 1)]));
  });
  context.globalAlpha = 1;
}

// The upper left corner of a link's cell in pixel coordinates.
function corner({ size }, link, row, column) {
  return [((link.top + row) * size[0]) / link.cells[0] - 0.5, ((link.left + column) * size[1]) / link.cells[1] - 0.5];
}

// The sides of cells that part the kept ones from the others, straight stretches in one piece.
function keptOutline(port, link, kept) {
  const path = new Path2D();
  const { height, width } = link;
  const on = (row, column) => row >= 0 && row < height && column >= 0 && column < width && kept[row * width + column] === 1;
  const line = (...ends) => ends.forEach(([row, column], i) => {
    const [y, x] = toScreen(port, corner(port, link, row, column));
    path[i ? "lineTo" : "moveTo"](x, y);
  });
  const along = (lines, count, parts, at) => {
    for (let i = 0; i <= lines; i++) {
      let start = null;
      for (let j = 0; j <= count; j++) {
        const edge = j < count && parts(i, j);
        if (edge && start === null) start = j;
        if (edge || start === null) continue;
        line(at(i, start), at(i, j));
        start = null;
      }
    }
  };
  along(height, width, (i, j) => on(i - 1, j) !== on(i, j), (i, j) => [i, j]);
  along(width, height, (i, j) => on(j, i - 1) !== on(j, i), (i, j) => [j, i]);
  return path;
}

// Where each step would look from a pixel if position alone decided.
export function drawGaze(context, port, pixel, arrows, levels) {
  const from = toScreen(port, pixel);
  for (const { step, arrow } of arrows) {
    const to = toScreen(port, [pixel[0] + arrow[0], pixel[1] + arrow[1]]);
    const [down, along] = [to[0] - from[0], to[1] - from[1]];
    const length = Math.hypot(down, along);
    if (length < 3) continue;
    const path = new Path2D();
    path.moveTo(from[1], from[0]);
    path.lineTo(to[1], to[0]);
    for (const turn of [2.6, -2.6]) {
      const angle = Math.atan2(down, along) + turn;
      path.moveTo(to[1], to[0]);
      path.lineTo(to[1] + 9 * Math.cos(angle), to[0] + 9 * Math.sin(angle));
    }
    levelLine(context, { ...levels[step.high], dash: [] }, 2.5, () => context.stroke(path));
  }
}

export function drawCell(context, port, cell) {
  context.lineWidth = 2;
  context.strokeStyle = "#FFFFFF";
  context.strokeRect(...placed(port, cell));
}

// The outlines of masks as paths on a canvas; a pair of NaN ends a line.
export function outlinePaths(outlines, blocks, port) {
  return outlines.map((outline) => {
    const path = new Path2D();
    const { values } = blocks[outline.path];
    let first = true;
    for (let i = 0; i < values.length; i += 2) {
      const ended = Number.isNaN(values[i]);
      if (!ended) {
        const [y, x] = toScreen(port, [values[i], values[i + 1]]);
        path[first ? "moveTo" : "lineTo"](x, y);
      }
      first = ended;
    }
    return { ...outline, path };
  });
}

// On a dark rim, so that they show on sky and asphalt alike; the region last, since it lies inside the others' reach.
export function drawOutlines(context, outlines) {
  for (const { path, colour, dash } of [...outlines].reverse()) stroked(context, colour, dash, 1.75, () => context.stroke(path));
}

export function stroked(context, colour, dash, width, stroke) {
  for (const [line, style] of [[width + 1.5, "rgba(16, 16, 16, 0.85)"], [width, colour]]) {
    context.lineWidth = line;
    context.strokeStyle = style;
    context.setLineDash(dash.map((length) => length * width));
    stroke();
  }
  context.setLineDash([]);
}

// A cross that leaves its middle open, white on black. Around the middle the pinned pixel has a ring, the second one a
// diamond.
export function drawMark(context, port, pixel, kind) {
  const [y, x] = toScreen(port, pixel);
  for (const [width, colour] of [[3.5, "rgba(0, 0, 0, 0.7)"], [1.5, "#FFFFFF"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    if (kind === "pinned") context.arc(x, y, 5, 0, 2 * Math.PI);
    if (kind === "second") diamond(context, x, y, 7);
    for (const [dx, dy] of kind === "second" ? [] : [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 5 * dx, y + 5 * dy);
      context.lineTo(x + 12 * dx, y + 12 * dy);
    }
    context.stroke();
  }
}

function diamond(context, x, y, radius) {
  context.moveTo(x, y - radius);
  for (const [dx, dy] of [[1, 0], [0, 1], [-1, 0], [0, -1]]) context.lineTo(x + radius * dx, y + radius * dy);
}
