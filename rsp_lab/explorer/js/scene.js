// What is seen from a pixel, and the drawing of it on all canvases: one drawing a frame, however often pointers report.
import { chosenLayer, saidAttention } from "./attention.js";
import { chainAt, holding } from "./chain.js";
import { clampPixel } from "./geometry.js";
import { drawAttention, drawCell, drawChain, drawFootprints, drawGaze, drawMark, drawOutlines, drawPhotograph, outlinePaths, prepared } from "./draw.js";
import { answersAt, fillLegend, fillPair, fillWhere, markClasses, positionText } from "./panels.js";
import { attentionAt, gazeArrow, gazeAt, relationAt, scoresAt } from "./payload.js";
import { fillToolbar } from "./toolbar.js";
import { viewport } from "./viewport.js";

const CHAIN_PART = 0.9;

// The pixel that is looked at: the one under the pointer, else the pinned one, else the middle.
export function cursor(view) {
  const { size } = view.payload.header;
  return view.hover || clampPixel(view.pick || size.map((n) => Math.floor(n / 2)), size);
}

// By side, what each of its steps sees from a pixel; scores and chain only where they are shown.
export function seenAt({ payload, grids, spread }, pixel) {
  const { sides, size } = payload.header;
  return sides.map((side) => {
    const links = spread === "chain" ? chainAt(payload, side, pixel) : [];
    return side.steps.map((step) => {
      const relation = relationAt(payload, step, pixel);
      const link = links.find((one) => one.step === step.name);
      return {
        step,
        relation,
        scores: grids === "weights" ? null : scoresAt(payload, step, relation),
        link,
        held: link && holding(link, CHAIN_PART, size, pixel),
      };
    });
  });
}

export function schedule(view, base = false) {
  view.baseStale ||= base;
  if (view.frame) return;
  view.frame = requestAnimationFrame(() => {
    view.frame = null;
    draw(view);
  });
}

export function draw(view) {
  if (!view.box) return;
  const { header, blocks } = view.payload;
  if (view.baseStale) {
    view.baseStale = false;
    view.port = viewport(view.look, header.size, view.box);
    view.outlines = outlinePaths(header.outlines, blocks, view.port);
    view.photographs.forEach(({ base, frame }, i) => {
      drawPhotograph(base, view.port, view.photograph, view.labels[i], view.opacity);
      // A zoomed photograph moves under the finger; a whole one lets the page scroll.
      frame.style.touchAction = view.look.zoom > 1 ? "none" : "pan-y";
    });
  }
  drawLinked(view);
  fillToolbar(view.bar, view);
}

// Everything that depends on the pixel.
function drawLinked(view) {
  const { payload } = view;
  const { header } = payload;
  const pixel = cursor(view);
  // The page is measured once, before anything in it changes: each later look would lay it out again.
  const ink = getComputedStyle(view.element).color;
  const width = view.steps[0]?.first.grids.find(Boolean).clientWidth || 112;
  const seen = seenAt(view, pixel);
  const other = view.second && seenFromSecond(view);
  const found = fillWhere(view.side.first, payload, pixel, view.hover ? "cursor" : "pinned");
  markClasses(view.side, header, found);
  view.side.second.element.hidden = !other;
  if (other) fillWhere(view.side.second, payload, view.second, "◇ second");
  const texts = answersAt(payload, pixel);
  view.photographs.forEach(({ says }, i) => (says.textContent = texts[i]));
  fillSteps(view, seen, other, { kind: view.grids, spread: view.spread, ink, width });
  view.photographs.forEach(({ overlay }, i) => drawOverlay(view, overlay, pixel, seen[i], other && other[i], lookAt(view, i, pixel)));
  Object.assign(view.element.dataset, {
    cursor: pixel.join(),
    pick: view.pick ? view.pick.join() : "",
    second: view.second ? view.second.join() : "",
    zoom: String(Number(view.look.zoom.toFixed(2))),
  });
}

// Where the chosen layer of a side looks from a pixel; null where none is chosen.
function lookAt(view, side, pixel) {
  const choice = view.attention[side];
  const layer = chosenLayer(view.payload.header.sides[side], choice);
  const found = layer ? attentionAt(view.payload, layer, pixel, choice.head) : null;
  view.photographs[side].attention?.fill(choice, found);
  return found;
}

