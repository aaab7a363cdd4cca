// A/B/X: X is A or B, and the kernel knows which.

const THE_ONE = 2;
const GONE = "the kernel is gone: run the cell again";

function channelsOf(view, count) {
  const samples = numbers(Float32Array, view);
  const length = samples.length / count;
  return Array.from({ length: count }, (_, n) => samples.subarray(n * length, (n + 1) * length));
}

class BlindTest {
  constructor(model, el) {
    this.model = model;
    this.root = element("div", { className: "lkx lkx-player lkx-blind", textContent: "waiting for the kernel…" });
    el.append(this.root);
    this.hears = (message, buffers) => this.hear(message, buffers);
    model.on("msg:custom", this.hears);
    if (!sendTo(model, { ask: "sounds", rate: soundContext().sampleRate })) this.root.textContent = GONE;
  }

  hear(message, buffers) {
    if (message.sounds && !this.face) this.build(message, buffers);
    if (message.trial && this.face) this.begin(message.trial);
  }

  build({ sounds, seconds, matched, id, rate }, buffers) {
    this.rate = rate;
    this.sounds = sounds.map((sound, n) => ({ ...sound, samples: channelsOf(buffers[n], sound.channels) }));
    const lanes = sounds.map(({ picture, share }, n) => {
      const lane = element("div", { innerHTML: picture });
      lane.dataset.lane = n;
      lane.style.width = `${100 * share}%`;
      return lane;
    });
    this.root.replaceChildren();
    const named = [...sounds.map(({ name, level }) => ({ name, level })), { name: "X, which is one of them", letter: "X" }];
    this.face = new SoundPlayer(this.root, lanes, named, { seconds }, (switched) => this.load(switched));
    this.said = ["A", "B"].map((letter) => button(`X is ${letter}`, "Hear X first", () => this.answer(letter)));
    this.count = statusLine("lkx-count");
    const names = sounds.map(({ name }, n) => `${LETTERS[n]}: ${name}`).join(", ");
    this.root.append(row(...this.said, this.count));
    this.root.append(element("div", { className: "lkx-small", textContent: matched ? `${names}; ${matched}` : names }));
    hideStill(this.root, id);
    this.face.keepKeys();
    this.face.onshow = () => this.show();
  }

  async load(switched) {
    await Promise.all(this.sounds.map(({ samples }, n) => switched.setSamples(n, this.rate, samples)));
    await this.hide(switched);
  }

  // Put what X is in its place.
  async hide(switched) {
    const { samples, level } = this.sounds[this.trial.x];
    this.face.sounds[THE_ONE].level = level;
    await switched.setSamples(THE_ONE, this.rate, samples);
    switched.setLevel(THE_ONE, level);
  }

  begin(trial) {
    const next = this.trial?.number !== trial.number;
    this.trial = trial;
    this.count.textContent = trial.text;
    if (next) this.wasHeard = false;
    if (next && this.face.switch) {
      this.face.switch.pause();
      this.hide(this.face.switch).catch((error) => this.face.say(`X cannot be played: ${error.message}`));
    }
    this.asked = false;
    this.show();
  }

  answer(letter) {
    this.asked = true;
    const sent = sendTo(this.model, { trial: this.trial.number, said: letter });
    this.count.textContent = sent ? "waiting for the kernel…" : GONE;
    this.show();
  }

  show() {
    if (!this.trial) return;
    if (this.face.playing && this.face.chosen === THE_ONE) this.wasHeard = true;
    for (const one of this.said) one.disabled = this.trial.done || this.asked || !this.wasHeard;
  }

  end() {
    this.model.off("msg:custom", this.hears);
    this.face?.end();
    this.root.remove();
  }
}

function render({ model, el }) {
  const test = new BlindTest(model, el);
  return () => test.end();
}

export default { render };
