/* What was read, and what of it is shown. Parts of the page listen for "data", "frame", "choice". */

export class Store extends EventTarget {
  /* about: what the server says of itself; `neutral` holds the constants of calibration. */
  constructor(about) {
    super();
    this.aus = about.aus;
    this.calibration = about.neutral;
    this.on = new Set(this.aus.keys());
    this.clear();
  }

  /* Forgets a reading; which AUs are on stays. */
  clear() {
    this.reading = null;
    this.times = [];
    this.faces = [];
    this.people = new Map();
    this.hidden = new Set();
    this.neutral = null;
    this.resting = new Map();
    this.at = 0;
    this.expected = 0;
  }

  tell(what) {
    this.dispatchEvent(new Event(what));
  }

  /* Adds frames as the server sends them: [time, [[id, confidence, box, transform, levels]]]. */
  add(frames) {
    for (const [time, faces] of frames) {
      const number = this.times.push(time) - 1;
      const byId = new Map(faces.map((face, order) => [face[0],
        { confidence: face[1], box: face[2], transform: face[3], levels: face[4], order }]));
      this.faces.push(byId);
      for (const id of byId.keys()) {
        if (!this.people.has(id)) this.people.set(id, { first: number, seen: 0 });
        this.people.get(id).seen += 1;
      }
    }
    if (frames.length) this.tell("data");
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

  /* A level, calibrated if the person is in the neutral frame; null without the face. */
  level(id, au, frame) {
    const face = this.faces[frame]?.get(id);
    if (!face) return null;
    const resting = Math.min(this.resting.get(id)?.[au] ?? 0, this.calibration.most);
    return Math.min(Math.max(face.levels[au] - resting, 0) * 5 / (5 - resting), 5);
  }

  /* Of everyone in a frame, the median levels of the frames around it. */
  levelsAround(frame) {
    const first = this.frameAt(this.times[frame] - this.calibration.around);
    const near = [];
    for (let i = first; this.times[i] <= this.times[frame] + this.calibration.around + 1e-6; i += 1) {
      if (this.times[i] >= this.times[frame] - this.calibration.around - 1e-6) near.push(i);
    }
    return new Map([...this.faces[frame].keys()].map((id) => {
      const faces = near.map((i) => this.faces[i].get(id)).filter(Boolean);
      return [id, this.aus.map((_, au) => median(faces.map((face) => face.levels[au])))];
    }));
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

  /* What a person is called: a photo shows faces. */
  nameOf(id) {
    return `${this.reading?.kind === "photo" ? "face" : "person"} ${id}`;
  }

  goTo(frame) {
    this.at = Math.min(Math.max(frame, 0), Math.max(this.count - 1, 0));
    this.tell("frame");
  }

  setNeutral(frame) {
    this.neutral = frame;
    this.resting = frame === null ? new Map() : this.levelsAround(frame);
    this.tell("choice");
  }

  toggleAu(au, on = !this.on.has(au)) {
    if (on) this.on.add(au); else this.on.delete(au);
    this.tell("choice");
  }

  togglePerson(id) {
    if (!this.hidden.delete(id)) this.hidden.add(id);
    this.tell("choice");
  }
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export const colourClass = (id) => `person p${id % 6}`;

export function clockText(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = seconds - 60 * minutes;
  return minutes ? `${minutes}:${rest.toFixed(1).padStart(4, "0")}` : `${rest.toFixed(2)} s`;
}
