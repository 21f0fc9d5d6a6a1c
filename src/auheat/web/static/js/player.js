/* The image: a video with its transport, an image, or the newest frame while reading. */
import * as api from "./api.js";
import { clockText } from "./dom.js";

const $ = (id) => document.getElementById(id);

export class Player {
  constructor(store, heat) {
    this.store = store;
    this.heat = heat;
    this.video = $("video");
    this.image = $("image");
    $("play").addEventListener("click", () => this.toggle());
    $("seek").addEventListener("input", () => this.seek(Number($("seek").value)));
    for (const what of ["play", "pause", "ended"]) {
      this.video.addEventListener(what, () => this.showState());
    }
    this.video.addEventListener("seeked", () => this.follow());
    store.addEventListener("frame", () => this.showFrame());
    store.addEventListener("choice", () => this.redraw());
    new ResizeObserver(() => this.redraw()).observe($("stage"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  clear() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
    this.video.hidden = this.image.hidden = true;
    $("transport").hidden = true;
    this.setImage(null);
  }

  /* The stage takes the shape of the image. */
  shape([width, height]) {
    $("stage").style.aspectRatio = `${width} / ${height}`;
    $("stage").style.width = `min(100%, ${62 * width / height}vh)`;
  }

  setImage(address, alt = "") {
    if (this.image.src.startsWith("blob:")) URL.revokeObjectURL(this.image.src);
    if (address) this.image.src = address; else this.image.removeAttribute("src");
    this.image.alt = alt;
    this.image.hidden = !address;
  }

  showImage(address, alt) {
    this.video.hidden = true;
    this.setImage(address, alt);
  }

  /* A video that has been read: its own copy on the server, frame for frame. */
  async showVideo() {
    const { session } = this.store;
    this.video.src = api.address(session.id, "shown");
    await new Promise((resolve) => {
      this.video.addEventListener("loadeddata", resolve, { once: true });
      this.video.addEventListener("error", resolve, { once: true });
    });
    this.setImage(null);
    this.video.hidden = false;
    $("transport").hidden = false;
    $("seek").max = this.store.count - 1;
    this.seek(0);
  }

  get plays() {
    return !this.video.hidden && !this.video.paused && !this.video.ended;
  }

  /* Who is quick stops a video before it has begun: the browser then takes back the promise. */
  toggle() {
    if (this.video.hidden) return;
    if (this.plays) this.video.pause();
    else this.video.play().then(() => this.watch(), () => this.showState());
  }

  /* While it plays, the page shows the frame that the video shows. */
  watch() {
    const next = (_, { mediaTime }) => {
      this.store.goTo(this.store.frameAt(mediaTime));
      if (this.plays) this.video.requestVideoFrameCallback(next);
    };
    this.video.requestVideoFrameCallback(next);
  }

  follow() {
    if (this.plays) this.watch();
  }

  seek(frame) {
    const { times, step } = this.store;
    if (!this.video.hidden) {
      this.video.currentTime = times[frame] + Math.min(step / 4, 0.01);
      this.store.goTo(frame);
    }
  }

  showFrame() {
    const { store } = this;
    $("seek").value = store.at;
    const words = `frame ${store.at + 1} · ${clockText(store.times[store.at] ?? 0)}`;
    $("clock").textContent = words;
    $("seek").setAttribute("aria-valuetext", words);
    this.redraw();
  }

  redraw() {
    if (this.store.session && this.store.count) this.heat.draw(this.store.at);
  }

  showState() {
    $("play").classList.toggle("playing", this.plays);
    $("play").setAttribute("aria-label", this.plays ? "Pause" : "Play");
  }
}
