// A box drawn on a spectrogram, with the pointer or with the keys.

const NEAR_PIXELS = 4;
const KEY_SHARE = 0.02;

// Nobody draws more exactly than this.
function rounded([start, end, low, high]) {
  return [+start.toFixed(3), +end.toFixed(3), +low.toPrecision(4), +high.toPrecision(4)];
}

class Marquee {
  // chosen([start, end, low, high]) or chosen(null).
  constructor(heat, chosen) {
    this.heat = heat;
    this.chosen = chosen;
    this.box = null;
    this.frame = element("div", { className: "lkx-box", hidden: true });
    this.label = element("span", { className: "lkx-box-label" });
    this.frame.append(this.label);
    const stage = heat.stage;
    stage.append(this.frame);
    stage.classList.add("lkx-brushed");
    stage.tabIndex = 0;
    stage.setAttribute("role", "application");
    stage.setAttribute("aria-label", "Select a band: Enter begins, arrows move the box, with Shift they change its size, Escape ends");
    stage.title = "Drag a box: a band of frequencies, and a time";
    stage.dataset.lmSuppressShortcuts = "true";
    stage.onpointerdown = (event) => this.grab(event);
    stage.onkeydown = (event) => this.press(event);
  }

  // Where a pointer is, across and up, 0 to 1.
  place(event) {
    const { left, top, width, height } = this.heat.canvas.getBoundingClientRect();
    const within = (share) => Math.min(1, Math.max(0, share));
    return [within((event.clientX - left) / width), within(1 - (event.clientY - top) / height)];
  }

  grab(event) {
    if (event.button || !this.heat.columns) return;
    const stage = this.heat.stage;
    const first = this.place(event);
    const from = [event.clientX, event.clientY];
    stage.setPointerCapture(event.pointerId);
    stage.onpointermove = (moved) => this.drag(first, this.place(moved));
    stage.onpointerup = stage.onpointercancel = (ended) => {
      stage.onpointermove = stage.onpointerup = stage.onpointercancel = null;
      const far = Math.hypot(ended.clientX - from[0], ended.clientY - from[1]) > NEAR_PIXELS;
      if (!far) this.show(null);
      this.chosen(this.box);
    };
  }

  drag([x0, y0], [x1, y1]) {
    const { seconds } = this.heat;
    const times = [x0 * seconds, x1 * seconds].sort((a, b) => a - b);
    const hz = [this.heat.at(y0), this.heat.at(y1)].sort((a, b) => a - b);
    this.show(rounded([...times, ...hz]));
  }

  show(box) {
    this.box = box;
    this.frame.hidden = !box;
    if (!box) return;
    const { seconds } = this.heat;
    const [start, end, low, high] = box;
    const up = (hz) => Math.min(1, Math.max(0, this.heat.up(hz)));
    Object.assign(this.frame.style, {
      left: `${(100 * start) / seconds}%`,
      width: `${(100 * (end - start)) / seconds}%`,
      bottom: `${100 * up(low)}%`,
      height: `${100 * (up(high) - up(low))}%`,
    });
    this.label.textContent = `${Math.round(low)}–${Math.round(high)} Hz, ${start.toFixed(2)}–${end.toFixed(2)} s`;
    this.label.classList.toggle("lkx-inside", up(high) > 0.85);
    this.label.classList.toggle("lkx-to-left", start > seconds / 2);
  }

  press(event) {
    const { seconds } = this.heat;
    if (!seconds) return;
    if (event.key === "Enter" && !this.box) this.show(rounded([seconds * 0.25, seconds * 0.75, this.heat.at(0.3), this.heat.at(0.7)]));
    else if (event.key === "Escape" && this.box) this.show(null);
    else if (event.key.startsWith("Arrow") && this.box) this.show(this.moved(event));
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.chosen(this.box);
  }

  // With Shift the right and the upper edge move alone.
  moved({ key, shiftKey }) {
    const { seconds } = this.heat;
    const [start, end, low, high] = this.box;
    const across = { ArrowLeft: -1, ArrowRight: 1 }[key] ?? 0;
    const upward = { ArrowDown: -1, ArrowUp: 1 }[key] ?? 0;
    const edges = [start / seconds, end / seconds, this.heat.up(low), this.heat.up(high)];
    const moves = [across, across, upward, upward].map((way, n) => (shiftKey && n % 2 === 0 ? 0 : way * KEY_SHARE));
    const next = edges.map((edge, n) => edge + moves[n]);
    const fits = next.every((edge) => edge > -1e-9 && edge < 1 + 1e-9) && next[1] - next[0] > 0.005 && next[3] - next[2] > 0.01;
    if (!fits) return this.box;
    return rounded([next[0] * seconds, next[1] * seconds, this.heat.at(next[2]), this.heat.at(next[3])]);
  }
}
