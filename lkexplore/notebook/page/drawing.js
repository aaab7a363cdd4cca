// Pictures of a sound and of a filter, drawn from small arrays.

const SVG = "http://www.w3.org/2000/svg";
const FLOOR_DBFS = -120;
const SHOWN_DB = 80;

function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function hertz(hz) {
  return hz < 1000 ? `${Math.round(hz)}` : `${+(hz / 1000).toPrecision(3)}k`;
}

// A round step so that there are about so many.
function roundStep(range, about) {
  const rough = range / about;
  const ten = 10 ** Math.floor(Math.log10(rough));
  return ten * [1, 2, 5, 10].find((n) => n * ten >= rough);
}

function decades(low, high) {
  return [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000].filter((hz) => hz >= low && hz <= high);
}

// Levels over time and frequency; frequencies go by even steps of pitch.
class Heat {
  constructor(title) {
    this.colours = colourTable();
    this.canvas = element("canvas", { className: "lkx-heat", width: 1, height: 1 });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `spectrogram ${title}`);
    this.head = element("div", { className: "lkx-playhead", hidden: true });
    this.stage = element("div", { className: "lkx-heat-stage" }, this.canvas, this.head);
    this.hz = element("div", { className: "lkx-heat-hz" });
    this.time = element("div", { className: "lkx-heat-time" });
    this.root = element("figure", { className: "lkx-figure" },
      element("figcaption", { textContent: title }), this.hz, this.stage, this.time);
    this.top = 0;
  }

  resize({ columns, rows, seconds, low, high }) {
    Object.assign(this, { columns, rows, seconds, low, high });
    this.canvas.width = Math.max(1, columns);
    this.canvas.height = rows;
    this.values = new Uint8Array(columns * rows);
    this.clear();
    const ticks = decades(low, high).filter((hz) => String(hz)[0] === "1" || high < 6000);
    this.hz.replaceChildren(...ticks.map((hz) => {
      const tick = element("span", { textContent: hertz(hz) });
      tick.style.bottom = `${100 * this.up(hz)}%`;
      return tick;
    }));
    const step = roundStep(Math.max(seconds, 1e-3), 5);
    const marks = [];
    for (let n = 0; n * step <= seconds * 0.97; n++) marks.push(+(n * step).toPrecision(6));
    this.time.replaceChildren(...marks.map((second, n) => {
      const tick = element("span", { textContent: n ? `${second}` : "0 s" });
      tick.style.left = `${(100 * second) / seconds}%`;
      return tick;
    }));
  }

  clear() {
    const context = this.canvas.getContext("2d");
    context.fillStyle = "rgb(0 0 4)";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  // How far up a frequency is, 0 to 1, and back.
  up(hz) {
    return Math.log(hz / this.low) / Math.log(this.high / this.low);
  }

  at(up) {
    return this.low * (this.high / this.low) ** up;
  }

  // The strongest there is becomes the brightest; given from another picture, they compare.
  brightest() {
    return this.values.reduce((most, value) => Math.max(most, value), 0);
  }

  put(from, count, values) {
    this.values.set(values, from * this.rows);
    const { rows, colours, top } = this;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(count, rows);
    const pixels = new Uint32Array(image.data.buffer);
    const slope = (255 / SHOWN_DB) * (-FLOOR_DBFS / 255);
    for (let n = 0; n < count; n++)
      for (let row = 0; row < rows; row++) {
        const shade = 255 + (values[n * rows + row] - top) * slope;
        pixels[(rows - 1 - row) * count + n] = colours[shade < 0 ? 0 : shade > 255 ? 255 : shade | 0];
      }
    context.putImageData(image, from, 0);
  }

  show(seconds) {
    this.head.hidden = !(seconds > 0);
    this.head.style.left = `${(100 * seconds) / this.seconds}%`;
  }
}

