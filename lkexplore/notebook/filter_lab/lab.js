// A bench for filters: sliders, what the filter does, and the sound before and after it.

const STEPS = 400;
const WAIT_MS = 3000;
const SIDES = ["before", "after"];

// One parameter: a slider that moves by its scale, and a field for the exact value.
class Slider {
  constructor(told, moved) {
    Object.assign(this, told);
    this.moved = moved;
    const words = `${told.name}${told.unit ? ` (${told.unit})` : ""}`;
    const step = this.whole ? this.step : 1;
    const [low, high] = this.whole ? [this.low, this.high] : [0, STEPS];
    this.range = element("input", { type: "range", min: low, max: high, step });
    this.field = element("input", { type: "number", step: this.whole ? this.step : "any", min: this.low, max: this.high });
    this.range.setAttribute("aria-label", words);
    this.field.setAttribute("aria-label", `${words}, exactly`);
    this.range.dataset.name = told.name;
    this.range.oninput = () => this.take(this.ofPlace(+this.range.value));
    this.field.onchange = () => this.field.value !== "" && this.take(+this.field.value);
    this.root = element("label", { className: "lkx-slider" }, element("span", { textContent: words.replace(/[._]/g, "$&\u200b") }), this.range, this.field);
    this.show(told.value);
  }

  ofPlace(place) {
    if (this.whole) return place;
    const share = place / STEPS;
    // Rounded, for nobody means the digits that a slider makes up.
    if (this.scale === "log") return this.within(this.low * (this.high / this.low) ** share);
    return this.within(this.low + share * (this.high - this.low));
  }

  within(value) {
    const digits = this.scale === "log" ? 4 : Math.max(1, 3 + Math.ceil(Math.log10(Math.abs(value) / (this.high - this.low) || 1)));
    return Math.min(this.high, Math.max(this.low, +value.toPrecision(Math.min(digits, 15))));
  }

  placeOf(value) {
    if (this.whole) return value;
    if (this.scale === "log") return (STEPS * Math.log(value / this.low)) / Math.log(this.high / this.low);
    return (STEPS * (value - this.low)) / (this.high - this.low);
  }

  take(value) {
    this.show(value);
    this.moved(this.name, value);
  }

  show(value) {
    this.range.value = this.placeOf(value);
    this.field.value = +value.toPrecision(6);
    this.range.setAttribute("aria-valuetext", `${+value.toPrecision(4)} ${this.unit}`);
  }
}

class Lab {
  constructor(model, el) {
    this.model = model;
    this.sounds = new Switch();
    this.name = Math.random().toString(36).slice(2);
    this.waiting = {};
    this.sent = 0;
    this.asked = null;
    this.before = new Heat("Before: drag a box to select");
    this.after = new Heat("After");
    this.curve = new Curve();
    this.roots = new Roots();
    this.marquee = new Marquee(this.before, (box) => this.brushed(box));
    this.half = 24000;
    this.values = { before: {}, after: {} };
    this.build();
    el.append(this.root);
    this.hears = (message, buffers) => this.hear(message, buffers);
    model.on("msg:custom", this.hears);
    this.sounds.onposition = (seconds) => [this.before, this.after].forEach((heat) => heat.show(seconds));
    this.sounds.onchange = () => this.showPlaying();
    this.heart = new Heart(model, () => this.root, (text) => this.tellOfKernel(text));
    this.do("look");
  }

  build() {
    this.choice = element("select", { title: "Filter", onchange: () => this.do("choose", { name: this.choice.value }) });
    this.choice.setAttribute("aria-label", "Filter");
    this.status = statusLine("lkx-said");
    this.sliders = element("div", { className: "lkx-sliders" });
    this.table = element("table", { className: "lkx-measures" });
    this.code = element("pre", { className: "lkx-code", hidden: true, tabIndex: 0 });
    this.code.setAttribute("aria-label", "Python that makes this filter");
    this.root = element("div", { className: "lkx lkx-lab", hidden: true },
      row(this.choice, this.status),
      element("div", { className: "lkx-bench" }, this.sliders, this.curve.root, this.roots.root),
      element("div", { className: "lkx-pair" }, this.before.root, this.after.root),
      row(...this.playButtons(), element("span", { className: "lkx-gap" }), ...this.boxButtons()),
      this.table,
      row(...this.outButtons()),
      this.code);
    // Playing needs no kernel.
    for (const part of [this.choice, this.sliders, this.marquee.heat.stage, ...this.boxed, this.whole, ...this.out]) part.classList.add("lkx-needs-kernel");
    this.showPlaying();
    this.showBox();
  }

