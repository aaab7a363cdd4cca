// A live waveform, spectrogram and level meter of every track.

const COLUMNS_A_SECOND = 100;
const BINS = 128;
const LOWEST_HZ = 50;
const HIGHEST_HZ = 20000;
const WAVE_HEIGHT = 72;
const FLOOR_DB = -60;
const HOLD_MS = 1500;
const FALL_DB_A_SECOND = 20;
const SEEN_MS = 1000;
const SILENCE_MS = 2000;
const TICKS_HZ = [100, 1000, 10000];

const COLOURS = colourTable();

function ink() {
  return getComputedStyle(document.body).getPropertyValue("--jp-brand-color1").trim() || "#1976d2";
}

class Meter {
  constructor() {
    this.bar = element("div", { className: "lkx-meter-bar" });
    this.mark = element("div", { className: "lkx-meter-mark" });
    this.text = element("span", { className: "lkx-meter-text" });
    this.root = element("div", { className: "lkx-meter" }, this.bar, this.mark);
    this.root.setAttribute("role", "meter");
    this.root.setAttribute("aria-valuemin", FLOOR_DB);
    this.root.setAttribute("aria-valuemax", 0);
    this.held = FLOOR_DB;
    this.since = this.last = performance.now();
  }

  show(rms, peak, now) {
    const share = (db) => Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
    if (peak >= this.held) {
      this.held = peak;
      this.since = now;
    } else if (now - this.since > HOLD_MS) {
      this.held = Math.max(peak, this.held - (FALL_DB_A_SECOND * (now - this.last)) / 1000);
    }
    this.last = now;
    this.bar.style.width = `${100 * share(rms)}%`;
    this.mark.style.left = `${100 * share(this.held)}%`;
    this.mark.classList.toggle("lkx-over", this.held > -0.1);
    this.text.textContent = `${rms.toFixed(0)} dBFS, peak ${this.held.toFixed(0)}`;
    this.root.setAttribute("aria-valuenow", Math.max(FLOOR_DB, rms));
    this.root.setAttribute("aria-valuetext", this.text.textContent);
  }
}

