// Streamlit's side of the decision flow. As with the explorer, the newest run of an element owns it.
const shown = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  let one = shown.get(parentElement);
  if (!one) {
    const root = document.createElement("div");
    parentElement.append(root);
    one = { root, runs: 0, id: data.id };
    one.report = (cuts) => one.tell("cuts", { id: one.id, cuts });
    one.flow = mountFlow(root, data.picture, { onCuts: (cuts) => one.report(cuts) });
    shown.set(parentElement, one);
  } else if (one.id !== data.id) {
    one.id = data.id;
    one.flow.update(data.picture);
  }
  one.tell = setStateValue;
  const run = ++one.runs;
  return () => {
    if (run !== one.runs) return;
    one.flow.destroy();
    one.root.remove();
    shown.delete(parentElement);
  };
}
