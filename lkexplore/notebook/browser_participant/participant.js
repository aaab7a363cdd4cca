// The person's own microphone and camera in the room, from the notebook page.

const LOOK_MS = 100;
const REPLY_MS = 15000;
const RENEW_MS = 4 * 60 * 1000;
// A little less than the kernel says.
const TOKEN_LASTS_MS = 9 * 60 * 1000;

// One library for all widgets of the page.
const library = (globalThis.__lkexplore_library ??= { module: null });

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
    sendTo(model, { ask: question, number });
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
    this.following = Promise.resolve();
    this.over = false;
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
    saveTo(this.model);
  }

  async join(url, token) {
    await this.room.connect(url, token, { autoSubscribe: true });
    await this.follow();
    if (this.over) throw new Error("the connection has ended");
    this.tell({ state: "joined", message: "" });
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  // One change after the other.
  follow() {
    this.following = this.following.catch(() => {}).then(() => this.over || this.publish());
    return this.following;
  }

  // Publish what the model asks for, and nothing else.
  async publish() {
    const local = this.room.localParticipant;
    const microphone = this.model.get("microphone");
    const camera = this.model.get("camera");
    if ((microphone || camera) && !navigator.mediaDevices)
      throw new Error("this page gets no microphone: open the notebook on localhost or over https");
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
    const found = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
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
    this.over = true;
    clearInterval(this.timer);
    for (const player of this.audio.values()) player.remove();
    this.audio.clear();
    this.view.picture.hidden = true;
    this.view.others.textContent = "";
    this.view.meter.value = 0;
    this.onleft?.();
    if (this.model.get("state") !== "failed") this.tell({ state: "left" });
  }

  async leave() {
    await this.room.disconnect(true);
  }
}

