// Reading of a payload (rsp_lab/explorer/payload.py): header, label maps, and one cell's weights, scores and gaze.
import { windowAt } from "./geometry.js";

const FORMAT = "rsp_lab.explorer/4";
const TYPES = { uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array, float32: Float32Array };
// As MARGIN_STEPS and CONTRIBUTION_STEPS in rsp_lab/explorer/quantise.py.
const MARGIN_STEPS = 65535;
const CONTRIBUTION_STEPS = 32767;

// A payload may be an unaligned view into a larger buffer.
export function readHeader(bytes) {
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "RSPX") throw new Error("not an explorer payload.");
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  if (header.format !== FORMAT) throw new Error(`payload of format ${header.format}, expected ${FORMAT}.`);
  return { header, body: bytes.subarray(8 + length) };
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// Two values a byte, the first in the high half.
export function unpackNibbles(bytes, count) {
  const values = new Uint8Array(count);
  for (let i = 0; i < count; i++) values[i] = i % 2 ? bytes[i >> 1] & 15 : bytes[i >> 1] >> 4;
  return values;
}

// The header, and every block by name: a typed array with its shape, or a Blob where the block is a file.
export async function unpack(bytes) {
  const { header, body } = readHeader(bytes);
  const blocks = {};
  await Promise.all(
    Object.entries(header.blocks).map(async ([name, facts]) => {
      const raw = body.subarray(facts.offset, facts.offset + facts.bytes);
      if (facts.mime) {
        blocks[name] = new Blob([raw], { type: facts.mime });
        return;
      }
      const values = new TYPES[facts.dtype](await inflate(raw));
      const count = facts.shape.reduce((product, n) => product * n, 1);
      blocks[name] = { values: facts.bits === 4 ? unpackNibbles(values, count) : values, shape: facts.shape };
    }),
  );
  return { header, blocks };
}

// Class that a label map holds at a pixel; undefined where the label ignores it.
export function labelAt(payload, block, pixel) {
  const { values, shape } = payload.blocks[block];
  return payload.header.classes[values[pixel[0] * shape[1] + pixel[1]]];
}

// The two cells of one axis between which a map, resized as the logits are, is read at a pixel, and their shares.
function readAt(pixel, cells, pixels) {
  const place = Math.max(0, ((pixel + 0.5) * cells) / pixels - 0.5);
  const first = Math.min(cells - 1, Math.floor(place));
  return [[first, 1 - place + first], [Math.min(cells - 1, first + 1), place - first]];
}

// What a side's logits say at a pixel, where their map (stride 4) is read between four cells: the class, the runner-up
// and the margin between them in logits. Where the four cells have the same two classes on top, the margin follows
// exactly from theirs. Where they agree on the class alone, theirs give the least it can be, and the runner-up stays
// open; elsewhere classes meet, and only the class next door is known. Null for models of a single class.
export function answerAt(payload, side, pixel) {
  if (!side.answers) return null;
  const { header, blocks } = payload;
  const { shape } = blocks[side.answers.label];
  const [rows, columns] = [0, 1].map((axis) => readAt(pixel[axis], shape[axis], header.size[axis]));
  const corners = rows.flatMap(([y, down]) => columns.map(([x, along]) => cellAnswer(blocks, side.answers, y * shape[1] + x, down * along)));
  const read = corners.filter((corner) => corner.share > 0).sort((a, b) => b.share - a.share);
  const name = (id) => header.classes[id];
  const [{ label, rival }] = read;
  const labels = new Set(read.map((c) => c.label));
  const sum = (sign) => read.reduce((total, c) => total + sign(c) * c.share * c.margin, 0);
  if (new Set(read.map((c) => `${Math.min(c.label, c.rival)},${Math.max(c.label, c.rival)}`)).size === 1) {
    const margin = sum((c) => (c.label === label ? 1 : -1));
    const [over, under] = margin < 0 ? [rival, label] : [label, rival];
    return { label: name(over), runnerUp: name(under), margin: Math.abs(margin) };
  }
  return labels.size === 1 ? { label: name(label), atLeast: sum(() => 1) } : { beside: [...labels].map(name) };
}

function cellAnswer(blocks, answers, index, share) {
  const at = (part) => blocks[answers[part]].values[index];
  return { label: at("label"), rival: at("runner_up"), margin: answers.largest * (at("margin") / MARGIN_STEPS) ** 2, share };
}

// What each level and the bias add to the margin in the logits' cell under a pixel, coarse to fine, the bias last; null
// for a side whose payload says nothing of it, or why there is no such account.
export function contributionsAt(payload, side, pixel) {
  if (!side.levels || side.levels.refused) return null;
  const { values, shape } = payload.blocks[side.levels.values];
  const [y, x] = [0, 1].map((axis) => Math.floor(((pixel[axis] + 0.5) * shape[axis + 1]) / payload.header.size[axis]));
  const at = (part) => (side.levels.largest * values[(part * shape[1] + y) * shape[2] + x]) / CONTRIBUTION_STEPS;
  const parts = side.levels.names.map((name, part) => ({ name, value: at(part) }));
  return [...parts.slice(0, -1).reverse(), parts.at(-1)];
}

