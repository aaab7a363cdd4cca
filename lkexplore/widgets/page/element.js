// Parts of a page. JupyterLab's own keys stay away from what has the focus here.
const FOCUSED = new Set(["button", "select", "input", "canvas"]);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (FOCUSED.has(tag)) made.dataset.lmSuppressShortcuts = "true";
  made.append(...children);
  return made;
}

// What the notebook has saved is not needed while the kernel answers; it may be shown again later.
function hideStill(root, id) {
  const rule = `.lkx-still-${id} { display: none; }`;
  if (id && root.dataset.still !== id) {
    root.dataset.still = id;
    root.append(element("style", { textContent: rule }));
  }
}