// One track: what is old moves to the left, what is new comes in at the right.
class Lane {
  constructor(id, label, seconds, capture) {
    this.width = Math.round(seconds * COLUMNS_A_SECOND);
    this.meter = new Meter();
    this.name = element("b");
    this.seconds = seconds;
    this.wave = element("canvas", { width: this.width, height: WAVE_HEIGHT, className: "lkx-wave" });
    this.fall = element("canvas", { width: this.width, height: BINS, className: "lkx-fall" });
    for (const canvas of [this.wave, this.fall]) canvas.onclick = () => capture(id);
    // One of the two is enough for the keys.
    this.wave.setAttribute("role", "img");
    this.fall.tabIndex = 0;
    this.fall.setAttribute("role", "button");
    this.fall.onkeydown = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      if (!event.repeat) capture(id);
    };
    const ticks = TICKS_HZ.map((hz) => {
      const up = Math.log(hz / LOWEST_HZ) / Math.log(HIGHEST_HZ / LOWEST_HZ);
      const tick = element("span", { textContent: hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz` });
      tick.style.bottom = `${100 * up}%`;
      return tick;
    });
    this.root = element(
      "div",
      { className: "lkx-lane" },
      row(this.name, this.meter.root, this.meter.text),
      this.wave,
      element("div", { className: "lkx-under" }, this.fall, element("div", { className: "lkx-hz" }, ...ticks)),
      element("div", { className: "lkx-time" }, element("span", { textContent: `-${seconds} s` }), element("span", { textContent: "now" })),
    );
    this.call(label);
    this.clear();
  }

  // Somebody's second track has both called otherwise.
  call(label) {
    if (this.label === label) return;
    this.label = label;
    this.name.textContent = label;
    this.meter.root.setAttribute("aria-label", `level of ${label}`);
    this.wave.setAttribute("aria-label", `waveform of ${label}`);
    this.fall.setAttribute("aria-label", `spectrogram of ${label}: capture the last ${this.seconds} s`);
    for (const canvas of [this.wave, this.fall]) canvas.title = `click to capture the last ${this.seconds} s of ${label}`;
  }

  clear() {
    this.ink = ink();
    const wave = this.wave.getContext("2d");
    wave.clearRect(0, 0, this.width, WAVE_HEIGHT);
    const fall = this.fall.getContext("2d");
    fall.fillStyle = "rgb(0 0 4)";
    fall.fillRect(0, 0, this.width, BINS);
  }

  add(count, envelope, spectrum) {
    count = Math.min(count, this.width);
    const left = this.width - count;
    const wave = this.wave.getContext("2d");
    wave.globalCompositeOperation = "copy";
    wave.drawImage(this.wave, -count, 0);
    wave.globalCompositeOperation = "source-over";
    wave.fillStyle = this.ink;
    const middle = WAVE_HEIGHT / 2;
    for (let n = 0; n < count; n++) {
      const top = middle - (envelope[2 * n + 1] / 128) * middle;
      const bottom = middle - (envelope[2 * n] / 128) * middle;
      wave.fillRect(left + n, top, 1, Math.max(1, bottom - top));
    }
    const fall = this.fall.getContext("2d");
    fall.drawImage(this.fall, -count, 0);
    const image = fall.createImageData(count, BINS);
    const pixels = new Uint32Array(image.data.buffer);
    for (let n = 0; n < count; n++)
      for (let bin = 0; bin < BINS; bin++)
        pixels[(BINS - 1 - bin) * count + n] = COLOURS[spectrum[n * BINS + bin]];
    fall.putImageData(image, left, 0);
  }
}

class Picture {
  constructor(model, el) {
    this.model = model;
    this.lanes = new Map();
    this.heard = performance.now();
    this.pause = button("Pause", "The picture stands still; the sound is kept meanwhile", () => {
      model.set("paused", !model.get("paused"));
      saveTo(model);
    });
    this.status = statusLine("lkx-said");
    this.place = element("div", { className: "lkx-lanes" });
    this.root = element("div", { className: "lkx lkx-scope" }, row(this.pause, this.status), this.place);
    el.append(this.root);
    this.shows = () => showPressed(model.get("paused"), this.pause);
    this.hears = (message, buffers) => this.hear(message, buffers);
    model.on("change:paused", this.shows);
    model.on("msg:custom", this.hears);
    this.shows();
    this.looking = setInterval(() => this.look(), SEEN_MS);
    sendTo(model, { seen: true });
  }

  // Tell the kernel that somebody looks, and the person when the kernel does not answer.
  look() {
    // Behind another tab nothing is asked for, and so nothing comes.
    if (document.hidden || !this.root.getClientRects().length) {
      this.heard = performance.now();
      return;
    }
    sendTo(this.model, { seen: true });
    // The theme may have changed.
    for (const lane of this.lanes.values()) lane.ink = ink();
    const quiet = performance.now() - this.heard;
    if (quiet > SILENCE_MS) this.say(`nothing from the kernel for ${Math.round(quiet / 1000)} s: it may be stopped, or hold the interpreter`);
    else if (this.complained) this.say("");
    this.complained = quiet > SILENCE_MS;
  }

  say(text) {
    this.status.textContent = text;
  }

  hear(message, buffers) {
    if (message.ended) {
      clearInterval(this.looking);
      this.say(message.ended);
    }
    if (message.captured) this.say(`captured ${message.captured}`);
    if (!message.lanes) return;
    const now = performance.now();
    this.heard = now;
    hideStill(this.root, message.still);
    this.follow(message.lanes);
    if (!message.lanes.length && !this.complained) this.say("nobody is heard yet");
    let next = 0;
    for (const told of message.lanes) {
      if (!told.columns) continue;
      const envelope = numbers(Int8Array, buffers[next++]);
      const spectrum = numbers(Uint8Array, buffers[next++]);
      if (this.model.get("paused")) continue;
      const lane = this.lanes.get(told.id);
      lane.add(told.columns, envelope, spectrum);
      lane.meter.show(told.rms, told.peak, now);
    }
  }

  follow(told) {
    const there = new Set(told.map((one) => one.id));
    for (const [id, lane] of this.lanes) {
      if (there.has(id)) continue;
      lane.root.remove();
      this.lanes.delete(id);
    }
    for (const { id, label } of told) {
      this.lanes.get(id)?.call(label);
      if (this.lanes.has(id)) continue;
      if (!this.lanes.size) this.say("");
      const lane = new Lane(id, label, this.model.get("seconds"), (of) => sendTo(this.model, { capture: of }));
      this.lanes.set(id, lane);
      this.place.append(lane.root);
    }
  }

  end() {
    clearInterval(this.looking);
    this.model.off("change:paused", this.shows);
    this.model.off("msg:custom", this.hears);
    this.root.remove();
  }
}

function render({ model, el }) {
  const picture = new Picture(model, el);
  return () => picture.end();
}

export default { render };
