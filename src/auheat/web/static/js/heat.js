/* Heatmaps: fetches them in pieces, and lays them over the image. */
import * as api from "./api.js";

const MAX_PIECES = 40;

/* RGBA for each of 256 steps of intensity, as in the overlays. colours: 256 of them as hex. */
function palette(colours) {
  const bytes = Uint8Array.from(colours.match(/../g), (byte) => parseInt(byte, 16));
  return new Uint32Array(bytes.buffer);
}

export class Heat {
  constructor(store, about, canvas) {
    this.store = store;
    this.canvas = canvas;
    this.perPiece = about.framesPerPiece;
    this.palette = palette(about.heat);
    this.people = about.personColours;
    this.small = document.createElement("canvas");
    this.clear();
  }

  clear() {
    this.pieces = new Map();
    this.pending = new Set();
    this.live = null;
    this.wipe();
  }

  wipe() {
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /* Bytes of a frame's faces, or null until they have come. */
  maps(frame) {
    if (this.live) return this.live;
    const index = Math.floor(frame / this.perPiece);
    this.fetch(index);
    if (frame % this.perPiece > this.perPiece / 2) this.fetch(index + 1);
    const piece = this.pieces.get(index);
    if (!piece) return null;
    const [width, height] = this.store.session.mapSize ?? [0, 0];
    const bytes = width * height * this.store.aus.length;
    let start = 0;
    for (let i = index * this.perPiece; i < frame; i += 1) {
      start += bytes * this.store.faces[i].size;
    }
    return piece.subarray(start, start + bytes * this.store.faces[frame].size);
  }

  async fetch(index) {
    const { session } = this.store;
    const whole = index < session.pieces;
    if (!whole || this.pieces.has(index) || this.pending.has(index)) return;
    this.pending.add(index);
    try {
      const piece = await api.bytes(api.address(session.id, `heat/${index}`));
      if (this.store.session?.id !== session.id) return;
      this.pieces.set(index, piece);
      if (this.pieces.size > MAX_PIECES) this.pieces.delete(this.pieces.keys().next().value);
      if (Math.floor(this.store.at / this.perPiece) === index) this.draw(this.store.at);
    } catch { /* the image stays without heat */ } finally {
      this.pending.delete(index);
    }
  }

  /* Draws heat and face marks of a frame over an image of the session's size. */
  draw(frame) {
    const { store, canvas } = this;
    const { size, mapSize } = store.session ?? {};
    if (!size) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const pen = canvas.getContext("2d");
    const scale = canvas.width / size[0];
    const maps = this.maps(frame);
    for (const id of store.shown) {
      const face = store.faces[frame]?.get(id);
      if (!face) continue;
      if (maps && mapSize) this.lay(pen, maps, face, mapSize, scale);
      this.mark(pen, id, face.box.map((x) => x * scale), ratio);
    }
    if (store.people.size > 1) this.numbers(pen, frame, scale, ratio);
  }

  lay(pen, maps, face, [width, height], scale) {
    const area = width * height, steps = new Uint8Array(area);
    const first = face.order * area * this.store.aus.length;
    for (const au of this.store.on) {
      const start = first + au * area;
      for (let i = 0; i < area; i += 1) if (maps[start + i] > steps[i]) steps[i] = maps[start + i];
    }
    this.small.width = width;
    this.small.height = height;
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < area; i += 1) pixels[i] = this.palette[steps[i]];
    this.small.getContext("2d").putImageData(image, 0, 0);
    const [a, b, c, d, e, f] = face.transform;
    pen.save();
    pen.scale(scale, scale);
    pen.transform(a, b, c, d, e + 0.5, f + 0.5);  // pixel centres lie at integers
    pen.imageSmoothingQuality = "high";
    pen.drawImage(this.small, -0.5, -0.5);
    pen.restore();
  }

  /* Corners around the face in the person's colour. */
  mark(pen, id, [x0, y0, x1, y1], ratio) {
    const arm = 0.14 * Math.max(x1 - x0, y1 - y0);
    pen.strokeStyle = this.people[id % this.people.length];
    pen.lineWidth = 2 * ratio;
    pen.beginPath();
    for (const [x, sx] of [[x0, arm], [x1, -arm]]) {
      for (const [y, sy] of [[y0, arm], [y1, -arm]]) {
        pen.moveTo(x + sx, y);
        pen.lineTo(x, y);
        pen.lineTo(x, y + sy);
      }
    }
    pen.stroke();
  }

  /* Everyone's number at a corner, over all marks, for those whom colours do not tell enough. */
  numbers(pen, frame, scale, ratio) {
    const size = 15 * ratio;
    pen.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const id of this.store.shown) {
      const box = this.store.faces[frame]?.get(id)?.box;
      if (!box) continue;
      const left = Math.max(box[0] * scale - size, 0), top = Math.max(box[1] * scale - size, 0);
      pen.fillStyle = this.people[id % this.people.length];
      pen.fillRect(left, top, size, size);
      pen.fillStyle = "#000";
      pen.fillText(id, left + size / 2, top + size / 2 + ratio / 2, size);
    }
  }
}
