// Elements and numbers. Names come from files and models: they are only ever set as text.

export function make(tag, properties = {}, ...children) {
  const { dataset, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  element.append(...children);
  return element;
}

// A canvas of a fixed size on the page.
export function keyCanvas(width, height) {
  const canvas = make("canvas");
  canvas.style.cssText = `width: ${width}px; height: ${height}px`;
  return canvas;
}

export function chip(found) {
  const swatch = make("i", { className: "rsp-chip" });
  swatch.style.background = found ? found.colour : "transparent";
  return swatch;
}

export function rounded(value, digits) {
  return Number(value.toPrecision(digits));
}

// Two significant digits, and a real minus.
export function number(value) {
  // What is only rounding is nothing.
  if (Math.abs(value) < 1e-6) return "0";
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : String(rounded(value, 2));
  return text.replace("-", "−");
}

export function signed(value) {
  return value > 0 ? `+${number(value)}` : number(value);
}

// A weight with two significant digits; what is too small to be seen in a grid is only said to be so.
export function share(weight) {
  if (Number.isInteger(weight)) return String(weight);
  return Math.abs(weight) < 0.001 ? "<0.001" : weight.toPrecision(2);
}
