// Reading of a payload (rsp_lab/explorer/payload.py): header, label maps, and weights at one cell.
import { windowAt } from "./geometry.js";

const FORMAT = "rsp_lab.explorer/1";
const TYPES = { uint8: Uint8Array, int8: Int8Array, float32: Float32Array };

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

// The header, and every block by name: a typed array with its shape, or a Blob where the block is a file.
export async function unpack(bytes) {
  const { header, body } = readHeader(bytes);
  const blocks = {};
  await Promise.all(
    Object.entries(header.blocks).map(async ([name, facts]) => {
      const raw = body.subarray(facts.offset, facts.offset + facts.bytes);
      if (facts.mime) blocks[name] = new Blob([raw], { type: facts.mime });
      else blocks[name] = { values: new TYPES[facts.dtype](await inflate(raw)), shape: facts.shape };
    }),
  );
  return { header, blocks };
}

// Class name index that a label map holds at a pixel; undefined where the label ignores it.
export function labelAt(payload, block, pixel) {
  const { values, shape } = payload.blocks[block];
  return payload.header.classes[values[pixel[0] * shape[1] + pixel[1]]];
}

// One side's relation at a pixel: the window's positions with their weights, and what they come to.
// A step that passes everything down has weight 1 at the own cell.
export function relationAt(payload, step, pixel) {
  const at = windowAt(step, payload.header.size, pixel);
  if (!step.window) return { ...at, passes: true, weights: [1], largest: 1, entropy: 0, own: 1 };
  const packed = payload.blocks[step.weights];
  const scales = payload.blocks[step.scale];
  const cell = at.cell[0] * scales.shape[1] + at.cell[1];
  const count = at.positions.length;
  const weights = Array.from(
    packed.values.subarray(cell * count, (cell + 1) * count),
    (value) => value * scales.values[cell],
  );
  return {
    ...at,
    passes: false,
    weights,
    largest: weights.reduce((most, w) => Math.max(most, Math.abs(w)), 0),
    entropy: payload.blocks[step.entropy].values[cell],
    own: payload.blocks[step.own].values[cell],
  };
}