function face() {
  const view = {
    join: button("Join", "Join the room with this page's microphone"),
    mute: button("Mute", "Others do not hear you"),
    camera: button("Camera", "Others see you"),
    microphones: element("select", { title: "Microphone" }),
    cameras: element("select", { title: "Camera" }),
    meter: element("meter", { min: 0, max: 1, value: 0, title: "Your level" }),
    status: statusLine("lkx-status"),
    others: element("span", { className: "lkx-others" }),
    picture: element("video", { hidden: true, muted: true, playsInline: true, autoplay: true }),
    sounds: element("div", { hidden: true }),
  };
  for (const name of ["microphones", "cameras", "meter"])
    view[name].setAttribute("aria-label", view[name].title);
  view.picture.setAttribute("aria-label", "What your camera shows");
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

// A token and the library, fetched when shown, for the kernel may be busy when Join is pressed.
class Ticket {
  constructor(model, came) {
    this.model = model;
    this.came = came;
    this.renewing = setInterval(() => this.prepare(), RENEW_MS);
    this.prepare();
  }

  prepare() {
    const coming = ask(this.model, "token").then(({ answer }) => {
      this.good = { answer, until: performance.now() + TOKEN_LASTS_MS };
      this.came(answer.still);
      return answer;
    });
    const ended = () => {
      if (this.coming === coming) this.coming = null;
    };
    this.coming = coming;
    coming.then(ended, ended);
    livekit(this.model).catch(() => {});
  }

  // One that still holds does for a kernel that is busy now.
  async token() {
    if (performance.now() < this.good?.until) return this.good.answer;
    if (!this.coming) this.prepare();
    return this.coming;
  }

  end() {
    clearInterval(this.renewing);
  }
}

// A view of the panel. All views of a widget in a page share one seat: { joined, joining, views }.
class Panel {
  constructor(model, el, seat) {
    this.model = model;
    this.seat = seat;
    this.view = face();
    el.append(this.view.root);
    seat.views.add(this);
    this.ticket = new Ticket(model, (id) => hideStill(this.view.root, id));
    this.shows = () => this.show();
    this.follows = () => this.follow();
    this.hears = (order) => this.hear(order);
    this.wanted = ["muted", "microphone", "camera", "listening", "microphone_device", "camera_device"];
    for (const name of this.wanted) model.on(`change:${name}`, this.follows);
    model.on("change", this.shows);
    model.on("msg:custom", this.hears);
    this.connectButtons();
    // A page that was reloaded, or a notebook opened again, is in no room.
    if (!seat.joined && !seat.joining && model.get("state") !== "waiting") this.set({ state: "waiting", message: "" });
    this.show();
  }

  set(values) {
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    saveTo(this.model);
  }

  connectButtons() {
    const { join, mute, camera, microphones, cameras } = this.view;
    const turn = (name) => () => this.set({ [name]: !this.model.get(name) });
    join.onclick = () => (this.seat.joined ? this.leave() : this.join());
    mute.onclick = turn("muted");
    camera.onclick = turn("camera");
    microphones.onchange = () => this.set({ microphone_device: microphones.value });
    cameras.onchange = () => this.set({ camera_device: cameras.value });
  }

  showAll() {
    for (const view of this.seat.views) view.show();
  }

  // With several views one of them does it.
  get first() {
    return [...this.seat.views][0] === this;
  }

  hear(order) {
    if (!this.first) return;
    if (order.do === "leave") this.leave();
    if (order.do === "join") this.join();
  }

  async join() {
    const { seat, model } = this;
    if (seat.joined || seat.joining) return;
    const mine = (seat.joining = { panel: this });
    let joined = null;
    let token = "";
    try {
      this.set({ message: "", state: "joining" });
      const lk = await livekit(model);
      const answer = await this.ticket.token();
      if (seat.joining !== mine) return;
      token = answer.token;
      joined = mine.joined = new Joined(model, lk, this.view);
      joined.onleft = () => {
        if (seat.joined === joined) seat.joined = null;
        this.showAll();
      };
      joined.panel = this;
      await joined.join(answer.url, token);
      if (seat.joining !== mine) return joined.leave();
      seat.joined = joined;
      seat.joining = null;
      this.showAll();
    } catch (error) {
      if (seat.joining === mine) {
        seat.joining = null;
        this.set({ message: said(error, token), state: "failed" });
      }
      await joined?.leave();
    }
  }

  async leave() {
    const { joined, joining } = this.seat;
    this.seat.joined = this.seat.joining = null;
    if (joining) this.set({ state: "left" });
    await (joined ?? joining?.joined)?.leave();
  }

  async follow() {
    if (!this.first) return;
    try {
      await this.seat.joined?.follow();
    } catch (error) {
      this.set({ message: said(error) });
    }
  }

  show() {
    const { model, view, seat } = this;
    // Another page that was opened with this notebook does not know that this one is in the room.
    const state = model.get("state");
    if (seat.joined && ["waiting", "left"].includes(state) && this.first) return this.set({ state: "joined" });
    const here = state === "joined" || state === "reconnecting";
    const message = model.get("message");
    view.status.textContent =
      `${here ? model.get("identity") + " is " : ""}${WORDS[state] ?? state}` +
      (message ? `: ${message}` : "");
    view.join.textContent = seat.joined ? "Leave" : here ? "Join from here" : "Join";
    view.join.disabled = Boolean(seat.joining);
    showPressed(model.get("muted"), view.mute);
    showPressed(model.get("camera"), view.camera);
    view.mute.disabled = view.camera.disabled = !here;
    fill(view.microphones, model.get("microphones"), model.get("microphone_device"));
    fill(view.cameras, model.get("cameras"), model.get("camera_device"));
  }

  end() {
    const { seat, model } = this;
    this.ticket.end();
    model.off("msg:custom", this.hears);
    model.off("change", this.shows);
    for (const name of this.wanted) model.off(`change:${name}`, this.follows);
    seat.views.delete(this);
    // What is heard and seen is in the view that joined.
    if ((seat.joined?.panel ?? seat.joining?.panel) === this) this.leave();
    this.view.root.remove();
  }
}

// What went wrong, without what is secret.
function said(error, token = "") {
  const text = String(error?.message ?? error);
  return token ? text.replaceAll(token, "…") : text;
}

export default () => {
  const seat = { joined: null, joining: null, views: new Set() };
  return {
    render({ model, el }) {
      const panel = new Panel(model, el, seat);
      return () => panel.end();
    },
  };
};
