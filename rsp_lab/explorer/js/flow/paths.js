// What flows where, from the contributions along every way that Python worked out: sums of them, with some ribbons cut.
// A table has one axis a level, from the level where its ways begin down to the end of the chain; row-major.

function floats(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

// The sides of a picture with their tables as numbers.
export function readSides(picture) {
  return picture.sides.map((side) => ({ ...side, tables: side.tables.map((table) => ({ ...table, values: floats(table.values) })) }));
}

export function ribbonKey({ level, source, sink }) {
  return `${level}/${source}/${sink ?? "pixel"}`;
}

// What flows along each ribbon, by its key, where nothing flows along those of a set of keys; and what arrives in all.
export function flowWithout(side, cuts = new Set()) {
  const flowing = new Map(side.ribbons.map((ribbon) => [ribbonKey(ribbon), 0]));
  let arriving = 0;
  for (const { levels, shape, values } of side.tables) {
    const place = new Array(shape.length).fill(0);
    for (const value of values) {
      const keys = place.map((source, i) => ribbonKey({ level: levels[i], source, sink: place[i + 1] ?? null }));
      if (!keys.some((key) => cuts.has(key))) {
        for (const key of keys) if (flowing.has(key)) flowing.set(key, flowing.get(key) + value);
        arriving += value;
      }
      for (let i = shape.length - 1; i >= 0; i--) {
        if (++place[i] < shape[i]) break;
        place[i] = 0;
      }
    }
  }
  return { flowing, total: arriving + side.bias };
}