  playButtons() {
    this.play = button("Play", "Play or pause", () => (this.sounds.playing ? this.sounds.pause() : this.sounds.play()));
    this.sides = SIDES.map((side, n) => button(side === "before" ? "Before" : "After", `Hear the sound ${side} the filter`, () => this.sounds.choose(n)));
    this.loop = button("Loop", "Again and again; with a selection, that time alone", () => this.toggleLoop());
    this.sounds.chosen = 1;
    return [this.play, ...this.sides, this.loop];
  }

  boxButtons() {
    this.boxed = [
      button("Hear box", "Hear what is in the box, and nothing else", () => this.do("hear")),
      button("Keep band", "A bandpass filter of the box", () => this.do("band", { inverse: false })),
      button("Remove band", "A bandstop filter of the box", () => this.do("band", { inverse: true })),
      button("Cut to box", "Go on with the time of the box alone", () => this.do("cut")),
    ];
    this.whole = button("Whole sound", "Go on with all of it again", () => this.do("whole"));
    return [...this.boxed, this.whole];
  }

  outButtons() {
    this.path = element("input", { type: "text", value: "filtered.flac", title: "File: .wav, .flac, .ogg or .mp3" });
    this.path.setAttribute("aria-label", "File to save as");
    this.showCode = button("Show code", "The Python that makes this filter", () => (this.code.hidden ? this.do("code") : (this.code.hidden = true)));
    this.who = element("select", { title: "Whose track", onfocus: () => this.do("people") });
    this.who.setAttribute("aria-label", "Whose track is filtered live");
    this.live = button("Run live", "The room hears this person through the filter", () => this.do("live", { identity: this.isLive ? "" : this.who.value }));
    this.publish = button("Publish", "Play the filtered sound into the room", () => this.do("publish", { stop: this.isPublished }));
    this.inRoom = element("span", { className: "lkx-row", hidden: true }, this.live, this.who, this.publish);
    this.out = [this.inRoom, button("Save", "Save the filtered sound", () => this.do("save", { path: this.path.value })), this.path, this.showCode];
    return this.out;
  }

  do(what, more = {}) {
    sendTo(this.model, { do: what, ...more });
  }

  // The newest values wait until the ones before are shown.
  move(name, value) {
    this.waiting[name] = value;
    this.flush();
  }

  flush() {
    const now = performance.now();
    if (this.asked !== null && now - this.asked < WAIT_MS) return;
    if (!Object.keys(this.waiting).length) return;
    const values = this.waiting;
    this.waiting = {};
    this.asked = now;
    this.do("set", { values, number: ++this.sent, from: this.name });
    clearTimeout(this.late);
    this.late = setTimeout(() => this.tooLate(), WAIT_MS);
  }

  tooLate() {
    // A kernel that is gone is told of by the heart.
    if (this.asked === null || this.heart.quiet) return;
    this.say("the kernel is busy: what you move counts when it is done", false);
    this.complained = true;
    this.asked = null;
    this.flush();
  }

  tellOfKernel(text) {
    this.say(text, Boolean(text));
    if (!text) this.flush();
  }

  hear(message, buffers) {
    const act = this[`on_${message.is}`];
    if (act) act.call(this, message, buffers);
  }

  on_controls({ choices, chosen, sliders, half, name, cut, id }) {
    this.root.hidden = false;
    hideStill(this.root, id);
    this.half = half;
    this.choice.replaceChildren(...choices.map((text) => element("option", { textContent: text === "yours" ? `yours: ${name}`.slice(0, 60) : text, value: text })));
    this.choice.value = chosen;
    this.whole.hidden = !cut;
    const same = this.made && sliders.length === this.made.length && sliders.every((one, n) => one.name === this.made[n].name && one.high === this.made[n].high);
    if (same) sliders.forEach((one, n) => this.made[n].show(one.value));
    else {
      this.made = sliders.map((one) => new Slider(one, (which, value) => this.move(which, value)));
      this.sliders.replaceChildren(...this.made.map((one) => one.root));
      if (!sliders.length) this.sliders.textContent = "This filter has no parameters.";
    }
    if (!this.code.hidden) this.do("code");
  }

  // Moved in another view.
  on_values({ values, from }) {
    if (from === this.name) return;
    for (const one of this.made ?? []) if (one.name in values) one.show(values[one.name]);
  }

  on_curve({ poles, zeros }, [gains, roots]) {
    this.curve.draw(numbers(Float32Array, gains), this.half);
    const flat = numbers(Float32Array, roots);
    const pairs = Array.from({ length: poles + zeros }, (_, n) => [flat[2 * n], flat[2 * n + 1]]);
    this.roots.draw(pairs.slice(0, poles), pairs.slice(poles));
  }

