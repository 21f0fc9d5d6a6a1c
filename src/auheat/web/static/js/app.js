/* The page: what it opens, and what it shows while and after reading. */
import * as api from "./api.js";
import { Curves } from "./curves.js";
import { counted } from "./dom.js";
import { takeFiles } from "./files.js";
import { Heat } from "./heat.js";
import { Live } from "./live.js";
import { Player } from "./player.js";
import { Rows } from "./rows.js";
import { sections } from "./sections.js";
import { Store } from "./store.js";
import { Tools } from "./tools.js";

const $ = (id) => document.getElementById(id);
const POLL_MS = 350;

const showStatus = (words) => { $("status").textContent = words; };

function alertUser(words) {
  $("alert").textContent = words;
  $("alert").hidden = !words;
  if (words) $("alert").scrollIntoView({ block: "nearest" });
}

class App {
  constructor(about) {
    this.about = about;
    this.store = new Store(about);
    this.heat = new Heat(this.store, about, $("heat"));
    this.player = new Player(this.store, this.heat);
    const rows = new Rows(this.store, $("rows"));
    this.curves = new Curves(this.store, rows.rows, $("rows"), $("ticks"),
      (frame) => this.player.seek(frame));
    this.tools = new Tools(this.store, showStatus, (content) => this.show(content));
    this.live = new Live(this.store, this.heat, this.player);
    $("version").textContent = `auheat ${about.version}`;
    takeFiles((file) => this.open(file));
    for (const id of ["webcam", "camera"]) $(id).addEventListener("click", () => this.record());
    $("stop").addEventListener("click", () => this.stop());
    addEventListener("keydown", (event) => this.key(event));
    addEventListener("pagehide", () => this.forget());
  }

  /* Space plays, arrows step, wherever no control wants the key: a button wants Space, the slider
     the arrows. */
  key(event) {
    const wants = event.key === " " ? "button" : "input";
    if (event.target.closest?.(wants) || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key === " ") this.player.toggle();
    else if (event.key in steps) this.player.seek(this.bound(this.store.at + steps[event.key]));
    else return;
    event.preventDefault();
  }

  bound(frame) {
    return Math.min(Math.max(frame, 0), this.store.count - 1);
  }

  /* Reads a file; what was open before is deleted on the server once the new one is taken. */
  async open(file) {
    alertUser("");
    if (file.size > this.about.maxBytes) {
      alertUser(`${file.name} is too large: up to ${this.about.maxBytes / 1e6} MB are taken. `
        + "Read it with `auheat predict` instead.");
      return;
    }
    if (this.live.runs) this.live.stop();
    const turn = this.turn = Symbol("turn");
    try {
      $("name").textContent = file.name;
      const goesOn = () => this.turn === turn;
      const session = await api.upload(file, { goesOn, onWait: (words) => alertUser(`${words}…`) });
      alertUser("");
      if (this.turn !== turn) return api.remove(session.id);
      this.begin(session);
      await this.watch(session, turn);
    } catch (error) {
      if (this.turn === turn) this.fail(file.name, error);
    }
    return null;
  }

  fail(name, error) {
    if (!(error instanceof api.Problem)) console.error(error);
    alertUser(error.message.includes(name) ? error.message : `${name}: ${error.message}`);
    $("progress").hidden = true;
    if (this.store.session) $("name").textContent = this.store.session.name;
    if (this.store.session?.state === "failed") this.welcome();
  }

  welcome() {
    this.forget();
    this.reset();
    document.querySelector(".work").hidden = true;
    document.querySelector(".welcome").hidden = false;
    document.body.dataset.state = "empty";
  }

  reset() {
    this.store.clear();
    this.heat.clear();
    this.player.clear();
    this.tools.clear();
    $("sections").replaceChildren();
    this.store.notify("choice");
  }

  forget() {
    if (this.store.session) api.remove(this.store.session.id).catch(() => {});
  }

  begin(session) {
    this.forget();
    this.reset();
    this.store.session = { ...session, frames: null };
    this.store.expected = session.expected ?? 0;
    document.querySelector(".welcome").hidden = true;
    document.querySelector(".work").hidden = false;
    document.querySelector(".work").classList.toggle("image", session.kind === "image");
    document.querySelector(".work").classList.remove("faceless");
    document.body.dataset.state = "reading";
    $("axis").hidden = session.kind === "image";
    $("name").textContent = session.name;
    $("facts").textContent = "";
    $("progress").hidden = false;
    $("stop").textContent = session.kind === "live" ? "Stop recording" : "Stop";
    $("bar").hidden = session.kind === "live";
    $("bar").removeAttribute("value");
    showStatus(session.kind === "live" ? "Recording." : "Reading…");
  }

  async watch(session, turn) {
    let now = session;
    while (this.turn === turn) {
      Object.assign(this.store.session, { ...now, frames: null });
      this.store.gaps = now.gaps;
      this.store.add(now.frames);
      if (now.state === "done") return this.done();
      if (now.state === "failed") throw new api.Problem(now.problem);
      await this.showProgress(now, turn);
      await new Promise((resume) => { setTimeout(resume, POLL_MS); });
      now = await api.status(session.id, this.store.count);
    }
    return null;
  }

  async showProgress({ expected, latest, id, size }, turn) {
    const { count } = this.store;
    if (size) this.player.shape(size);
    if (expected) {
      $("bar").max = expected;
      $("bar").value = count;
    }
    if (count) showStatus(`Reading: ${count}${expected ? ` of ${expected}` : ""} frames.`);
    if (latest === null || latest === this.latest) return;
    this.latest = latest;
    const blob = new Blob([await api.bytes(api.address(id, "latest"))], { type: "image/jpeg" });
    if (this.turn !== turn) return;
    this.player.showImage(URL.createObjectURL(blob), "The newest frame that was read");
    this.store.goTo(latest);
  }

  async done() {
    const { store } = this, { session } = store;
    $("progress").hidden = true;
    this.latest = null;
    store.expected = 0;
    if (session.size) this.player.shape(session.size);
    if (session.kind === "image") this.player.showImage(api.address(session.id, "shown"), session.name);
    else await this.player.showVideo();
    store.notify("choice");
    store.goTo(0);
    await this.tools.offer(session);
    if (session.problem) alertUser(session.problem);
    showStatus(store.people.size ? "Done." : "No face was found.");
    document.querySelector(".work").classList.toggle("faceless", !store.people.size);
    document.body.dataset.state = "done";
  }

  /* The line of facts, and the sections of a report below; an image's rows tell its intensities. */
  show(content) {
    $("facts").textContent = content.facts;
    const made = sections(content, this.store)
      .filter((one) => one.querySelector("h2").textContent !== "Intensities");
    $("sections").replaceChildren(...(content.totalFaces ? made : []));
  }

  async record() {
    if (this.live.runs) return;
    alertUser("");
    const turn = this.turn = Symbol("turn");
    try {
      const done = await this.live.start((session) => this.begin(session));
      if (this.turn !== turn) return;
      Object.assign(this.store.session, { ...done, frames: null });
      this.store.gaps = done.gaps;
      if (done.state === "failed") throw new api.Problem(done.problem);
      await this.done();
    } catch (error) {
      if (this.turn === turn) this.fail("webcam", error);
    }
  }

  stop() {
    const { session } = this.store;
    if (session?.kind === "live") this.live.stop();
    else if (session) api.stop(session.id).catch((error) => alertUser(error.message));
  }
}

api.about().then((about) => { window.auheat = new App(about); })
  .catch((error) => alertUser(error.message));
