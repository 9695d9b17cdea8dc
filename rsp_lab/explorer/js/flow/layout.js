// Where everything lies, in pixels: the same picture as rsp_lab.figures draws.
import { ribbonKey } from "./paths.js";

const NUMBER = 18;
const LINE = 18;
const THINNEST = 0.35;

// The widths that both models share: room for the nodes, and pixels for one logit.
export function measures(picture, width) {
  const count = picture.sides.length;
  const beside = count === 1 || width >= 640;
  const gap = beside && count > 1 ? 28 : 0;
  const panel = beside ? Math.min((width - gap * (count - 1)) / count, 640) : width;
  const label = panel < 400 ? 54 : 66;
  // Pictures that follow each other have one frame for all.
  const frame = picture.frame ?? { nodes: 0, busiest: 0, pixel: 0 };
  const most = Math.max(2, frame.nodes, ...picture.sides.flatMap((side) => side.rows.map((row) => row.nodes.length)));
  const pitch = Math.min((panel - label) / most, 92);
  const side = Math.min(0.78 * pitch, 64);
  const levels = [...new Set(picture.sides.flatMap((one) => one.rows.filter((row) => row.flows).map((row) => row.level)))].sort((a, b) => b - a);
  const room = side / (panel - label - 40);
  const widest = Math.max(1e-9, frame.busiest, frame.pixel * room, ...picture.sides.map((one) => busiest(one, room)));
  const scale = side / widest;
  return { beside, gap, panel, label, pitch, side, fall: Math.max(44, 0.9 * side), levels, scale };
}

function busiest(side, room) {
  const ends = new Map();
  const add = (key, value) => ends.set(key, (ends.get(key) ?? 0) + value);
  for (const { level, source, sink, value } of side.ribbons) {
    add(`out/${level}/${source}`, Math.abs(value));
    if (sink === null) add("pixel", Math.abs(value) * room);
    else add(`in/${level - 1}/${sink}`, Math.abs(value));
  }
  return Math.max(0, ...ends.values(), ...side.rows.filter((row) => row.flows).flatMap((row) => row.nodes.map((node) => Math.abs(node.own))));
}

// One model: its rows, nodes, ribbons and pixel, from (left, top), below `head` pixels of words and photograph.
export function placeSide(side, sizes, left, top) {
  const { label, panel, pitch, scale } = sizes;
  const middle = left + label + (panel - label) / 2;
  const rowHigh = sizes.side + NUMBER + sizes.fall;
  const rows = side.rows
    .filter((row) => row.flows)
    .map((row) => {
      const y = top + sizes.levels.indexOf(row.level) * rowHigh;
      const nodes = row.nodes.map((node, i) => ({ ...node, x: middle + (i - (row.nodes.length - 1) / 2) * pitch, y }));
      return { ...row, y, nodes };
    });
  const base = top + sizes.levels.length * rowHigh;
  const pixel = { x: middle, y: base, side: 1.25 * sizes.side };
  const byLevel = new Map(rows.map((row) => [row.level, row]));
  const ribbons = side.ribbons
    .filter((ribbon) => byLevel.has(ribbon.level))
    .map((ribbon) => {
      const from = byLevel.get(ribbon.level).nodes[ribbon.source];
      const to = ribbon.sink === null ? null : byLevel.get(ribbon.level - 1).nodes[ribbon.sink];
      const start = { at: from.x, y: from.y + sizes.side + NUMBER };
      const end = { at: to ? to.x : middle, y: to ? to.y : base - 3 };
      return { ...ribbon, key: ribbonKey(ribbon), wide: Math.abs(ribbon.value) * scale, start, end };
    });
  const level = (ribbon) => (side.direct ? 0 : ribbon.level);
  sideBySide(ribbons, (r) => r.start, (r) => r.end, (r) => `${r.level}/${r.source}`);
  sideBySide(ribbons, (r) => r.end, (r) => r.start, (r) => (r.sink === null ? `pixel/${level(r)}` : `${r.level}/${r.sink}`));
  return { rows, pixel, ribbons: ribbons.filter((r) => r.wide >= THINNEST), bottom: base + pixel.side + 2 * LINE };
}

// At one end of the ribbons that meet there: side by side, in the order of their other ends.
function sideBySide(ribbons, here, there, group) {
  const together = Map.groupBy ? Map.groupBy(ribbons, group) : grouped(ribbons, group);
  for (const met of together.values()) {
    met.sort((a, b) => there(a).at - there(b).at || a.level - b.level);
    let x = here(met[0]).at - met.reduce((sum, r) => sum + r.wide, 0) / 2;
    for (const ribbon of met) {
      here(ribbon).x = x + ribbon.wide / 2;
      x += ribbon.wide;
    }
  }
}

function grouped(list, key) {
  const found = new Map();
  for (const one of list) found.set(key(one), [...(found.get(key(one)) ?? []), one]);
  return found;
}

// The outline of a band of one width that leaves and arrives vertically.
export function band({ start, end }, wide) {
  const [half, middle] = [wide / 2, (start.y + end.y) / 2];
  const at = (x, y) => `${x.toFixed(2)} ${y.toFixed(2)}`;
  const down = (sign) => [at(start.x + sign * half, start.y), at(start.x + sign * half, middle), at(end.x + sign * half, middle), at(end.x + sign * half, end.y)];
  const [a, b] = [down(-1), down(1)];
  return `M${a[0]}C${a[1]} ${a[2]} ${a[3]}L${b[3]}C${b[2]} ${b[1]} ${b[0]}Z`;
}

// A square round a cell [top, left, bottom, right] within the image, wide enough to see what is there: [top, left, side].
export function squareRound([top, left, bottom, right], [height, width], least = 0.16) {
  const side = Math.min(Math.max(bottom - top, right - left, least * Math.min(height, width)), height, width);
  const begin = (low, high, pixels) => Math.min(Math.max((low + high - side) / 2, -0.5), pixels - 0.5 - side);
  return [begin(top, bottom, height), begin(left, right, width), side];
}