// Where a cell of an attention looks by one of its heads, or, with head null, by the mean of all: boxes [top, left, bottom,
// right] of pixel coordinates, each with its weight and that weight's share of the largest; the largest; and the box of
// the cell itself.
export function attentionAt(payload, layer, pixel, head = null) {
  const { size } = payload.header;
  const box = (y, x, cells) => [0, 1, 0, 1].map((axis, i) => (([y, x][axis] + (i > 1 ? 1 : 0)) * size[axis]) / cells[axis] - 0.5);
  const [y, x] = [0, 1].map((axis) => Math.floor(((pixel[axis] + 0.5) * layer.cells[axis]) / size[axis]));
  const index = y * layer.cells[1] + x;
  const weights = headWeights(payload, layer, index, head);
  const largest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  const window = payload.blocks[layer.window].values[index];
  const places = payload.blocks[layer.places].values.subarray(window * weights.length, (window + 1) * weights.length);
  const seen = Array.from(weights, (weight, key) => {
    const place = places[key];
    if (place === 65535 || !weight) return null;
    return { box: box(Math.floor(place / layer.keys[1]), place % layer.keys[1], layer.keys), share: weight / largest, weight };
  });
  const peak = layer.peak && head === null ? payload.blocks[layer.peak].values[index] : largest;
  return { own: box(y, x, layer.cells), peak, seen: seen.filter(Boolean) };
}

// The weights of a cell's keys by one head, or the mean of those that are kept.
function headWeights(payload, layer, index, head) {
  const { values, shape } = payload.blocks[layer.weights];
  const [heads, keys] = shape.slice(2);
  const chosen = head !== null ? [head] : Array.from({ length: heads }, (_, i) => i);
  const weights = new Float64Array(keys);
  for (const one of chosen) {
    const start = index * heads + one;
    const scale = payload.blocks[layer.scale].values[start] / chosen.length;
    for (let key = 0; key < keys; key++) weights[key] += scale * values[start * keys + key];
  }
  return weights;
}

// Which positions of a window around a cell lie on the map, row by row.
function insideAt(step, cell) {
  const { kernel_size: count, dilation } = step.window;
  const half = (count - 1) / 2;
  return Array.from({ length: count * count }, (_, i) => {
    const y = cell[0] + (Math.floor(i / count) - half) * dilation;
    const x = cell[1] + ((i % count) - half) * dilation;
    return y >= 0 && y < step.cells[0] && x >= 0 && x < step.cells[1];
  });
}

// The weights of a cell's window positions, row by row; 0 off the map.
export function weightsAt(payload, step, cell) {
  if (step.uniform) {
    const inside = insideAt(step, cell);
    const share = 1 / inside.filter(Boolean).length;
    return inside.map((here) => (here ? share : 0));
  }
  const packed = payload.blocks[step.weights];
  const scales = payload.blocks[step.scale];
  const index = cell[0] * scales.shape[1] + cell[1];
  const count = packed.shape[2] * packed.shape[3];
  const scale = scales.values[index];
  return Array.from(packed.values.subarray(index * count, (index + 1) * count), (value) => value * scale);
}

// One side's relation at a pixel: the window's positions with their weights, and what they come to.
// A step that passes everything down has weight 1 at the own cell.
export function relationAt(payload, step, pixel) {
  const at = windowAt(step, payload.header.size, pixel);
  if (!step.window) return { ...at, passes: true, weights: [1], largest: 1, entropy: 0, own: 1 };
  const weights = weightsAt(payload, step, at.cell);
  const largest = weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
  if (step.uniform) return { ...at, passes: false, weights, largest, entropy: 1, own: largest };
  const index = at.cell[0] * step.cells[1] + at.cell[1];
  const [entropy, own] = [payload.blocks[step.entropy].values[index], payload.blocks[step.own].values[index]];
  return { ...at, passes: false, weights, largest, entropy, own };
}

// The slope [rows, columns] of a cell's position scores, in score units per half window.
export function gazeAt(payload, step, cell) {
  const { values } = payload.blocks[step.gaze];
  const index = cell[0] * step.cells[1] + cell[1];
  return [values[index], values[step.cells[0] * step.cells[1] + index]];
}

// The two parts of a relation's scores, each less its mean over the positions on the map, which no softmax feels, and
// those means; null for a step that scores nothing.
export function scoresAt(payload, step, relation) {
  if (!step.content) return null;
  const [y, x] = relation.cell;
  const index = y * step.cells[1] + x;
  const count = relation.positions.length;
  const packed = payload.blocks[step.content].values.subarray(index * count, (index + 1) * count);
  const low = payload.blocks[step.content_low].values[index];
  const scale = payload.blocks[step.content_scale].values[index];
  const slope = gazeAt(payload, step, relation.cell);
  const own = (relation.side - 1) / 2;
  const content = Array.from(packed, (value) => low + value * scale);
  const position = relation.positions.map((_, i) => {
    const [row, column] = [Math.floor(i / relation.side) - own, (i % relation.side) - own];
    return (row * slope[0] + column * slope[1]) / Math.max(1, own);
  });
  const on = relation.positions.map((place) => place.inside);
  const mean = (values) => values.reduce((sum, v, i) => sum + (on[i] ? v : 0), 0) / on.filter(Boolean).length;
  const means = { content: mean(content), position: mean(position) };
  const centred = (values, middle) => values.map((v, i) => (on[i] ? v - middle : 0));
  return { content: centred(content, means.content), position: centred(position, means.position), means, slope };
}

// The gaze as an arrow [rows, columns] in pixels: the offset expected if position alone decided (analysis/gaze.py).
export function gazeArrow(slope, step, size) {
  const half = (step.window.kernel_size - 1) / 2;
  const steps = Array.from({ length: step.window.kernel_size }, (_, i) => (i - half) / Math.max(1, half));
  return slope.map((g, axis) => {
    const most = Math.abs(g);
    const shares = steps.map((r) => Math.exp(g * r - most));
    const sum = shares.reduce((total, share) => total + share, 0);
    const expected = shares.reduce((total, share, i) => total + share * steps[i], 0) / sum;
    return (expected * half * step.window.dilation * size[axis]) / step.cells[axis];
  });
}
