// The person's own microphone and camera in the room, from the notebook page.

const LOOK_MS = 100;
const REPLY_MS = 15000;
const RENEW_MS = 5 * 60 * 1000;

// One library for all widgets of the page.
const library = (globalThis.__lkexplore_library ??= { module: null, failed: false });

async function unpacked(buffer) {
  const stream = new Blob([buffer]).stream().pipeThrough(new DecompressionStream("gzip"));
  const address = URL.createObjectURL(
    new Blob([await new Response(stream).arrayBuffer()], { type: "text/javascript" }),
  );
  try {
    return await import(address);
  } finally {
    URL.revokeObjectURL(address);
  }
}

function ask(model, question) {
  const number = Math.random().toString(36).slice(2);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      model.off("msg:custom", hear);
      reject(new Error("the kernel does not answer: it may be busy, or gone"));
    }, REPLY_MS);
    function hear(answer, buffers) {
      if (answer.to !== number) return;
      clearTimeout(timer);
      model.off("msg:custom", hear);
      if (answer.error) reject(new Error(answer.error));
      else resolve({ answer, buffers });
    }
    model.on("msg:custom", hear);
    model.send({ ask: question, number });
  });
}

async function livekit(model) {
  library.module ??= ask(model, "library").then(({ buffers }) => unpacked(buffers[0]));
  try {
    return await library.module;
  } catch (error) {
    library.module = null;
    throw error;
  }
}

class Joined {
  // A room that the page is in: its tracks, its levels, its devices.
  constructor(model, lk, view) {
    this.model = model;
    this.lk = lk;
    this.view = view;
    this.audio = new Map();
    lk.setLogLevel("warn");
    this.room = new lk.Room({ adaptiveStream: false, dynacast: false });
    const E = lk.RoomEvent;
    this.room
      .on(E.TrackSubscribed, (track, _, who) => this.hears(track, who))
      .on(E.TrackUnsubscribed, (track) => this.hearsNoMore(track))
      .on(E.Disconnected, () => this.left())
      .on(E.Reconnecting, () => this.tell({ state: "reconnecting" }))
      .on(E.Reconnected, () => this.tell({ state: "joined" }))
      .on(E.LocalTrackPublished, () => this.published())
      .on(E.LocalTrackUnpublished, () => this.published());
  }

  tell(values) {
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    this.model.save_changes();
  }

  async join(url, token) {
    await this.room.connect(url, token, { autoSubscribe: true });
    await this.follow();
    this.tell({ state: "joined", identity: this.room.localParticipant.identity, message: "" });
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  // Publish what the model asks for, and nothing else.
  async follow() {
    const local = this.room.localParticipant;
    const microphone = this.model.get("microphone");
    const camera = this.model.get("camera");
    const device = (kind) => this.model.get(`${kind}_device`) || undefined;
    const sound = this.model.get("processing");
    await local.setMicrophoneEnabled(microphone && !this.model.get("muted"), {
      deviceId: device("microphone"),
      echoCancellation: sound,
      noiseSuppression: sound,
      autoGainControl: sound,
    });
    await local.setCameraEnabled(camera, { deviceId: device("camera") });
    for (const one of this.audio.values()) one.muted = !this.model.get("listening");
    for (const [kind, name] of [["audioinput", "microphone"], ["videoinput", "camera"]]) {
      const wanted = device(name);
      if (wanted && wanted !== this.room.getActiveDevice(kind))
        await this.room.switchActiveDevice(kind, wanted);
    }
    await this.devices();
  }

  async devices() {
    const found = await navigator.mediaDevices.enumerateDevices();
    const of = (kind) =>
      found.filter((one) => one.kind === kind).map((one) => [one.label || one.deviceId, one.deviceId]);
    this.tell({ microphones: of("audioinput"), cameras: of("videoinput") });
  }

  published() {
    const camera = this.room.localParticipant.getTrackPublication(this.lk.Track.Source.Camera);
    this.view.picture.hidden = !camera?.track;
    if (camera?.track) camera.track.attach(this.view.picture);
  }

  hears(track, who) {
    if (track.kind !== "audio") return;
    const player = track.attach();
    player.muted = !this.model.get("listening");
    player.dataset.identity = who.identity;
    this.view.sounds.append(player);
    this.audio.set(track.sid, player);
  }

  hearsNoMore(track) {
    for (const player of track.detach()) player.remove();
    this.audio.delete(track.sid);
  }

  look() {
    const local = this.room.localParticipant;
    const level = local.audioLevel ?? 0;
    this.view.meter.value = level;
    const names = [...this.room.remoteParticipants.keys()];
    this.view.others.textContent = names.length ? `with ${names.join(", ")}` : "nobody else is here";
  }

  left() {
    clearInterval(this.timer);
    for (const player of this.audio.values()) player.remove();
    this.audio.clear();
    this.view.picture.hidden = true;
    if (this.model.get("state") !== "failed") this.tell({ state: "left" });
  }

  async leave() {
    await this.room.disconnect(true);
  }
}

function face() {
  const button = (text, title) => element("button", { textContent: text, title, type: "button" });
  const view = {
    join: button("Join", "Join the room with this page's microphone"),
    mute: button("Mute", "Others do not hear you"),
    camera: button("Camera", "Others see you"),
    microphones: element("select", { title: "Microphone" }),
    cameras: element("select", { title: "Camera" }),
    meter: element("meter", { min: 0, max: 1, value: 0, title: "Your level" }),
    status: element("span", { className: "lkx-status" }),
    others: element("span", { className: "lkx-others" }),
    picture: element("video", { hidden: true, muted: true, playsInline: true, autoplay: true }),
    sounds: element("div", { hidden: true }),
  };
  for (const name of ["microphones", "cameras", "meter"])
    view[name].setAttribute("aria-label", view[name].title);
  view.status.setAttribute("role", "status");
  const row = (...parts) => element("div", { className: "lkx-row" }, ...parts);
  view.root = element(
    "div",
    { className: "lkx lkx-participant" },
    row(view.join, view.mute, view.camera, view.meter, view.status),
    row(view.microphones, view.cameras, view.others),
    view.picture,
    view.sounds,
  );
  return view;
}

function fill(select, devices, chosen) {
  select.replaceChildren(
    ...devices.map(([label, id]) =>
      element("option", { textContent: label, value: id, selected: id === chosen }),
    ),
  );
  select.hidden = devices.length === 0;
}

const WORDS = {
  waiting: "not in the room yet",
  joining: "joining…",
  joined: "in the room",
  reconnecting: "lost the connection, trying again…",
  left: "has left the room",
  failed: "could not join",
};

function render({ model, el }) {
  const view = face();
  el.append(view.root);
  let joined = null;

  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };

