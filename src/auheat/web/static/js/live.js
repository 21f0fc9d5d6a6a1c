/* The webcam: images go to the server one after the other, each when the last one is read. */
import * as api from "./api.js";

const WIDTH_PX = 640;

export class Live {
  constructor(store, heat, player) {
    Object.assign(this, { store, heat, player });
    this.runs = false;
  }

  /* Opens the camera and records until `stop`. Throws a line for the page. */
  async start(onSession) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new api.Problem("The browser gives no camera here: open the page as http://localhost.");
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia(
        { video: { width: { ideal: WIDTH_PX }, facingMode: "user" }, audio: false });
    } catch (error) {
      throw new api.Problem(error.name === "NotAllowedError"
        ? "The camera was not allowed: allow it in the browser’s address bar and try again."
        : "No camera could be opened.");
    }
    this.runs = true;
    const session = await api.startLive();
    onSession(session);
    const { video } = this.player;
    video.srcObject = this.stream;
    await video.play();
    video.hidden = false;
    return this.loop(session, video);
  }

  async loop(session, video) {
    const canvas = document.createElement("canvas");
    const scale = Math.min(WIDTH_PX / video.videoWidth, 1);
    canvas.width = 2 * Math.round(video.videoWidth * scale / 2);
    canvas.height = 2 * Math.round(video.videoHeight * scale / 2);
    const begin = performance.now();
    try {
      while (this.runs) {
        canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
        const seconds = (performance.now() - begin) / 1000;
        const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
        this.show(session, await api.sendLive(session.id, blob, seconds));
      }
    } finally {
      this.close(video);
    }
    await api.stop(session.id);
    return api.status(session.id, this.store.count);
  }

  show(session, { frames, maps, mapSize, size }) {
    Object.assign(session, { mapSize, size });
    this.heat.live = maps;
    this.player.shape(size);
    this.store.add(frames);
    this.store.goTo(this.store.count - 1);
  }

  stop() {
    this.runs = false;
  }

  close(video) {
    this.runs = false;
    for (const track of this.stream.getTracks()) track.stop();
    video.srcObject = null;
    video.hidden = true;
    this.heat.live = null;
  }
}