// The gain over frequency.
class Curve {
  constructor() {
    this.line = shape("path", { class: "lkx-line" });
    this.grid = shape("g", { class: "lkx-grid" });
    this.none = shape("text", { x: 180, y: 80, class: "lkx-none" });
    this.picture = shape("svg", { viewBox: "0 0 360 170", role: "img", "aria-label": "frequency response" }, this.grid, this.line, this.none);
    this.root = element("figure", { className: "lkx-figure lkx-curve" }, element("figcaption", { textContent: "Gain (dB) over Hz" }), this.picture);
  }

  draw(db, half) {
    this.grid.replaceChildren();
    this.none.textContent = db.length ? "" : "no response: not known to be linear";
    this.line.setAttribute("d", "");
    if (!db.length) return;
    const most = db.reduce((a, b) => Math.max(a, b), -Infinity);
    const least = db.reduce((a, b) => Math.min(a, b), Infinity);
    const high = Math.max(6, Math.ceil(most / 6) * 6);
    const low = Math.min(-24, Math.max(high - 84, Math.floor(least / 12) * 12));
    const x = (hz) => 34 + (320 * Math.log(hz / 20)) / Math.log(half / 20);
    const y = (value) => 6 + (142 * (high - value)) / (high - low);
    const step = roundStep(high - low, 6);
    const marks = [];
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) marks.push(value);
    this.grid.append(
      ...marks.flatMap((value) => [
        shape("line", { x1: 34, x2: 354, y1: y(value), y2: y(value), class: value === 0 ? "lkx-zero" : "" }),
        shape("text", { x: 30, y: y(value) + 3.5, "text-anchor": "end" }, String(value)),
      ]),
      ...decades(20, half).flatMap((hz) => [
        shape("line", { x1: x(hz), x2: x(hz), y1: 6, y2: 148 }),
        ...(String(hz)[0] === "5" && hz !== 500 ? [] : [shape("text", { x: x(hz), y: 162, "text-anchor": "middle" }, hertz(hz))]),
      ]),
    );
    const points = Array.from(db, (value, n) => {
      const across = 34 + (320 * n) / (db.length - 1);
      return `${across.toFixed(1)},${y(Math.max(value, low)).toFixed(1)}`;
    });
    this.line.setAttribute("d", `M${points.join("L")}`);
  }
}

// Poles and zeros in the z-plane.
class Roots {
  constructor() {
    this.marks = shape("g");
    this.plane = shape("g", { class: "lkx-grid" });
    this.picture = shape("svg", { viewBox: "0 0 170 170", role: "img", "aria-label": "poles and zeros" }, this.plane, this.marks);
    this.caption = element("figcaption");
    this.root = element("figure", { className: "lkx-figure lkx-roots" }, this.caption, this.picture);
    this.draw([], []);
  }

  draw(poles, zeros) {
    this.root.hidden = !(poles.length + zeros.length);
    const far = Math.max(...[...poles, ...zeros].map(([a, b]) => Math.hypot(a, b)), 1);
    const scale = 78 / Math.min(far, 2);
    const x = (value) => (85 + scale * value).toFixed(2);
    const y = (value) => (85 - scale * value).toFixed(2);
    this.plane.replaceChildren(
      shape("circle", { cx: 85, cy: 85, r: scale }),
      shape("line", { x1: 4, x2: 166, y1: 85, y2: 85 }),
      shape("line", { y1: 4, y2: 166, x1: 85, x2: 85 }),
    );
    this.marks.replaceChildren(
      ...zeros.map(([a, b]) => shape("circle", { cx: x(a), cy: y(b), r: 3.6, class: "lkx-root-zero" })),
      ...poles.map(([a, b]) => shape("path", { d: `M${x(a) - 3.4},${y(b) - 3.4}l6.8,6.8m0,-6.8l-6.8,6.8`, class: "lkx-root-pole" })),
    );
    this.caption.textContent = `${poles.length} poles ×, ${zeros.length} zeros ○`;
  }
}
