// Parts of a page. JupyterLab's own keys stay away from what has the focus here.
const FOCUSED = new Set(["button", "select", "input", "canvas"]);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  if (FOCUSED.has(tag) || "tabIndex" in properties) made.dataset.lmSuppressShortcuts = "true";
  made.append(...children);
  return made;
}

function button(text, title, act = null) {
  return element("button", { type: "button", textContent: text, title, onclick: act });
}

function row(...children) {
  return element("div", { className: "lkx-row" }, ...children);
}

// What a widget says to the person, read aloud by itself.
function statusLine(className) {
  const line = element("span", { className });
  line.setAttribute("role", "status");
  return line;
}

function showPressed(pressed, ...buttons) {
  for (const one of buttons) one.setAttribute("aria-pressed", String(Boolean(pressed)));
}

// What came in a message, as numbers of a kind; copied, for they may lie at any byte.
function numbers(Kind, { buffer, byteOffset, byteLength }) {
  return new Kind(buffer.slice(byteOffset, byteOffset + byteLength));
}

// What the notebook has saved is not needed while the kernel answers; it may be shown again later.
function hideStill(root, id) {
  if (!id || root.dataset.still === id) return;
  root.dataset.still = id;
  root.append(element("style", { textContent: `.lkx-still-${id} { display: none; }` }));
}

// A kernel that is gone, or a widget that was closed, takes nothing: that is no error of the page.
function sendTo(model, message) {
  try {
    model.send(message);
  } catch {
    return false;
  }
  return true;
}

function saveTo(model) {
  try {
    model.save_changes();
  } catch {
    return false;
  }
  return true;
}
