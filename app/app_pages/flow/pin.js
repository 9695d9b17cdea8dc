// Carries the selected pixel to the explorer in the same page, now and whenever the explorer asks for it.
const answers = new WeakMap();

export default function ({ parentElement, data }) {
  const tell = () => window.dispatchEvent(new CustomEvent("rsp-lab-pin", { detail: data }));
  const before = answers.get(parentElement);
  if (before) window.removeEventListener("rsp-lab-ask-pin", before);
  answers.set(parentElement, tell);
  window.addEventListener("rsp-lab-ask-pin", tell);
  tell();
  return () => window.removeEventListener("rsp-lab-ask-pin", tell);
}
