// Levels as colours: dark to light without a step, and the same in grey (after matplotlib's inferno).
const INFERNO = [
  [0, 0, 4], [22, 11, 57], [66, 10, 104], [106, 23, 110], [147, 38, 103], [188, 55, 84],
  [221, 81, 58], [243, 120, 25], [252, 165, 10], [246, 215, 70], [252, 255, 164],
];

function colourTable(stops = INFERNO) {
  const table = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    const place = (n / 255) * (stops.length - 1);
    const first = Math.min(Math.floor(place), stops.length - 2);
    const mixed = stops[first].map((v, k) => v + (stops[first + 1][k] - v) * (place - first));
    const [r, g, b] = mixed.map(Math.round);
    table[n] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return table;
}
