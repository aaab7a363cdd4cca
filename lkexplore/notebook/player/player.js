// The face of a player: pictures with a playhead, a region to loop, and buttons.

const STEP_SECONDS = 1;
const DRAG_PIXELS = 4;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

class SoundPlayer {
  // Sounds: [{ name, level, letter }]; load(switch) brings them when they are first wanted. Of so many
  // seconds that the pictures show, so many may be heard.
  constructor(root, lanes, sounds, { seconds, heard = seconds }, load) {
    this.root = root;
    this.sounds = sounds.map((sound, n) => ({ letter: LETTERS[n], ...sound }));
    this.seconds = seconds;
    this.heard = heard;
    this.load = load;
    this.switch = null;
    this.loaded = false;
    this.from = 0;
    this.region = null;
    this.chosen = 0;
    this.stage = this.makeStage(lanes);
    this.row = this.makeRow();
    root.prepend(this.stage, this.row);
    this.keepKeys();
    this.pressed = (event) => this.press(event);
    root.addEventListener("keydown", this.pressed);
    this.show();
  }

  // JupyterLab's own keys would cut the cell, or insert one: each part has to say no by itself.
  keepKeys() {
    for (const part of [this.root, ...this.root.querySelectorAll("*")]) part.dataset.lmSuppressShortcuts = "true";
  }

  makeStage(lanes) {
    this.head = element("div", { className: "lkx-head" });
    this.shade = element("div", { className: "lkx-region", hidden: true });
    if (this.sounds.length > 1)
      lanes.forEach((lane) => lane.append(element("b", { className: "lkx-letter", textContent: this.sounds[lane.dataset.lane].letter })));
    const unheard = element("div", { className: "lkx-unheard", hidden: this.heard > 0.999 * this.seconds, title: "not embedded" });
    unheard.style.left = `${(100 * this.heard) / this.seconds}%`;
    const stage = element("div", { className: "lkx-stage", tabIndex: 0, title: "Click to go there, drag to loop a region" }, ...lanes, unheard, this.shade, this.head);
    stage.setAttribute("role", "slider");
    stage.setAttribute("aria-label", "Position in seconds");
    stage.setAttribute("aria-valuemin", "0");
    stage.setAttribute("aria-valuemax", this.seconds.toFixed(2));
    stage.onpointerdown = (event) => this.grab(event);
    return stage;
  }

  makeRow() {
    this.button = button("Play", "Play or pause (space)", () => this.toggle());
    this.choices = this.sounds.length < 2 ? [] : this.sounds.map(({ name, letter }, n) => button(letter, `Hear ${name} (key ${letter})`, () => this.choose(n)));
    this.looping = button("Loop", "Loop everything, or no longer loop (L)", () => this.toggleLoop());
    this.clock = element("span", { className: "lkx-clock" });
    this.status = statusLine("lkx-said");
    return row(this.button, ...this.choices, this.looping, this.clock, this.status);
  }

  async ready() {
    if (this.switch) return this.loading;
    this.switch = new Switch();
    this.switch.onposition = (seconds) => this.move(seconds);
    this.switch.onchange = () => this.show();
    this.loading = this.bring();
    return this.loading;
  }

  async bring() {
    this.say("loading…");
    const brought = this.switch;
    try {
      await this.load(brought);
    } catch (error) {
      brought.end();
      this.switch = null;
      throw error;
    }
    // It may have been taken away meanwhile.
    if (this.switch !== brought) return;
    const { from } = this;
    this.loaded = true;
    this.sounds.forEach(({ level }, n) => this.switch.setLevel(n, level ?? 1));
    this.switch.choose(this.chosen);
    this.heard = Math.min(this.heard, this.switch.duration);
    this.say("");
    if (this.region) this.switch.loop(this.region.start, this.region.end);
    this.switch.seek(from);
  }

  async play() {
    try {
      await this.ready();
    } catch (error) {
      this.say(`cannot be played here: ${error.message}`);
      return;
    }
    this.switch?.play(this.from >= this.heard ? 0 : this.from);
  }

  get playing() {
    return Boolean(this.switch?.playing);
  }

  toggle() {
    if (this.playing) this.switch.pause();
    else return this.play();
  }

