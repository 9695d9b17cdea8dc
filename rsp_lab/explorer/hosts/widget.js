// The explorer in a notebook (anywidget): pixel, second pixel and view are the widget's, in Python and here.
function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function render({ model, el }) {
  const root = document.createElement("div");
  root.dataset.host = "widget";
  el.append(root);
  const explorer = mount(root, bytesOf(model.get("payload")), {
    view: model.get("view"),
    otherHeight: 420,
    onView: (text) => {
      if (text === model.get("view")) return;
      const pixel = (name) => {
        const found = new URLSearchParams(text).get(name);
        return found ? found.split(",").map(Number) : null;
      };
      model.set("view", text);
      model.set("pixel", pixel("pixel"));
      model.set("second", pixel("second"));
      model.save_changes();
    },
  });
  const follow = () => explorer.setView(model.get("view"));
  const replace = () => explorer.update(bytesOf(model.get("payload")));
  model.on("msg:custom", follow);
  model.on("change:payload", replace);
  return () => {
    model.off("msg:custom", follow);
    model.off("change:payload", replace);
    explorer.destroy();
  };
}

export default { render };
