// Whether the kernel still answers a widget: while somebody looks, it sends a beat every second.

const BEAT_MS = 1000;
const FIRST_BEAT_MS = 50;
// A kernel that computes may be late; one that is gone is late for ever.
const QUIET_MS = 5000;

class Heart {
  // root() is what the person looks at, or nothing yet; in it, parts of the class
  // "lkx-needs-kernel" take no input while the kernel is quiet. told(text) says it: "" when it is back.
  constructor(model, root, told) {
    Object.assign(this, { model, root, told });
    this.quiet = false;
    this.heard = performance.now();
    this.hears = () => this.beat();
    model.on("msg:custom", this.hears);
    this.looking = setInterval(() => this.look(), BEAT_MS);
    // It is put into the page after this.
    this.first = setTimeout(() => this.look(), FIRST_BEAT_MS);
  }

  beat() {
    this.heard = performance.now();
    if (!this.quiet) return;
    this.show(false);
    this.told("");
  }

  look() {
    const root = this.root();
    // Behind another tab nothing is asked for, and so nothing comes.
    if (!root || document.hidden || !root.getClientRects().length) {
      this.heard = performance.now();
      return;
    }
    sendTo(this.model, { seen: true });
    const quiet = performance.now() - this.heard;
    if (quiet <= QUIET_MS) return;
    this.show(true);
    this.told(`nothing from the kernel for ${Math.round(quiet / 1000)} s: it may be stopped, or hold the interpreter; if it was restarted, run the cell again`);
  }

  show(quiet) {
    this.quiet = quiet;
    for (const part of this.root()?.querySelectorAll(".lkx-needs-kernel") ?? []) {
      part.inert = quiet;
      part.style.opacity = quiet ? 0.5 : "";
    }
  }

  end() {
    clearInterval(this.looking);
    clearTimeout(this.first);
    this.model.off("msg:custom", this.hears);
  }
}
