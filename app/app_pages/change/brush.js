// Paints strokes over a photograph; they are told in input pixels when the button goes up, so that nothing is sent
// while the hand moves.
const ROOTS = new WeakMap();

function styles() {
  return `
    .brush { font: inherit; color: inherit; }
    .brush canvas { display: block; width: 100%; border-radius: 4px; cursor: crosshair; touch-action: none; }
    .brush canvas:focus-visible, .brush button:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
    .brush div { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 12px; margin-top: 6px; font-size: 13px; }
    .brush label { display: flex; align-items: center; gap: 6px; }
    .brush button { font: inherit; padding: 2px 10px; border: 1px solid #8888; border-radius: 6px; background: none;
      color: inherit; cursor: pointer; }
    .brush button:disabled { opacity: 0.45; cursor: default; }
  `;
}

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function build(parent, tell) {
  const canvas = make("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Photograph; drag to paint over what is to be erased.");
  const radius = make("input", { type: "range", min: 2, max: 60, value: 14 });
  const undo = make("button", { type: "button", textContent: "Undo stroke" });
  const clear = make("button", { type: "button", textContent: "Clear" });
  const row = make("div", {}, make("label", {}, "Brush", radius), undo, clear);
  const root = make("div", { className: "brush" }, make("style", { textContent: styles() }), canvas, row);
  parent.replaceChildren(root);
  const state = { canvas, strokes: [], stroke: null, image: null, size: [1, 1], pixel: null, id: null };

  const draw = () => {
    const [rows, columns] = state.size;
    canvas.width = columns;
    canvas.height = rows;
    const pen = canvas.getContext("2d");
    if (state.image) pen.drawImage(state.image, 0, 0, columns, rows);
    // On a layer of its own, so that strokes over each other are not darker.
    const layer = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
    const brush = layer.getContext("2d");
    Object.assign(brush, { lineCap: "round", lineJoin: "round", strokeStyle: "#ff2fb3", fillStyle: "#ff2fb3" });
    for (const { points, radius: wide } of [...state.strokes, ...(state.stroke ? [state.stroke] : [])]) {
      brush.lineWidth = 2 * wide + 1;
      brush.beginPath();
      points.forEach(([y, x], i) => (i ? brush.lineTo(x + 0.5, y + 0.5) : brush.moveTo(x + 0.5, y + 0.5)));
      if (points.length === 1) brush.lineTo(points[0][1] + 0.5, points[0][0] + 0.5);
      brush.stroke();
    }
    pen.globalAlpha = 0.6;
    pen.drawImage(layer, 0, 0);
    pen.globalAlpha = 1;
    // As large on the screen as the ring of the picture beside it, whatever the photograph's size.
    const unit = columns / (canvas.clientWidth || columns);
    for (const [colour, wide] of [["#111111", 4], ["#FFFFFF", 2]]) {
      if (!state.pixel) break;
      Object.assign(pen, { strokeStyle: colour, lineWidth: wide * unit });
      pen.beginPath();
      pen.arc(state.pixel[1] + 0.5, state.pixel[0] + 0.5, 6.5 * unit, 0, 2 * Math.PI);
      pen.stroke();
    }
    undo.disabled = clear.disabled = !state.strokes.length;
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const share = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    return share.map((at, axis) => Math.min(state.size[axis] - 1, Math.max(0, Math.floor(at * state.size[axis]))));
  };
  const done = () => {
    draw();
    tell({ id: state.id, strokes: state.strokes });
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    state.stroke = { points: [place(event)], radius: Number(radius.value) };
    draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!state.stroke) return;
    state.stroke.points.push(place(event));
    draw();
  });
  const end = () => {
    if (!state.stroke) return;
    state.strokes.push(state.stroke);
    state.stroke = null;
    done();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  undo.addEventListener("click", () => (state.strokes.pop(), done()));
  clear.addEventListener("click", () => ((state.strokes = []), done()));
  return { state, draw };
}

export default function ({ parentElement, data, setStateValue }) {
  let made = ROOTS.get(parentElement);
  if (!made) {
    made = build(parentElement, (value) => made.tell(value));
    ROOTS.set(parentElement, made);
  }
  made.tell = (value) => setStateValue("painted", value);
  const { state, draw } = made;
  const moved = String(state.pixel) !== String(data.pixel);
  state.pixel = data.pixel;
  if (state.id === data.id) {
    if (moved) draw();
    return;
  }
  // Another photograph starts without a stroke, or with those that were painted on it before.
  Object.assign(state, { id: data.id, size: data.size, strokes: data.strokes, stroke: null, image: null });
  const image = new Image();
  image.onload = () => {
    if (state.id !== data.id) return;
    state.image = image;
    draw();
  };
  image.src = data.source;
}
