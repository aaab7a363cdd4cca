// Sounds that run in step: one of them is heard, and another one from one moment to the next.

const FADE_SECONDS = 0.005;
// What is asked for now is heard a little later, for the sound of now is computed already.
const AHEAD_SECONDS = 0.02;

// One context for all that is heard on a page.
function soundContext() {
  return (globalThis.__lkexplore_context ??= new AudioContext({ latencyHint: "interactive" }));
}

// A file of float samples: the browser converts the rate of files well, that of samples badly.
function waveFile(rate, channels) {
  const count = channels.length;
  const frames = channels[0].length;
  const file = new DataView(new ArrayBuffer(44 + 4 * count * frames));
  const words = (at, text) => [...text].forEach((letter, n) => file.setUint8(at + n, letter.charCodeAt(0)));
  words(0, "RIFF");
  file.setUint32(4, 36 + 4 * count * frames, true);
  words(8, "WAVEfmt ");
  file.setUint32(16, 16, true);
  file.setUint16(20, 3, true);
  file.setUint16(22, count, true);
  file.setUint32(24, rate, true);
  file.setUint32(28, 4 * count * rate, true);
  file.setUint16(32, 4 * count, true);
  file.setUint16(34, 32, true);
  words(36, "data");
  file.setUint32(40, 4 * count * frames, true);
  let at = 44;
  for (let n = 0; n < frames; n++)
    for (const channel of channels) {
      file.setFloat32(at, channel[n], true);
      at += 4;
    }
  return file.buffer;
}

class Switch {
  // Times are seconds; callbacks: onposition(seconds) while it plays, onchange() when it starts,
  // stops or has another region.
  constructor(context = soundContext(), output = context.destination) {
    this.context = context;
    this.output = output;
    this.lanes = [];
    this.chosen = 0;
    this.region = null;
    this.offset = 0;
    this.began = null;
    this.settled = 0;
    this.onposition = null;
    this.onchange = null;
  }

  get playing() {
    return this.began !== null;
  }

  get duration() {
    return Math.max(0, ...this.lanes.map((lane) => lane?.buffer?.duration ?? 0));
  }

  get position() {
    return this.at(this.context.currentTime);
  }

  // Where it is at a moment of the context.
  at(moment) {
    if (!this.playing) return this.offset;
    const there = this.offset + Math.max(0, moment - this.began);
    if (!this.region) return Math.min(there, this.duration);
    const { start, end } = this.region;
    return there < end ? there : start + ((there - start) % (end - start));
  }

  // Take a file of any kind that the browser decodes.
  async load(index, arrayBuffer) {
    const lane = this.lane(index);
    const turn = ++lane.turn;
    const buffer = await this.context.decodeAudioData(arrayBuffer);
    if (turn === lane.turn) this.take(lane, buffer);
  }

  // Take samples, one Float32Array a channel; what plays goes on with them at the same place.
  async setSamples(index, rate, channels) {
    if (rate !== this.context.sampleRate) return this.load(index, waveFile(rate, channels));
    const lane = this.lane(index);
    lane.turn++;
    const buffer = this.context.createBuffer(channels.length, Math.max(1, channels[0].length), rate);
    channels.forEach((samples, n) => buffer.copyToChannel(samples, n));
    this.take(lane, buffer);
  }

  // How much softer or louder one of them is played, as a factor.
  setLevel(index, level) {
    this.lane(index).level = level;
    this.choose(this.chosen);
  }

  choose(index) {
    this.chosen = index;
    const moment = this.moment();
    this.lanes.forEach((lane, n) => {
      if (!lane) return;
      const wanted = n === index ? lane.level : 0;
      lane.gain.gain.setValueAtTime(lane.wanted, moment);
      lane.gain.gain.linearRampToValueAtTime(wanted, moment + FADE_SECONDS);
      lane.wanted = wanted;
    });
    this.onchange?.();
  }

  play(from = this.position) {
    const other = globalThis.__lkexplore_heard;
    if (other && other !== this) other.pause();
    globalThis.__lkexplore_heard = this;
    if (this.context.state === "suspended" && this.context.close) this.context.resume();
    const moment = this.moment();
    this.lanes.forEach((lane) => lane && this.release(lane, moment));
    this.offset = this.inside(from);
    this.began = moment;
    this.lanes.forEach((lane) => lane?.buffer && this.start(lane, moment));
    this.follow();
    this.onchange?.();
  }

