// Every panel of the page as a file: a picture (PNG, SVG) of what is to be seen, or its numbers (CSV). Nothing is sent
// anywhere: files are made of the page as it stands, with the link, the selection and the reader's note inside.
const PANELS = ".js-plotly-plot, .rsp-figure, .rsp-bars, .rsp-thumbs, .rsp-table";
const SCALE = 2;
const STYLE = `
  button { font: inherit; font-size: 0.875rem; line-height: 1.6; min-height: 1.9rem; padding: 0.1rem 0.7rem; cursor: pointer;
    color: var(--st-text-color, CanvasText); background: var(--st-background-color, Canvas); border-radius: 8px;
    border: 1px solid var(--st-border-color, #8884); white-space: nowrap; }
  button:hover { border-color: var(--st-primary-color, #2F5FD0); color: var(--st-primary-color, #2F5FD0); }
  button:focus-visible { outline: 3px solid var(--st-primary-color, #2F5FD0); outline-offset: 1px; }
  button[aria-pressed=true] { background: var(--st-primary-color, #2F5FD0); color: var(--st-background-color, Canvas); }
  .layer { position: fixed; inset: 0; z-index: 98; pointer-events: none; font-size: 0.8rem; }
  .bar { position: absolute; display: flex; gap: 2px; pointer-events: auto; padding: 2px; border-radius: 8px;
    background: var(--st-background-color, Canvas); box-shadow: 0 1px 6px #0006; }
  .bar[hidden] { display: none; }
  .bar button { min-height: 0; padding: 0 0.5rem; font-size: 0.78rem; border-radius: 6px; }
`;

// Panels in reading order, those inside the explorer's shadow as well; of nested ones the outer.
function panels() {
  const found = [...document.querySelectorAll(PANELS)];
  for (const { shadowRoot } of document.querySelectorAll("[data-testid^=stBidiComponent]")) {
    if (shadowRoot) found.push(...shadowRoot.querySelectorAll(".rsp"));
  }
  const visible = (e) => e.getBoundingClientRect().width > 40 && e.getBoundingClientRect().height > 20;
  const outer = (e) => !found.some((other) => other !== e && other.contains(e));
  return [...new Set(found)].filter((e) => visible(e) && outer(e));
}

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
// What no XML may hold, which a file's name may.
const readable = (text) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\p{Surrogate}]/gu, "");
const clear = (colour) => !colour || colour === "transparent" || /, 0\)$/.test(colour);

// What is to be seen of an element as an SVG drawing: grounds, borders, pictures, drawings, and letters where they stand.
async function drawing(panel, about) {
  const box = panel.getBoundingClientRect();
  const parts = [];
  const place = (e) => {
    const b = e.getBoundingClientRect();
    return [b.x - box.x, b.y - box.y, b.width, b.height].map((n) => n.toFixed(2));
  };
  const image = async (href, e, style) => {
    const [x, y, w, h] = place(e);
    const pixelated = style.imageRendering === "pixelated" ? "image-rendering:pixelated;" : "";
    const blend = style.mixBlendMode === "normal" ? "" : `mix-blend-mode:${style.mixBlendMode};`;
    parts.push(
      `<image x="${x}" y="${y}" width="${w}" height="${h}" preserveAspectRatio="none" opacity="${style.opacity}" ` +
        `style="${pixelated}${blend}" href="${escaped(await embedded(href))}"/>`,
    );
  };
  const walk = async (node) => {
    if (node.nodeType === Node.TEXT_NODE) return letters(node, box, parts);
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    const style = getComputedStyle(node);
    if (style.display === "none" || style.visibility === "hidden") return;
    if (node.matches("style, script, input, select, .modebar, .modebar-container")) return;
    const [x, y, w, h] = place(node);
    if (node instanceof SVGSVGElement) {
      const copy = node.cloneNode(true);
      Object.entries({ x, y, width: w, height: h }).forEach(([name, value]) => copy.setAttribute(name, value));
      parts.push(new XMLSerializer().serializeToString(copy));
      return;
    }
    if (!clear(style.backgroundColor) && node !== panel) {
      const round = parseFloat(style.borderRadius) || 0;
      parts.push(`<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${Math.min(round, w / 2)}" fill="${style.backgroundColor}" opacity="${style.opacity}"/>`);
    }
    const ground = style.backgroundImage.match(/^url\("(.*)"\)$/);
    const tile = parseFloat(style.backgroundSize);
    if (ground && style.backgroundSize.endsWith("px")) {
      const id = `tile-${parts.length}`;
      parts.push(
        `<pattern id="${id}" patternUnits="userSpaceOnUse" x="${x}" y="${y}" width="${tile}" height="${tile}">` +
          `<image width="${tile}" height="${tile}" href="${escaped(ground[1])}"/></pattern>` +
          `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="url(#${id})"/>`,
      );
    } else if (ground) await image(ground[1], node, { ...style, opacity: 1, mixBlendMode: "normal", imageRendering: "auto" });
    if (parseFloat(style.borderTopWidth) > 0 && !clear(style.borderTopColor) && style.borderTopStyle !== "none") {
      const round = node.matches("b") ? w / 2 : 0;
      parts.push(`<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${round}" fill="none" stroke="${style.borderTopColor}" stroke-width="${parseFloat(style.borderTopWidth)}"/>`);
    } else if (parseFloat(style.borderBottomWidth) > 0 && !clear(style.borderBottomColor) && style.borderBottomStyle !== "none") {
      // A line below alone, as between the rows of a table.
      const width = parseFloat(style.borderBottomWidth);
      const down = (Number(y) + Number(h) - width / 2).toFixed(2);
      parts.push(`<line x1="${x}" x2="${(Number(x) + Number(w)).toFixed(2)}" y1="${down}" y2="${down}" stroke="${style.borderBottomColor}" stroke-width="${width}"/>`);
    }
    if (node.matches("img")) return image(node.currentSrc || node.src, node, style);
    if (node.matches("canvas")) return image(node.toDataURL(), node, style);
    for (const child of node.childNodes) await walk(child);
  };
  await walk(panel);
  const paper = getComputedStyle(document.querySelector(".stApp") ?? document.body).backgroundColor;
  const [width, height] = [Math.ceil(box.width), Math.ceil(box.height)];
  return {
    width,
    height,
    text: readable(
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">` +
        `<desc>${escaped(said(about))}</desc><rect width="100%" height="100%" fill="${paper}"/>${parts.join("")}</svg>`,
    ),
  };
}

