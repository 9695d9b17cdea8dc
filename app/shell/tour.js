// A tour of a minute, offered until it is taken or sent away; this browser remembers that.
const KEY = "rsp-lab-tour";
const STYLE = `
  .tour { position: fixed; left: 0.8rem; bottom: 0.8rem; z-index: 96; font: 0.9rem/1.45 var(--st-font, system-ui, sans-serif);
    color: var(--st-text-color, CanvasText); background: var(--st-background-color, Canvas); border-radius: 10px;
    border: 1px solid var(--st-border-color, #8884); box-shadow: 0 2px 14px #0005; padding: 0.3rem 0.4rem;
    max-width: min(24rem, calc(100vw - 1.6rem)); box-sizing: border-box; }
  .tour.open { padding: 0.8rem 1rem; }
  .tour p { margin: 0 0 0.6rem; min-height: 6lh; }
  .row { display: flex; gap: 0.5rem; align-items: center; }
  .row span { margin-right: auto; opacity: 0.7; font-size: 0.8rem; }
  button { font: inherit; font-size: 0.85rem; padding: 0.15rem 0.7rem; border-radius: 7px; cursor: pointer; color: inherit;
    background: none; border: 1px solid var(--st-border-color, #8884); }
  button:hover { border-color: var(--st-primary-color, #2F5FD0); }
  button:focus-visible { outline: 3px solid var(--st-primary-color, #2F5FD0); outline-offset: 1px; }
`;

// Storage may be switched off: then the tour is offered again next time, and nothing breaks.
function remembered() {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

function remember() {
  try {
    localStorage.setItem(KEY, "seen");
  } catch {
    return;
  }
}

export default function ({ parentElement, data }) {
  parentElement.replaceChildren();
  if (remembered()) return;
  const box = Object.assign(document.createElement("div"), { className: "tour" });
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Tour");
  parentElement.append(Object.assign(document.createElement("style"), { textContent: STYLE }), box);
  const button = (text, press) => {
    const made = Object.assign(document.createElement("button"), { textContent: text });
    made.addEventListener("click", press);
    return made;
  };
  const end = () => {
    remember();
    parentElement.replaceChildren();
  };
  const show = (step) => {
    box.classList.add("open");
    const words = Object.assign(document.createElement("p"), { textContent: data.steps[step] });
    words.setAttribute("aria-live", "polite");
    const row = Object.assign(document.createElement("div"), { className: "row" });
    row.append(Object.assign(document.createElement("span"), { textContent: `${step + 1} of ${data.steps.length}` }));
    if (step > 0) row.append(button("Back", () => show(step - 1)));
    const last = step === data.steps.length - 1;
    if (!last) row.append(button("Leave", end));
    const next = button(last ? "Done" : "Next", () => (last ? end() : show(step + 1)));
    row.append(next);
    box.replaceChildren(words, row);
    next.focus();
  };
  const offer = Object.assign(document.createElement("div"), { className: "row" });
  const leave = button("×", end);
  leave.setAttribute("aria-label", "No tour");
  offer.append(button("New here? A tour of a minute", () => show(0)), leave);
  box.append(offer);
}
