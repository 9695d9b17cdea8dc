// A view as text, so that a link leads to exactly it, and back; what a link asks for in vain is left out.
import { attentionText, parseAttention, standardAttention } from "./attention.js";
import { clampLook, wholeImage } from "./viewport.js";

export const GRIDS = ["weights", "content", "position"];
export const SPREADS = ["window", "chain"];

export function standardView(header) {
  const steps = stepNames(header);
  return {
    second: null,
    active: steps[Math.floor(steps.length / 2)],
    grids: "weights",
    spread: "window",
    gaze: false,
    hidden: [],
    opacity: 0.4,
    outlined: true,
    look: wholeImage(header.size),
    attention: standardAttention(header),
  };
}

// Of both sides, highest first.
export function stepNames(header) {
  const names = new Set(header.sides.flatMap((side) => side.steps.map((step) => step.name)));
  return [...names].sort().reverse();
}

// Only what differs from the standard view stands in the text.
export function viewText(view, header) {
  const standard = standardView(header);
  const text = new URLSearchParams();
  if (view.pick) text.set("pixel", view.pick.join());
  if (view.second) text.set("second", view.second.join());
  for (const name of ["active", "grids", "spread"]) if (view[name] !== standard[name]) text.set(name, view[name]);
  if (view.gaze) text.set("gaze", "1");
  if (view.hidden.length) text.set("hidden", view.hidden.join());
  if (view.opacity !== standard.opacity) text.set("predictions", String(Math.round(view.opacity * 100)));
  if (!view.outlined) text.set("outlines", "0");
  attentionText(view, header, text);
  if (view.look.zoom > 1) {
    const rounded = [view.look.zoom, ...view.look.centre].map((n) => Number(n.toFixed(2)));
    text.set("zoom", rounded.join());
  }
  return text.toString().replaceAll("%2C", ",");
}

function numbers(text, count) {
  const found = (text ?? "").split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  return found.length === count && found.every(Number.isFinite) ? found : null;
}

function pixelIn(text, size) {
  const found = numbers(text, 2);
  return found && found.every((n, axis) => Number.isInteger(n) && n >= 0 && n < size[axis]) ? found : null;
}

// The view that a text asks for, with the standard for all that it does not say or says wrongly.
export function parseView(text, header) {
  const asked = new URLSearchParams(text);
  const view = standardView(header);
  const steps = stepNames(header);
  const one = (name, options) => options.includes(asked.get(name)) && (view[name] = asked.get(name));
  one("active", steps);
  one("grids", GRIDS);
  one("spread", SPREADS);
  view.pick = pixelIn(asked.get("pixel"), header.size);
  view.second = pixelIn(asked.get("second"), header.size);
  view.gaze = asked.get("gaze") === "1";
  view.hidden = steps.filter((name) => (asked.get("hidden") ?? "").split(",").includes(name));
  view.outlined = asked.get("outlines") !== "0";
  const percent = numbers(asked.get("predictions"), 1);
  if (percent) view.opacity = Math.min(100, Math.max(0, percent[0])) / 100;
  view.attention = parseAttention(asked, header);
  const look = numbers(asked.get("zoom"), 3);
  if (look) view.look = clampLook({ zoom: look[0], centre: look.slice(1) }, header.size);
  return view;
}