// Each line of a text where it stands.
function letters(node, box, parts) {
  const text = node.data;
  if (!text.trim()) return;
  const style = getComputedStyle(node.parentElement);
  const range = document.createRange();
  let line = null;
  const flush = () => {
    if (!line?.text.trim()) return;
    const [x, y] = [line.left - box.x, (line.top + line.bottom) / 2 - box.y];
    parts.push(
      `<text x="${x.toFixed(2)}" y="${y.toFixed(2)}" dominant-baseline="central" fill="${style.color}" ` +
        `font-family="${escaped(style.fontFamily)}" font-size="${style.fontSize}" font-weight="${style.fontWeight}" ` +
        `opacity="${style.opacity}" xml:space="preserve">${escaped(line.text)}</text>`,
    );
  };
  for (let i = 0; i < text.length; i++) {
    range.setStart(node, i);
    range.setEnd(node, i + 1);
    const at = range.getClientRects()[0];
    if (!at) continue;
    if (line && Math.abs(at.top - line.top) < 2) line.text += text[i];
    else {
      flush();
      line = { text: text[i], left: at.left, top: at.top, bottom: at.bottom };
    }
  }
  flush();
}

// An address of a picture as data, so that the file stands alone.
async function embedded(href) {
  if (href.startsWith("data:")) return href;
  const blob = await (await fetch(href)).blob();
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  });
}

async function png(panel, about) {
  const { text, width, height } = await drawing(panel, about);
  const picture = new Image();
  picture.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  await picture.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: SCALE * width, height: SCALE * height });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(picture.src);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return new Blob([described(new Uint8Array(await blob.arrayBuffer()), said(about))], { type: "image/png" });
}

// A PNG with an iTXt chunk "Description" before its pixels.
function described(bytes, text) {
  const body = new TextEncoder().encode(`iTXtDescription\0\0\0\0\0${text}`);
  const chunk = new Uint8Array(body.length + 8);
  new DataView(chunk.buffer).setUint32(0, body.length - 4);
  chunk.set(body, 4);
  new DataView(chunk.buffer).setUint32(body.length + 4, checksum(body));
  const header = 33;
  const whole = new Uint8Array(bytes.length + chunk.length);
  whole.set(bytes.subarray(0, header));
  whole.set(chunk, header);
  whole.set(bytes.subarray(header), header + chunk.length);
  return whole;
}

function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

// What goes with every file: image, models and question, the link, the note.
function said({ summary, note }) {
  return [summary, window.location.href, note && `Note: ${note}`].filter(Boolean).join("\n");
}

// The numbers of a panel as rows; null where it has none.
function rowsOf(panel) {
  if (panel.matches("table")) return [...panel.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim()));
  const bars = panel.matches(".rsp-bars") ? panel : panel.querySelector(".rsp-bars");
  if (bars) {
    const cells = [...bars.children];
    const names = cells.filter((e) => e.matches(".rsp-name"));
    return [["part", bars.querySelector(".rsp-axis b")?.textContent ?? "value"], ...names.map((e) => [e.textContent, cells[cells.indexOf(e) + 2].textContent])];
  }
  const maps = [...panel.querySelectorAll("[data-values]")];
  if (maps.length) return [["map", "cell y", "cell x", "logits"], ...maps.flatMap(cellRows)];
  const traces = (panel.data ?? []).filter(({ z, x, marker }) => z || (x && !(marker?.opacity === 0)));
  return traces.length ? [["trace", "y", "x", "value"], ...traces.flatMap(traceRows)] : null;
}

