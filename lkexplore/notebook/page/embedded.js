// A player in a notebook's output: what is plain HTML without this comes to life.

function fileOf(address) {
  const letters = atob(address.slice(address.indexOf(",") + 1));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0)).buffer;
}

function enliven(root) {
  const plain = [...root.querySelectorAll("audio")];
  const lanes = [...root.querySelectorAll("[data-lane]")];
  if (!plain.length || root.querySelector(".lkx-stage")) return;
  const sounds = plain.map((audio) => ({ name: audio.dataset.name, level: Number(audio.dataset.level ?? 1) }));
  const load = (switched) => Promise.all(plain.map((audio, n) => switched.load(n, fileOf(audio.src))));
  new SoundPlayer(root, lanes, sounds, { seconds: Number(root.dataset.seconds), heard: Number(root.dataset.heard) }, load);
  for (const audio of plain) audio.hidden = true;
}

const here = document.currentScript?.closest(".lkx-player");
for (const root of here ? [here] : document.querySelectorAll(".lkx-player[data-seconds]")) enliven(root);
