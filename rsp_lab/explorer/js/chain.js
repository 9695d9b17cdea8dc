// The chain of a pixel: how much of each level's cells reaches its cell of the lowest level, along the value path.
// From the lowest step upwards, a cell's share is handed on to the positions of its window by their weights, and from
// there, through the bilinear upsampling, to the cells of the next level. Under softmax each level's shares sum to 1.
// f_v, which mixes channels but no places, is left out, and so is what the encoder saw of the image.
import { pixelToCell, windowOffsets } from "./geometry.js";
import { weightsAt } from "./payload.js";

// Which two cells of `coarse` each of `fine` cells is made of, and the second one's share: bilinear resizing with
// align_corners=False, as torch does it.
export function upsampledFrom(fine, coarse) {
  const low = new Int32Array(fine);
  const share = new Float64Array(fine);
  for (let cell = 0; cell < fine; cell++) {
    const place = Math.min(coarse - 1, Math.max(0, ((cell + 0.5) * coarse) / fine - 0.5));
    low[cell] = Math.floor(place);
    share[cell] = place - low[cell];
  }
  return { low, share, last: coarse - 1 };
}

// A part of a map: its values row by row, and where it lies.
function patch(top, left, height, width) {
  return { top, left, height, width, values: new Float64Array(height * width) };
}

// Shares of a step's cells handed on to the positions of their windows, on the same map.
function spread(payload, step, shares) {
  const [height, width] = step.cells;
  const offsets = windowOffsets(step.window);
  const radius = offsets[offsets.length - 1];
  const [top, left] = [Math.max(0, shares.top - radius), Math.max(0, shares.left - radius)];
  const bottom = Math.min(height, shares.top + shares.height + radius);
  const right = Math.min(width, shares.left + shares.width + radius);
  const found = patch(top, left, bottom - top, right - left);
  for (let row = 0; row < shares.height; row++) {
    for (let column = 0; column < shares.width; column++) {
      const share = shares.values[row * shares.width + column];
      if (share === 0) continue;
      const [y, x] = [shares.top + row, shares.left + column];
      const weights = weightsAt(payload, step, [y, x]);
      let position = 0;
      for (const down of offsets) {
        const inside = y + down >= 0 && y + down < height;
        const start = (y + down - top) * found.width - left;
        for (const along of offsets) {
          const weight = weights[position++];
          if (inside && x + along >= 0 && x + along < width) found.values[start + x + along] += share * weight;
        }
      }
    }
  }
  return found;
}

// Shares of an upsampled map's cells handed on to the cells that they are made of.
function gathered(shares, fine, coarse) {
  const [rows, columns] = [0, 1].map((axis) => upsampledFrom(fine[axis], coarse[axis]));
  const reach = (line, first, count) => [line.low[first], Math.min(line.last, line.low[first + count - 1] + 1)];
  const [top, bottom] = reach(rows, shares.top, shares.height);
  const [left, right] = reach(columns, shares.left, shares.width);
  const found = patch(top, left, bottom - top + 1, right - left + 1);
  const at = (y, x) => (Math.min(y, rows.last) - top) * found.width + Math.min(x, columns.last) - left;
  for (let row = 0; row < shares.height; row++) {
    const [y, down] = [rows.low[shares.top + row], rows.share[shares.top + row]];
    for (let column = 0; column < shares.width; column++) {
      const share = shares.values[row * shares.width + column];
      if (share === 0) continue;
      const [x, along] = [columns.low[shares.left + column], columns.share[shares.left + column]];
      found.values[at(y, x)] += share * (1 - down) * (1 - along);
      if (along) found.values[at(y, x + 1)] += share * (1 - down) * along;
      if (down) found.values[at(y + 1, x)] += share * down * (1 - along);
      if (down && along) found.values[at(y + 1, x + 1)] += share * down * along;
    }
  }
  return found;
}

// The chain of one side at a pixel, lowest level first: {level, step, cells, top, left, height, width, values}, where
// `values` are the shares of the level's cells inside the part of the map that has any.
export function chainAt(payload, side, pixel) {
  const steps = [...side.steps].reverse();
  const cell = [0, 1].map((axis) => pixelToCell(pixel[axis], steps[0].cells[axis], payload.header.size[axis]));
  let shares = { top: cell[0], left: cell[1], height: 1, width: 1, values: Float64Array.of(1) };
  return steps.map((step) => {
    shares = gathered(step.window ? spread(payload, step, shares) : shares, step.cells, step.above);
    return { level: step.high, step: step.name, cells: step.above, ...shares };
  });
}

// The fewest cells of a link that together hold a part of its shares: a flag for each value, their number, the share
// they hold, and how far the farthest of them reaches from a pixel, in pixels.
export function holding(link, part, size, pixel) {
  const sizes = link.values.map(Math.abs);
  const order = Array.from(sizes.keys()).sort((a, b) => sizes[b] - sizes[a]);
  const wanted = part * sizes.reduce((sum, value) => sum + value, 0);
  const kept = new Uint8Array(sizes.length);
  let [held, count, reach] = [0, 0, 0];
  for (const index of order) {
    // A sum of many shares ends a rounding beside what it should be.
    if (held >= wanted - 1e-12) break;
    held += sizes[index];
    kept[index] = 1;
    count += 1;
    const place = [link.top + Math.floor(index / link.width), link.left + (index % link.width)];
    const far = place.map((n, axis) => {
      const scale = size[axis] / link.cells[axis];
      return Math.max(Math.abs(n * scale - 0.5 - pixel[axis]), Math.abs((n + 1) * scale - 0.5 - pixel[axis]));
    });
    reach = Math.max(reach, ...far);
  }
  return { kept, count, held, reach };
}
