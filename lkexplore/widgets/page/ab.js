// A/B/X: X is A or B, and the kernel knows which.

const THE_ONE = 2;

function channelsOf(view, count) {
  const length = view.byteLength / 4 / count;
  const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  return Array.from({ length: count }, (_, n) => new Float32Array(bytes, 4 * n * length, length));
}

class BlindTest {
  constructor(model, el) {
    this.model = model;
    this.root = playerPart("div", { className: "lkx lkx-player lkx-blind", textContent: "waiting for the kernel…" });
    el.append(this.root);
    this.hears = (message, buffers) => this.hear(message, buffers);
    model.on("msg:custom", this.hears);
    model.send({ ask: "sounds", rate: soundContext().sampleRate });
  }

  hear(message, buffers) {
    if (message.sounds && !this.face) this.build(message, buffers);
    if (message.trial && this.face) this.begin(message.trial);
  }

  build({ sounds, seconds, matched, id }, buffers) {
    this.sounds = sounds.map((sound, n) => ({ ...sound, samples: channelsOf(buffers[n], sound.channels) }));
    const lanes = sounds.map(({ picture, share }, n) => {
      const lane = playerPart("div", { innerHTML: picture });
      lane.dataset.lane = n;
      lane.style.width = `${100 * share}%`;
      return lane;
    });
    this.root.replaceChildren();
    const named = [...sounds.map(({ name, level }) => ({ name, level })), { name: "X, which is one of them", letter: "X" }];
    this.face = new SoundPlayer(this.root, lanes, named, { seconds }, (switched) => this.load(switched));
    this.said = ["A", "B"].map((letter) => {
      const button = playerPart("button", { type: "button", textContent: `X is ${letter}`, title: "Hear X first" });
      button.onclick = () => this.answer(letter);
      return button;
    });
    this.count = playerPart("span", { className: "lkx-count" });
    this.count.setAttribute("role", "status");
    const names = sounds.map(({ name }, n) => `${LETTERS[n]}: ${name}`).join(", ");
    this.root.append(playerPart("div", { className: "lkx-row" }, ...this.said, this.count));
    this.root.append(playerPart("div", { className: "lkx-small", textContent: matched ? `${names}; ${matched}` : names }));
    // What the notebook saved of it is not needed while it lives.
    this.root.append(playerPart("style", { textContent: `.lkx-still-${id} { display: none; }` }));
    this.face.keepKeys();
    this.face.onshow = () => this.show();
  }

  async load(switched) {
    const { sampleRate } = switched.context;
    await Promise.all(this.sounds.map(({ samples }, n) => switched.setSamples(n, sampleRate, samples)));
    await this.hide(switched);
  }

  // Put what X is in its place.
  async hide(switched) {
    const { samples, level } = this.sounds[this.trial.x];
    this.face.sounds[THE_ONE].level = level;
    await switched.setSamples(THE_ONE, switched.context.sampleRate, samples);
    switched.setLevel(THE_ONE, level);
  }

  begin(trial) {
    const next = this.trial?.number !== trial.number;
    this.trial = trial;
    this.count.textContent = trial.text;
    if (next) this.wasHeard = false;
    if (next && this.face.switch) {
      this.face.switch.pause();
      this.hide(this.face.switch);
    }
    this.asked = false;
    this.show();
  }

  answer(letter) {
    this.asked = true;
    this.count.textContent = "waiting for the kernel…";
    this.model.send({ trial: this.trial.number, said: letter });
    this.show();
  }

  show() {
    if (!this.trial) return;
    if (this.face.playing && this.face.chosen === THE_ONE) this.wasHeard = true;
    for (const button of this.said) button.disabled = this.trial.done || this.asked || !this.wasHeard;
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