// The second pixel stays where it is while the cursor moves.
function seenFromSecond(view) {
  const key = [view.payload.header.id, view.second, view.grids, view.spread].join();
  if (view.held?.key !== key) view.held = { key, seen: seenAt(view, view.second) };
  return view.held.seen;
}

function fillSteps(view, seen, other, options) {
  const { header } = view.payload;
  const names = header.sides.map((side) => side.name);
  const of = (sides, name) => sides.map((side) => side.find(({ step }) => step.name === name));
  let marked = null;
  for (const panel of view.steps) {
    const active = panel.name === view.active;
    panel.element.dataset.active = active ? "1" : "0";
    panel.button.setAttribute("aria-pressed", String(active));
    const mark = view.marked?.step === panel.name ? view.marked : null;
    const here = of(seen, panel.name);
    fillPair(panel, panel.first, here, names, { ...options, marked: mark && !mark.second ? mark.index : undefined });
    panel.below.hidden = !other;
    if (other) {
      const there = of(other, panel.name);
      panel.mark.textContent = `◇ y ${view.second[0]}, x ${view.second[1]}`;
      const again = JSON.stringify([view.held.key, options, mark?.second && mark.index]);
      if (panel.filled !== again) fillPair(panel, panel.second, there, names, { ...options, marked: mark?.second ? mark.index : undefined });
      panel.filled = again;
      if (mark?.second && there[mark.side]) marked = positionText(there[mark.side], mark.index, panel.window.kernel_size);
    }
    if (mark && !mark.second && here[mark.side]) marked = positionText(here[mark.side], mark.index, panel.window.kernel_size);
  }
  fillLegend(view.side, view, marked);
}

function drawOverlay(view, overlay, pixel, seen, other, look) {
  const { port, payload, active } = view;
  const { levels } = payload.header;
  const context = prepared(overlay, port.width, port.height);
  if (look) drawAttention(context, port, look);
  const visible = (steps) => steps.filter(({ step }) => !view.hidden.includes(step.name));
  const drawSpread = view.spread === "chain" ? drawChain : drawFootprints;
  drawSpread(context, port, visible(seen), active, levels);
  // Of the second pixel the active step alone, or its lines could not be told from the first one's.
  if (other) drawSpread(context, port, visible(other).filter(({ step }) => step.name === active), active, levels);
  if (view.gaze) drawGaze(context, port, pixel, arrowsOf(payload, visible(seen)), levels);
  if (view.outlined) drawOutlines(context, view.outlines);
  drawMarked(view, context, view.marked?.second ? other : seen);
  if (view.second) drawMark(context, port, view.second, "second");
  if (view.hover && view.pick) drawMark(context, port, clampPixel(view.pick, port.size), "pinned");
  drawMark(context, port, pixel, view.hover ? "cursor" : "pinned");
}

function arrowsOf(payload, seen) {
  const looking = seen.filter(({ step }) => step.gaze);
  return looking.map(({ step, relation }) => ({ step, arrow: gazeArrow(gazeAt(payload, step, relation.cell), step, payload.header.size) }));
}

// The cell under the pointer in a relation grid, at its place in the photograph.
function drawMarked(view, context, seen) {
  const found = view.marked && seen && seen.find(({ step }) => step.name === view.marked.step);
  const position = found && !found.relation.passes && found.relation.positions[view.marked.index];
  if (position && position.inside) drawCell(context, view.port, position.box);
}

// For those who hear the page: what stands at the pixel that the keyboard led to.
export function announce(view) {
  const pixel = cursor(view);
  const names = view.payload.header.sides.map((side) => side.name);
  const answers = answersAt(view.payload, pixel).map((text, i) => `${names[i]} ${text}`);
  view.side.status.textContent = `y ${pixel[0]}, x ${pixel[1]}: ${answers.join("; ")}`;
}

// The same of a side's attention, once a key has chosen another layer or head of it.
export function announceAttention(view, side) {
  const shown = view.payload.header.sides[side];
  view.side.status.textContent = saidAttention(shown, view.attention[side], lookAt(view, side, cursor(view)));
}
