// Streamlit's side of the explorer. Streamlit runs the default export again whenever data or theme change, and may
// clean up an older run after a newer one began: instances are kept by their parent element, the newest run owns it.
const instances = new WeakMap();

// The address of a view: the app's own parameters as they are, the pixel where the app keeps it, the rest as one text.
function linkTo(text) {
  const link = new URL(window.location.href);
  const rest = new URLSearchParams(text);
  const pixel = rest.get("pixel");
  rest.delete("pixel");
  if (pixel) link.searchParams.set("pixel", pixel);
  if (rest.size) link.searchParams.set("view", rest.toString());
  else link.searchParams.delete("view");
  return link.href;
}

export default function ({ parentElement, data, setStateValue }) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const { header } = readHeader(bytes);
  let instance = instances.get(parentElement);
  if (!instance) {
    const root = document.createElement("div");
    parentElement.append(root);
    instance = { runs: 0, pinnedAt: 0, last: null, view: header.id };
    instance.report = setStateValue;
    instance.explorer = mount(root, bytes, {
      view: new URLSearchParams(window.location.search).get("view") ?? "",
      linkTo,
      onPick: ([y, x]) => {
        instance.pinnedAt = Date.now();
        instance.report("pick", { y, x, sequence: instance.pinnedAt });
      },
    });
    // A pin that answers an older click than the last one comes too late to be followed.
    instance.follow = ({ detail }) => {
      if (detail.view !== instance.view || detail.sequence < instance.pinnedAt) return;
      instance.explorer.setPick(detail.pixel);
    };
    window.addEventListener("rsp-lab-pin", instance.follow);
    instance.root = root;
    instances.set(parentElement, instance);
  } else if (instance.view !== header.id) {
    instance.view = header.id;
    instance.pinnedAt = 0;
    instance.explorer.update(bytes);
  } else {
    requestAnimationFrame(instance.explorer.restyle);
  }
  instance.report = setStateValue;
  const run = ++instance.runs;
  window.dispatchEvent(new CustomEvent("rsp-lab-ask-pin"));
  return () => {
    if (run !== instance.runs) return;
    window.removeEventListener("rsp-lab-pin", instance.follow);
    instance.explorer.destroy();
    instance.root.remove();
    instances.delete(parentElement);
  };
}
