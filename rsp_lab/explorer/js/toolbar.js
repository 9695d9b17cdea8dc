// The row of switches: what the grids and the photographs show, zoom, the second pixel, the link, and the keys.
import { make } from "./make.js";
import { arrowStep } from "./panels.js";

const KEYS = ({ payload: { header } }) => [
  ["Click, Enter", "pin a pixel"],
  ["Shift + click, Shift + Enter", "pin a second pixel beside it"],
  ["Delete", "take the second pixel away"],
  ["Arrows, Shift + arrows", `move by ${arrowStep(header)}, by a pixel`],
  ["Ctrl + wheel, pinch, + and −", "zoom; on a photograph in use the wheel alone"],
  ["Drag, 0", "pan while zoomed, show the whole image"],
  ["Escape", "back to the pinned pixel"],
  ...(header.sides.some((side) => side.attention) ? [["L, H, with Shift back", "another layer, head of the attention on a photograph in use"]] : []),
];

// One of few options, all in sight.
function choice(label, options, chosen, onChoose) {
  const buttons = options.map(([name, words, title]) => make("button", { type: "button", textContent: words, title, dataset: { name } }));
  const mark = (name) => buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.name === name)));
  buttons.forEach((button) => button.addEventListener("click", () => onChoose(button.dataset.name)));
  const group = make("div", { className: "rsp-choice" }, ...buttons);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", label);
  mark(chosen);
  return { element: make("div", { className: "rsp-group" }, make("span", { textContent: label }), group), mark };
}

function plain(words, title, onClick) {
  const button = make("button", { type: "button", textContent: words, title });
  button.setAttribute("aria-label", title);
  button.addEventListener("click", onClick);
  return button;
}

function help(view) {
  const rows = KEYS(view).flatMap(([keys, what]) => [make("dt", { textContent: keys }), make("dd", { textContent: what })]);
  return make("details", { className: "rsp-keys" }, make("summary", { textContent: "Keys" }), make("dl", {}, ...rows));
}

// `act` has one function for each switch; without `act.link` the host has no links, and the button is left out.
export function toolbar(view, act) {
  const grids = choice("Grids", [
    ["weights", "Weights", "The relation weights: what was taken from where"],
    ["content", "Content", "Scores of query times key"],
    ["position", "Position", "Scores of the position alone: the plane that the gaze gives"],
  ], view.grids, act.grids);
  const spread = choice("Photographs", [
    ["window", "Windows", "Each step's own window around the cursor's cell"],
    ["chain", "Chain", "Through the windows: what reaches the cursor's cell of level 3 from every level"],
  ], view.spread, act.spread);
  const gaze = make("input", { type: "checkbox", checked: view.gaze });
  gaze.addEventListener("change", () => act.gaze(gaze.checked));
  const arrows = make("label", { title: "Where each step would look if position alone decided, in input pixels" }, gaze, "Gaze");
  const whole = plain("1×", "Show the whole image", act.whole);
  const zoom = make("div", { className: "rsp-choice rsp-zoom" }, plain("−", "Zoom out", () => act.zoom(1 / 1.5)), whole, plain("+", "Zoom in", () => act.zoom(1.5)));
  zoom.setAttribute("role", "group");
  zoom.setAttribute("aria-label", "Zoom");
  const second = plain("◇ Second pixel", "Pin a second pixel beside the first one", act.second);
  const link = act.link ? plain("Copy link", "Copy a link to exactly this view", act.link) : null;
  const copied = make("input", { className: "rsp-link", readOnly: true, hidden: true });
  copied.setAttribute("aria-label", "Link to this view");
  const element = make("div", { className: "rsp-bar" }, grids.element, spread.element, arrows, zoom, second, ...(link ? [link, copied] : []), help(view));
  element.setAttribute("role", "toolbar");
  element.setAttribute("aria-label", "What is shown");
  return { element, grids, spread, gaze, whole, second, link, copied };
}

export function fillToolbar(bar, view) {
  bar.grids.mark(view.grids);
  bar.spread.mark(view.spread);
  bar.gaze.checked = view.gaze;
  const say = (button, words) => button.textContent !== words && (button.textContent = words);
  say(bar.whole, `${view.look.zoom < 9.95 ? Number(view.look.zoom.toFixed(1)) : Math.round(view.look.zoom)}×`);
  say(bar.second, view.awaiting ? "◇ Click a pixel" : view.second ? "◇ Remove second" : "◇ Second pixel");
  bar.second.setAttribute("aria-pressed", String(Boolean(view.awaiting)));
}

// Puts a link on the clipboard; where that is not allowed, it is shown to be copied by hand.
export async function copyLink(bar, link) {
  try {
    await navigator.clipboard.writeText(link);
    bar.link.textContent = "Copied";
    setTimeout(() => (bar.link.textContent = "Copy link"), 1500);
  } catch {
    Object.assign(bar.copied, { hidden: false, value: link });
    bar.copied.select();
  }
}
