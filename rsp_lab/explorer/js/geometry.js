// Cells of a map and pixels of an image: the formulas of rsp_lab/shapes.py, and they must stay the same ones.
// Pixel centres are at integers, so an image of n pixels spans [-0.5, n - 0.5]. Rows before columns: [y, x].

export function cellToPixel(cell, cells, pixels) {
  return ((cell + 0.5) * pixels) / cells - 0.5;
}

export function pixelToCell(pixel, cells, pixels) {
  if (!(pixel >= -0.5 && pixel <= pixels - 0.5)) {
    throw new RangeError(`pixel ${pixel} lies outside the image; expected 0 to ${pixels - 1}.`);
  }
  return Math.min(cells - 1, Math.floor(((pixel + 0.5) * cells) / pixels));
}

export function cellEdges(cell, cells, pixels) {
  const scale = pixels / cells;
  return [cell * scale - 0.5, (cell + 1) * scale - 0.5];
}

// Cell offsets of a window along one axis, from -radius to +radius. Without a window only the own cell is looked at.
export function windowOffsets(window) {
  if (!window) return [0];
  const half = (window.kernel_size - 1) / 2;
  return Array.from({ length: window.kernel_size }, (_, i) => (i - half) * window.dilation);
}

// The window positions around the cell that a pixel falls in: row by row, each with its box in pixels
// [top, left, bottom, right] and whether it lies on the map.
export function windowAt(step, size, pixel) {
  const cell = [0, 1].map((axis) => pixelToCell(pixel[axis], step.cells[axis], size[axis]));
  const offsets = windowOffsets(step.window);
  const positions = [];
  for (const down of offsets) {
    for (const along of offsets) {
      const y = cell[0] + down;
      const x = cell[1] + along;
      const [top, bottom] = cellEdges(y, step.cells[0], size[0]);
      const [left, right] = cellEdges(x, step.cells[1], size[1]);
      positions.push({
        offset: [down, along],
        box: [top, left, bottom, right],
        inside: y >= 0 && y < step.cells[0] && x >= 0 && x < step.cells[1],
      });
    }
  }
  return { cell, side: offsets.length, positions };
}

// The whole window's box in pixels, clipped to the image.
export function footprint(at, size) {
  const first = at.positions[0].box;
  const last = at.positions[at.positions.length - 1].box;
  return [
    Math.max(first[0], -0.5),
    Math.max(first[1], -0.5),
    Math.min(last[2], size[0] - 0.5),
    Math.min(last[3], size[1] - 0.5),
  ];
}

// The nearest pixel of the image to a place in it.
export function clampPixel(place, size) {
  return place.map((value, axis) => Math.min(size[axis] - 1, Math.max(0, Math.round(value))));
}
