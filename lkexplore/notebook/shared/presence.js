// Beside ipywidgets' own parts: keeps JupyterLab's keys away from them, tells that somebody looks,
// and says when the kernel is gone.

class Presence {
  constructor(model, el) {
    this.el = el;
    this.said = statusLine("lkx-said");
    el.append(this.said);
    this.keeper = new MutationObserver(() => this.keepKeys());
    this.heart = new Heart(model, () => this.find(), (text) => this.say(text));
  }

  find() {
    const panel = this.el.closest(".lkx-panel");
    if (panel && panel !== this.panel) {
      this.panel = panel;
      this.keeper.disconnect();
      this.keeper.observe(panel, { childList: true, subtree: true });
      this.keepKeys();
    }
    return panel;
  }

  // Each part has to say no by itself; what is said is read aloud.
  keepKeys() {
    for (const line of this.panel.querySelectorAll(".lkx-says")) line.setAttribute("role", "status");
    for (const part of this.panel.querySelectorAll("*")) part.dataset.lmSuppressShortcuts = "true";
  }

  say(text) {
    this.said.textContent = text;
  }

  end() {
    this.heart.end();
    this.keeper.disconnect();
    this.said.remove();
  }
}

function render({ model, el }) {
  const presence = new Presence(model, el);
  return () => presence.end();
}

export default { render };