  choose(index) {
    this.chosen = index;
    this.switch?.choose(index);
    this.show();
  }

  seek(seconds) {
    this.from = Math.min(Math.max(0, seconds), this.heard);
    if (this.loaded) this.switch.seek(this.from);
    this.move(this.from);
  }

  loop(region) {
    this.region = region;
    if (this.loaded) this.switch.loop(region?.start, region?.end);
    if (region && (this.from < region.start || this.from >= region.end)) this.seek(region.start);
    this.show();
  }

  toggleLoop() {
    this.loop(this.region ? null : { start: 0, end: this.heard });
  }

  grab(event) {
    if (event.button) return;
    event.preventDefault();
    this.stage.focus();
    this.stage.setPointerCapture(event.pointerId);
    const box = this.stage.getBoundingClientRect();
    const seconds = (x) => Math.min(Math.max(0, (x - box.left) / box.width), 1) * this.seconds;
    const first = event.clientX;
    let region = null;
    this.stage.onpointermove = ({ clientX }) => {
      if (!region && Math.abs(clientX - first) < DRAG_PIXELS) return;
      const ends = [seconds(first), seconds(clientX)].map((one) => Math.min(one, this.heard)).sort((a, b) => a - b);
      region = { start: ends[0], end: ends[1] };
      this.showRegion(region);
    };
    const release = (done) => {
      this.stage.onpointermove = this.stage.onpointerup = this.stage.onpointercancel = null;
      if (!done) return this.show();
      const there = seconds(first);
      if (region?.end > region?.start) return this.loop(region);
      if (this.region && (there < this.region.start || there >= this.region.end)) this.loop(null);
      this.seek(there);
    };
    this.stage.onpointerup = () => release(true);
    this.stage.onpointercancel = () => release(false);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toUpperCase();
    const step = event.shiftKey ? STEP_SECONDS / 10 : STEP_SECONDS;
    const acts = {
      " ": () => event.repeat || this.toggle(),
      ARROWLEFT: () => this.seek(this.from - step),
      ARROWRIGHT: () => this.seek(this.from + step),
      HOME: () => this.seek(0),
      END: () => this.seek(this.seconds),
      L: () => event.repeat || this.toggleLoop(),
    };
    this.choices.forEach((_, n) => (acts[this.sounds[n].letter] ??= () => this.choose(n)));
    // A button that has the focus is pressed by the space itself.
    if (!acts[key] || (key === " " && event.target.tagName === "BUTTON")) return;
    event.preventDefault();
    event.stopPropagation();
    acts[key]();
  }

  move(seconds) {
    // An output that is cleared is taken out of the page without a word.
    if (this.playing && !this.root.isConnected) this.switch.pause();
    this.from = seconds;
    const share = this.seconds ? Math.min(1, seconds / this.seconds) : 0;
    this.head.style.left = `${100 * share}%`;
    this.clock.textContent = `${seconds.toFixed(2)} / ${this.seconds.toFixed(2)} s`;
    this.stage.setAttribute("aria-valuenow", seconds.toFixed(2));
  }

  say(text) {
    this.status.textContent = text;
  }

  show() {
    if (this.loaded) this.from = this.switch.position;
    this.button.textContent = this.playing ? "Pause" : "Play";
    showPressed(this.region, this.looping);
    this.choices.forEach((one, n) => showPressed(n === this.chosen, one));
    // The picture alone: the letter has to be read.
    this.stage.querySelectorAll("[data-lane] svg").forEach((picture) => {
      const { lane } = picture.closest("[data-lane]").dataset;
      picture.style.opacity = this.choices.length && Number(lane) !== this.chosen ? "0.4" : "1";
    });
    this.showRegion(this.region);
    this.move(this.from);
    this.onshow?.();
  }

  showRegion(region) {
    this.shade.hidden = !region;
    if (!region) return;
    this.shade.style.left = `${(100 * region.start) / this.seconds}%`;
    this.shade.style.width = `${(100 * (region.end - region.start)) / this.seconds}%`;
  }

  end() {
    this.root.removeEventListener("keydown", this.pressed);
    this.switch?.end();
    this.switch = null;
    this.loaded = false;
  }
}
