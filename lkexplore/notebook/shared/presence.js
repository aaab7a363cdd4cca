// Beside ipywidgets' own parts: keeps JupyterLab's keys away from them, and tells that somebody looks.

const SEEN_MS = 1000;
const FIRST_MS = 50;

class Presence {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.keeper = new MutationObserver(() => this.keepKeys());
    this.looking = setInterval(() => this.look(), SEEN_MS);
    // It is put into the page after this.
    this.first = setTimeout(() => this.look(), FIRST_MS);
  }

  look() {
    const panel = this.el.closest(".lkx-panel");
    if (!panel) return;
    if (panel !== this.panel) {
      this.panel = panel;
      this.keeper.disconnect();
      this.keeper.observe(panel, { childList: true, subtree: true });
      this.keepKeys();
    }
    if (!document.hidden && panel.getClientRects().length) sendTo(this.model, { seen: true });
  }

  // Each part has to say no by itself; what is said is read aloud.
  keepKeys() {
    for (const line of this.panel.querySelectorAll(".lkx-says")) line.setAttribute("role", "status");
    for (const part of this.panel.querySelectorAll("*")) part.dataset.lmSuppressShortcuts = "true";
  }

  end() {
    clearInterval(this.looking);
    clearTimeout(this.first);
    this.keeper.disconnect();
  }
}

function render({ model, el }) {
  const presence = new Presence(model, el);
  return () => presence.end();
}

export default { render };
