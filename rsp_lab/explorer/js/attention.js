// The attention of a network of another make: which layer and head of it a side shows, in a link, by keys and by controls.
// A choice is {layer, head}: a layer's name, or NONE; a head's number, or null for the mean over all.
import { make, share } from "./make.js";

export const NONE = "none";
const SIDES = ["left", "right"];

// By side, the last layer and the mean over its heads; null for a side without attention.
export function standardAttention(header) {
  return header.sides.map(({ attention }) => (attention ? { layer: attention.layers.at(-1).name, head: null } : null));
}

// The layer of a choice; undefined where none is shown.
export function chosenLayer(side, choice) {
  return side.attention?.layers.find(({ name }) => name === choice?.layer);
}

// Heads of a layer that can be shown apart from their mean.
export function headsApart(layer) {
  return layer?.apart && layer.heads > 1 ? layer.heads : 0;
}

// A choice as far as a side has it: another layer may have fewer heads.
export function fitting(side, { layer, head }) {
  return { layer, head: head !== null && head < headsApart(chosenLayer(side, { layer })) ? head : null };
}

export function attentionText(view, header, text) {
  standardAttention(header).forEach((standard, i) => {
    const choice = view.attention[i];
    if (!choice) return;
    if (choice.layer !== standard.layer) text.set(`${SIDES[i]}-layer`, choice.layer);
    if (choice.head !== null) text.set(`${SIDES[i]}-head`, String(choice.head));
  });
}

export function parseAttention(asked, header) {
  return standardAttention(header).map((standard, i) => {
    if (!standard) return null;
    const names = [NONE, ...header.sides[i].attention.layers.map(({ name }) => name)];
    const layer = asked.get(`${SIDES[i]}-layer`);
    const head = asked.get(`${SIDES[i]}-head`) ?? "";
    return fitting(header.sides[i], { layer: names.includes(layer) ? layer : standard.layer, head: /^\d+$/.test(head) ? Number(head) : null });
  });
}

// The choice one layer, or one head, further on; after the last comes the first, and the mean comes before head 0.
export function turned(side, choice, what, by) {
  const layers = [NONE, ...side.attention.layers.map(({ name }) => name)];
  const around = (place, count) => (place + by + count) % count;
  if (what === "layer") return fitting(side, { ...choice, layer: layers[around(layers.indexOf(choice.layer), layers.length)] });
  const place = around((choice.head ?? -1) + 1, headsApart(chosenLayer(side, choice)) + 1);
  return { ...choice, head: place ? place - 1 : null };
}

// Where a head stands in the list that the mean begins.
const placeOf = (head) => (head === null ? 0 : head + 1);

function headNames(layer) {
  if (!layer) return [];
  if (layer.heads === 1) return ["its one head"];
  return [`mean of ${layer.heads} heads`, ...Array.from({ length: headsApart(layer) }, (_, i) => `head ${i}`)];
}

// What is shown, in words.
export function saidAttention(side, choice, look) {
  const layer = chosenLayer(side, choice);
  if (!layer) return `Attention of ${side.name}: none`;
  return `Attention of ${side.name}: ${layer.name}, ${headNames(layer)[placeOf(choice.head)]}, peak ${share(look.peak)}`;
}

// The controls of one side: its layer, its head, and what full colour stands for at the cursor.
export function attentionControls(side) {
  const { layers, left_out: missing } = side.attention;
  const option = (value, textContent) => make("option", { value, textContent });
  const layer = make("select", {}, option(NONE, NONE), ...layers.map(({ name, words }) => option(name, words)));
  layer.setAttribute("aria-label", `Layer of ${side.name} whose attention is shown`);
  const head = make("select");
  head.setAttribute("aria-label", `Head of ${side.name} whose attention is shown`);
  const [scale, peak] = [make("div", { className: "rsp-scale", dataset: { kind: "attention" } }), make("span", { className: "rsp-peak" })];
  const ends = make("div", { className: "rsp-ends" }, make("span", { textContent: "0" }), peak);
  const rest = missing ? make("small", { textContent: `${missing} more ${missing === 1 ? "layer" : "layers"} cannot be shown here.` }) : "";
  const element = make("div", { className: "rsp-attention" }, make("span", { textContent: "Attention" }), layer, head, make("div", {}, scale, ends), rest);
  const fill = (choice, look) => {
    const chosen = chosenLayer(side, choice);
    const options = headNames(chosen);
    if (head.dataset.of !== (chosen?.name ?? NONE)) head.replaceChildren(...options.map((text, i) => option(i, text)));
    Object.assign(head.dataset, { of: chosen?.name ?? NONE });
    Object.assign(layer, { value: choice.layer, title: choice.layer });
    Object.assign(head, { value: String(placeOf(choice.head)), hidden: !chosen, disabled: options.length < 2 });
    head.title = chosen && !chosen.apart ? "Its heads apart would take too much room here." : "";
    scale.hidden = ends.hidden = !look;
    peak.textContent = look ? `peak ${share(look.peak)}` : "";
  };
  const chosenHead = () => (Number(head.value) ? Number(head.value) - 1 : null);
  return { element, layer, head, chosenHead, fill };
}