  // Fetched when shown, for the kernel may be busy when the button is pressed.
  let ticket = null;
  const prepare = () => {
    ticket = ask(model, "token").then(({ answer }) => {
      hideStill(view.root, answer.still);
      return answer;
    });
    ticket.catch(() => (ticket = null));
    livekit(model).catch(() => {});
  };
  const renewing = setInterval(prepare, RENEW_MS);
  prepare();

  async function join() {
    if (joined) return;
    set("message", "");
    set("state", "joining");
    try {
      const lk = await livekit(model);
      if (!ticket) prepare();
      const answer = await ticket;
      joined = new Joined(model, lk, view);
      await joined.join(answer.url, answer.token);
    } catch (error) {
      const failed = joined;
      joined = null;
      model.set("message", String(error?.message ?? error));
      set("state", "failed");
      await failed?.leave();
    }
  }

  async function leave() {
    const leaving = joined;
    joined = null;
    await leaving?.leave();
  }

  async function follow() {
    try {
      await joined?.follow();
    } catch (error) {
      set("message", String(error?.message ?? error));
    }
  }

  function show() {
    const state = model.get("state");
    const here = state === "joined" || state === "reconnecting";
    const message = model.get("message");
    if (state === "left") joined = null;
    view.status.textContent =
      `${here ? model.get("identity") + " is " : ""}${WORDS[state] ?? state}` +
      (message ? `: ${message}` : "");
    view.join.textContent = here ? "Leave" : "Join";
    view.join.disabled = state === "joining";
    view.mute.textContent = model.get("muted") ? "Unmute" : "Mute";
    view.mute.setAttribute("aria-pressed", String(model.get("muted")));
    view.camera.textContent = model.get("camera") ? "Camera off" : "Camera on";
    view.camera.setAttribute("aria-pressed", String(model.get("camera")));
    view.mute.disabled = view.camera.disabled = !here;
    fill(view.microphones, model.get("microphones"), model.get("microphone_device"));
    fill(view.cameras, model.get("cameras"), model.get("camera_device"));
  }

  view.join.onclick = () => (joined ? leave() : join());
  view.mute.onclick = () => set("muted", !model.get("muted"));
  view.camera.onclick = () => set("camera", !model.get("camera"));
  view.microphones.onchange = () => set("microphone_device", view.microphones.value);
  view.cameras.onchange = () => set("camera_device", view.cameras.value);
  const wanted = ["muted", "microphone", "camera", "listening", "microphone_device", "camera_device"];
  for (const name of wanted) model.on(`change:${name}`, follow);
  model.on("change", show);
  const hear = (order) => {
    if (order.do === "leave") leave();
    if (order.do === "join") join();
  };
  model.on("msg:custom", hear);
  // A page that was reloaded, or a notebook opened again, is in no room.
  if (model.get("state") !== "waiting") set("state", "waiting");
  show();

  return () => {
    clearInterval(renewing);
    model.off("msg:custom", hear);
    model.off("change", show);
    for (const name of wanted) model.off(`change:${name}`, follow);
    leave();
  };
}

export default { render };