  pause() {
    if (!this.playing) return;
    const moment = this.moment();
    this.stand(this.at(moment), moment);
  }

  seek(seconds) {
    if (this.playing) this.play(seconds);
    else this.offset = this.inside(seconds);
    this.onposition?.(this.position);
  }

  // Repeat a region; without one, go on to the end.
  loop(start, end) {
    const grid = (seconds) => this.grid(Math.min(Math.max(seconds, 0), this.duration));
    this.region = end > start ? { start: grid(start), end: grid(end) } : null;
    this.seek(this.position);
    this.onchange?.();
  }

  end() {
    this.pause();
    this.onposition = this.onchange = null;
    if (globalThis.__lkexplore_heard === this) globalThis.__lkexplore_heard = null;
    const lanes = this.lanes;
    setTimeout(() => lanes.forEach((lane) => lane?.gain.disconnect()), 1000 * (AHEAD_SECONDS + FADE_SECONDS) + 50);
  }

  // What follows is for this class alone.

  lane(index) {
    if (!this.lanes[index]) {
      const gain = this.context.createGain();
      const wanted = index === this.chosen ? 1 : 0;
      gain.gain.value = wanted;
      gain.connect(this.output);
      this.lanes[index] = { gain, wanted, level: 1, turn: 0, buffer: null, source: null };
    }
    return this.lanes[index];
  }

  // The next moment at which something may change: fades do not overlap.
  moment() {
    const soonest = Math.max(this.context.currentTime + AHEAD_SECONDS, this.settled);
    const rate = this.context.sampleRate;
    const moment = Math.ceil(soonest * rate) / rate;
    this.settled = moment + FADE_SECONDS;
    return moment;
  }

  // Between samples the browser would interpolate, and dull the sound.
  grid(seconds) {
    return Math.round(seconds * this.context.sampleRate) / this.context.sampleRate;
  }

  inside(seconds) {
    const { start, end } = this.region ?? { start: 0, end: this.duration };
    if (seconds >= end) return this.region ? start : this.grid(this.duration);
    return this.grid(Math.max(0, seconds));
  }

  take(lane, buffer) {
    const before = this.duration;
    lane.buffer = buffer;
    if (this.playing && this.duration !== before) return this.play();
    if (!this.playing) return;
    const moment = this.moment();
    this.release(lane, moment);
    this.start(lane, moment);
  }

  start(lane, moment) {
    const offset = this.grid(this.at(moment));
    const source = this.context.createBufferSource();
    source.buffer = this.padded(lane);
    if (this.region) Object.assign(source, { loop: true, loopStart: this.region.start, loopEnd: this.region.end });
    const envelope = this.context.createGain();
    if (offset > 0) {
      envelope.gain.setValueAtTime(0, moment);
      envelope.gain.linearRampToValueAtTime(1, moment + FADE_SECONDS);
    }
    source.connect(envelope).connect(lane.gain);
    source.onended = () => envelope.disconnect();
    source.start(moment, offset);
    lane.source = source;
    lane.envelope = envelope;
  }

  release(lane, moment) {
    if (!lane.source) return;
    lane.envelope.gain.setValueAtTime(1, moment);
    lane.envelope.gain.linearRampToValueAtTime(0, moment + FADE_SECONDS);
    lane.source.stop(moment + FADE_SECONDS);
    lane.source = null;
  }

  // All as long as the longest, or they would not be in step in a loop.
  padded(lane) {
    const { buffer } = lane;
    const length = Math.round(this.duration * buffer.sampleRate);
    if (length <= buffer.length) return buffer;
    const longer = this.context.createBuffer(buffer.numberOfChannels, length, buffer.sampleRate);
    for (let n = 0; n < buffer.numberOfChannels; n++) longer.copyToChannel(buffer.getChannelData(n), n);
    return (lane.buffer = longer);
  }

  stand(where, moment) {
    this.lanes.forEach((lane) => lane && this.release(lane, moment));
    this.began = null;
    this.offset = this.grid(where);
    this.onchange?.();
  }

  follow() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      if (!this.playing) return;
      const position = this.position;
      if (!this.region && position >= this.duration) this.stand(0, this.moment());
      this.onposition?.(this.position);
      if (this.playing) this.follow();
    });
  }
}