function cellRows(map) {
  const [, , top, left, , columns] = map.dataset.shape.split(",").map(Number);
  const values = new Float32Array(Uint8Array.from(atob(map.dataset.values), (c) => c.charCodeAt(0)).buffer);
  const title = map.closest("[data-pick]").parentElement.querySelector("p")?.innerText.replace(/\s+/g, " ").trim() ?? "";
  return [...values].map((value, i) => [title, top + Math.floor(i / columns), left + (i % columns), value]);
}

// Numbers of plotly may come as typed arrays behind a name.
function traceRows(trace, number) {
  const name = trace.name ?? `${number + 1}`;
  const list = (values) => Array.from(values?._inputArray ?? values ?? []);
  if (trace.z) {
    const [x0, dx, y0, dy] = [trace.x0 ?? 0, trace.dx ?? 1, trace.y0 ?? 0, trace.dy ?? 1];
    const [xs, ys] = [list(trace.x), list(trace.y)];
    return list(trace.z).flatMap((row, y) => list(row).map((value, x) => [name, ys[y] ?? y0 + y * dy, xs[x] ?? x0 + x * dx, value]));
  }
  const ys = list(trace.y);
  return list(trace.x).map((x, i) => [name, ys[i], x, ""]);
}

function csv(rows, about) {
  // Numbers as programs read them, without what keeps a line together; a text that a spreadsheet would take for a
  // formula stays a text.
  const plain = (value) => {
    const line = String(value ?? "").replaceAll("\u2060", "").replaceAll("\u00a0", " ");
    const text = line.replace(/^\+(?=[\d.])/, "").replace(/\u2212(?=[\d.])/g, "-");
    return /^[=+@\t]|^-(?![\d.])/.test(text) ? `'${text}` : text;
  };
  const cell = (value) => (/[",\n]/.test(plain(value)) ? `"${plain(value).replaceAll('"', '""')}"` : plain(value));
  const head = said(about).split("\n").map((line) => `# ${line}`);
  return new Blob(["\ufeff", [...head, ...rows.map((row) => row.map(cell).join(","))].join("\r\n")], { type: "text/csv" });
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function barOf(panel, number, about) {
  const bar = Object.assign(document.createElement("div"), { className: "bar" });
  const page = window.location.pathname.split("/").filter(Boolean).pop() || "workbench";
  const kinds = { PNG: () => png(panel, about()), SVG: async () => new Blob([(await drawing(panel, about())).text], { type: "image/svg+xml" }) };
  if (rowsOf(panel)) kinds.CSV = async () => csv(rowsOf(panel), about());
  for (const [kind, make] of Object.entries(kinds)) {
    const button = Object.assign(document.createElement("button"), { textContent: kind });
    button.setAttribute("aria-label", `Panel ${number} as ${kind}`);
    button.addEventListener("click", async () => save(await make(), `rsp-lab-${page}-${number}.${kind.toLowerCase()}`));
    bar.append(button);
  }
  return bar;
}

const instances = new WeakMap();

export default function ({ parentElement, data }) {
  const before = instances.get(parentElement);
  if (before) {
    before.data = data;
    return before.end;
  }
  const instance = { data, bars: new Map(), frame: null };
  instances.set(parentElement, instance);
  const root = parentElement;
  const button = Object.assign(document.createElement("button"), { textContent: "Export", title: "Shows on each panel what it can be saved as" });
  button.setAttribute("aria-pressed", "false");
  const layer = Object.assign(document.createElement("div"), { className: "layer" });
  root.append(Object.assign(document.createElement("style"), { textContent: STYLE }), button, layer);
  const place = () => {
    const shown = panels();
    for (const [panel, bar] of instance.bars) if (!shown.includes(panel)) bar.remove(), instance.bars.delete(panel);
    shown.forEach((panel, i) => {
      if (!instance.bars.has(panel)) {
        instance.bars.set(panel, barOf(panel, i + 1, () => instance.data));
        layer.append(instance.bars.get(panel));
      }
      const box = panel.getBoundingClientRect();
      const bar = instance.bars.get(panel);
      // Above the panel, where it covers no number of it; at the window's edge within it.
      bar.style.top = `${Math.max(50, box.top - 26)}px`;
      bar.style.right = `${Math.max(2, document.documentElement.clientWidth - box.right + 2)}px`;
      bar.hidden = box.bottom < 50 || box.top > window.innerHeight;
    });
    instance.frame = requestAnimationFrame(place);
  };
  const turn = (on) => {
    button.setAttribute("aria-pressed", String(on));
    cancelAnimationFrame(instance.frame);
    if (on) return place();
    instance.bars.forEach((bar) => bar.remove());
    instance.bars.clear();
  };
  button.addEventListener("click", () => turn(button.getAttribute("aria-pressed") !== "true"));
  const leave = (event) => event.key === "Escape" && turn(false);
  document.addEventListener("keydown", leave);
  instance.end = () => {
    turn(false);
    document.removeEventListener("keydown", leave);
    root.replaceChildren();
    instances.delete(parentElement);
  };
  return instance.end;
}