  on_before(message, [buffer]) {
    const values = numbers(Uint8Array, buffer);
    this.before.resize(message);
    this.after.resize(message);
    this.before.values.set(values);
    this.before.top = this.after.top = this.before.brightest();
    if (message.columns) this.before.put(0, message.columns, values);
    this.sounds.loop(0, 0);
    this.showPlaying();
  }

  on_columns({ from, count, number }, [buffer]) {
    if (from + count > this.after.columns) return;
    this.after.put(from, count, numbers(Uint8Array, buffer));
    if (number) this.root.dataset.begun = number;
  }

  on_shown({ number }) {
    if (number && number < this.sent) return;
    if (number) {
      this.asked = null;
      clearTimeout(this.late);
      if (this.complained) this.say("", false);
      this.root.dataset.shown = number;
    }
    if (!this.code.hidden && number) this.do("code");
    this.flush();
  }

  on_sound({ side, rate, channels, whole }, [buffer]) {
    const raw = numbers(Int16Array, buffer);
    const frames = raw.length / channels;
    const planes = Array.from({ length: channels }, (_, n) => Float32Array.from(raw.subarray(n * frames, (n + 1) * frames), (value) => value / 32768));
    if (!frames) return;
    if (side === "selection") return this.hearOnce(rate, planes);
    this.sounds.setSamples(SIDES.indexOf(side), rate, planes).then(() => this.root.classList.add(`lkx-has-${side}`));
    if (!whole) this.say("The first minute is played here; the filter acts on all of it.", false);
  }

  async hearOnce(rate, planes) {
    this.sounds.pause();
    this.once?.end();
    const once = (this.once = new Switch());
    await once.setSamples(0, rate, planes);
    // Another one may have been asked for meanwhile, or none any more.
    if (this.once === once) once.play(0);
  }

  on_measures({ of, values }) {
    this.values[of] = values;
    const names = [["peak", "Peak (dBFS)"], ["rms", "RMS (dBFS)"], ["lufs", "Loudness (LUFS)"], ["above", "Loud over quiet (dB)"]];
    const number = (value) => (value == null ? "–" : value.toFixed(1));
    const cells = (side) => names.map(([name]) => element("td", { textContent: number(this.values[side][name]) }));
    this.table.replaceChildren(
      element("tr", {}, element("th"), ...names.map(([, words]) => element("th", { scope: "col", textContent: words }))),
      ...SIDES.map((side) => element("tr", {}, element("th", { scope: "row", textContent: side }), ...cells(side))),
    );
  }

  on_people({ people, live, playing }) {
    const chosen = this.who.value;
    this.inRoom.hidden = false;
    this.isLive = Boolean(live);
    this.isPublished = playing;
    if (people.join() !== [...this.who.options].map((one) => one.value).join())
      this.who.replaceChildren(...people.map((name) => element("option", { textContent: name, value: name })));
    if (people.includes(chosen)) this.who.value = chosen;
    this.live.disabled = !this.isLive && !people.length;
    this.live.textContent = live ? "Stop live" : "Run live on";
    this.publish.textContent = playing ? "Stop publishing" : "Publish";
  }

  on_selection({ box }) {
    this.marquee.show(box);
    this.showBox();
  }

  on_code({ text }) {
    this.code.textContent = text;
    this.code.hidden = false;
  }

  on_told({ text }) {
    this.say(text, false);
  }

  on_error({ text }) {
    this.say(text, true);
  }

  say(text, wrong) {
    this.complained = false;
    this.status.textContent = text;
    this.status.classList.toggle("lkx-wrong", wrong);
  }

  brushed(box) {
    this.showBox();
    this.do("brush", { box });
    if (this.sounds.region) this.applyLoop();
  }

  showBox() {
    for (const one of this.boxed) one.disabled = !this.marquee.box;
  }

  toggleLoop() {
    if (this.sounds.region) this.sounds.loop(0, 0);
    else this.applyLoop();
  }

  applyLoop() {
    const [start, end] = this.marquee.box ?? [0, this.sounds.duration];
    this.sounds.loop(start, end);
  }

  showPlaying() {
    const { playing, chosen, region } = this.sounds;
    this.play.textContent = playing ? "Pause" : "Play";
    this.sides.forEach((one, n) => showPressed(n === chosen, one));
    showPressed(region, this.loop);
  }

  end() {
    clearTimeout(this.late);
    this.heart.end();
    this.model.off("msg:custom", this.hears);
    this.once?.end();
    this.once = null;
    this.sounds.end();
    this.root.remove();
  }
}

function render({ model, el }) {
  const lab = new Lab(model, el);
  return () => lab.end();
}

export default { render };
