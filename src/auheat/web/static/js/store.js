/* What was read, and what of it is shown. Parts of the page listen for "data", "frame", "choice". */
import { eachFace, unpack } from "./packed.js";

export class Store extends EventTarget {
  /* constants: AUs, colours and scale, as the server or the report gives them. */
  constructor(constants) {
    super();
    this.aus = constants.aus;
    this.scale = constants.scale;
    this.colours = constants.colours;
    this.personColours = constants.personColours;
    this.on = new Set(this.aus.keys());
    this.clear();
  }

  /* Forgets a session; which AUs are on stays. */
  clear() {
    this.session = null;
    this.times = [];
    this.faces = [];
    this.people = new Map();
    this.hidden = new Set();
    this.gaps = [];
    this.baseline = null;
    this.calibrated = null;
    this.at = 0;
    this.expected = 0;
  }

  notify(what) {
    this.dispatchEvent(new Event(what));
  }

  /* Adds frames as the server sends them: [time, [[id, confidence, box, transform, intensities]]]. */
  add(frames) {
    for (const [time, faces] of frames) {
      this.times.push(time);
      this.faces.push(new Map(faces.map(([id, confidence, box, transform, intensities], order) =>
        [id, { confidence, box, transform, intensities, order }])));
      for (const [id] of faces) this.countFace(id);
    }
    if (frames.length) this.notify("data");
  }

  /* Takes all frames of a report at once. */
  load({ times, people, gaps }) {
    this.times = unpack(times, "f8");
    this.faces = Array.from(this.times, () => new Map());
    for (const [id, frame, intensities] of eachFace(people, this.aus.length)) {
      this.faces[frame].set(id, { intensities });
      this.countFace(id);
    }
    this.gaps = gaps;
    this.notify("data");
  }

  countFace(id) {
    this.people.set(id, (this.people.get(id) ?? 0) + 1);
  }

  /* Shows what the server calibrated with a frame (from 0), or with null what was read. */
  calibrate(frame, people = []) {
    this.baseline = frame;
    this.calibrated = frame === null ? null : Array.from(this.times, () => new Map());
    for (const [id, place, intensities] of eachFace(people, this.aus.length)) {
      this.calibrated[place].set(id, intensities);
    }
    this.notify("choice");
  }

  get count() {
    return this.times.length;
  }

  /* Seconds from frame to frame. */
  get step() {
    return this.count > 1 ? (this.times[this.count - 1] - this.times[0]) / (this.count - 1) : 0.04;
  }

  /* Where the time axis ends, in seconds. */
  get end() {
    const read = this.count ? this.times[this.count - 1] + this.step : 1;
    return Math.max(read, (this.expected || 0) * this.step);
  }

  /* People by their number, without those that are hidden. */
  get shown() {
    return [...this.people.keys()].sort((a, b) => a - b).filter((id) => !this.hidden.has(id));
  }

  /* An intensity, calibrated where it is; null without the face. */
  intensity(id, au, frame) {
    const face = this.faces[frame]?.get(id);
    if (!face) return null;
    return (this.calibrated?.[frame].get(id) ?? face.intensities)[au];
  }

  /* The frame that is shown at a time. */
  frameAt(seconds) {
    let low = 0, high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= seconds + 1e-4) low = middle; else high = middle - 1;
    }
    return Math.max(low, 0);
  }

  /* What a person is called: an image shows faces. */
  nameOf(id) {
    return `${this.session?.kind === "image" ? "face" : "person"} ${id}`;
  }

  /* The class that gives a person's marks their colour. */
  classOf(id) {
    return `person p${id % this.personColours.length}`;
  }

  /* The colour of an intensity, and that of the ink that is read on it. */
  colourOf(intensity) {
    const step = Math.round(Math.min(Math.max(intensity / this.scale, 0), 1) * 255);
    const ground = `#${this.colours.hex.slice(6 * step, 6 * step + 6)}`;
    return [ground, step >= this.colours.darkInkFrom ? "#000" : "#fff"];
  }

  goTo(frame) {
    this.at = Math.min(Math.max(frame, 0), Math.max(this.count - 1, 0));
    this.notify("frame");
  }

  toggleAu(au, on = !this.on.has(au)) {
    if (on) this.on.add(au); else this.on.delete(au);
    this.notify("choice");
  }

  toggleAll(on) {
    this.on = new Set(on ? this.aus.keys() : []);
    this.notify("choice");
  }

  togglePerson(id) {
    if (!this.hidden.delete(id)) this.hidden.add(id);
    this.notify("choice");
  }
}
