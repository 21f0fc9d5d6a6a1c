/* Curves over time, in the rows of the Action Units, with a cursor that follows and sets the time. */

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
// Of those whose colours alone are hard to tell apart for colour-blind people, as in reports.
const DASHES = { 4: [7, 3], 5: [2, 2.5] };

export class Curves {
  constructor(store, rows, box, ticks, onSeek) {
    Object.assign(this, { store, rows, box, ticks, onSeek });
    this.now = this.line("now");
    this.mark = this.line("mark");
    for (const what of ["data", "choice"]) store.addEventListener(what, () => this.later());
    store.addEventListener("frame", () => this.place());
    new ResizeObserver(() => this.later()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.later());
    box.addEventListener("pointerdown", (event) => this.point(event));
    box.addEventListener("pointermove", (event) => event.buttons && this.point(event));
  }

  line(className) {
    const line = document.createElement("div");
    line.className = className;
    line.hidden = true;
    this.box.append(line);
    return line;
  }

  point(event) {
    if (event.target.tagName !== "CANVAS" || this.store.count < 2) return;
    const box = event.target.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    this.onSeek(this.store.frameAt(share * this.store.end));
  }

  later() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      this.draw();
    });
  }

  draw() {
    const style = getComputedStyle(this.box);
    const colour = (name) => style.getPropertyValue(name).trim();
    const colours = [0, 1, 2, 3, 4, 5].map((i) => colour(`--p${i}`));
    this.rows.forEach((row, au) => {
      if (this.store.on.has(au)) this.lane(row.canvas, au, colours, colour("--line"), colour("--soft"));
    });
    this.axis();
    this.place();
  }

  lane(canvas, au, colours, rule, soft) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const pen = canvas.getContext("2d");
    const { width, height } = canvas;
    if (this.store.count < 2 || !width) return;
    this.gaps(pen, width, height, soft);
    const y = (level) => (height - 2 * ratio) * (1 - level / 5) + ratio;
    pen.strokeStyle = rule;
    pen.lineWidth = ratio;
    for (const level of [0, 1]) {
      pen.setLineDash(level ? [2 * ratio, 3 * ratio] : []);
      pen.beginPath();
      pen.moveTo(0, y(level));
      pen.lineTo(width, y(level));
      pen.stroke();
    }
    pen.setLineDash([]);
    pen.lineWidth = 1.6 * ratio;
    pen.lineJoin = "round";
    for (const id of this.store.shown) {
      pen.strokeStyle = colours[id % 6];
      pen.setLineDash((DASHES[id % 6] ?? []).map((length) => length * ratio));
      pen.stroke(this.path(id, au, width, y));
    }
    pen.setLineDash([]);
  }

  /* A line through all frames; of several in one column of pixels, the lowest and the highest. */
  path(id, au, width, y) {
    const path = new Path2D(), { store } = this, { times, end } = store;
    let column = -1, low = 0, high = 0, open = false;
    const flush = () => {
      if (column < 0) return;
      if (!open) path.moveTo(column, y(low));
      path.lineTo(column, y(low));
      if (high !== low) path.lineTo(column, y(high));
      open = true;
      column = -1;
    };
    for (let frame = 0; frame < store.count; frame += 1) {
      const level = store.level(id, au, frame);
      if (level === null) {
        flush();
        open = false;
        continue;
      }
      const here = Math.round(times[frame] / end * width);
      if (here !== column) {
        flush();
        column = here;
        low = high = level;
      } else {
        low = Math.min(low, level);
        high = Math.max(high, level);
      }
    }
    flush();
    return path;
  }

  /* Shades the stretches without any face. */
  gaps(pen, width, height, colour) {
    const { store } = this;
    pen.fillStyle = colour;
    pen.globalAlpha = 0.09;
    let start = null;
    for (let frame = 0; frame <= store.count; frame += 1) {
      const empty = frame < store.count && store.faces[frame].size === 0;
      if (empty && start === null) start = store.times[frame];
      if (empty || start === null) continue;
      const stop = frame < store.count ? store.times[frame] : store.times[frame - 1] + store.step;
      pen.fillRect(start / store.end * width, 0, (stop - start) / store.end * width, height);
      start = null;
    }
    pen.globalAlpha = 1;
  }

  axis() {
    const { end } = this.store;
    const most = Math.max(this.ticks.clientWidth / 70, 2);
    const step = STEPS.find((length) => end / length <= most) ?? STEPS.at(-1);
    const marks = [];
    for (let t = 0; this.store.count > 1 && t < end * 0.97; t += step) {
      const mark = document.createElement("span");
      mark.style.left = `${t / end * 100}%`;
      mark.textContent = t < 60 ? `${Number(t.toFixed(1))} s`
        : `${Math.floor(t / 60)}:${String(Math.round(t % 60)).padStart(2, "0")}`;
      marks.push(mark);
    }
    this.ticks.replaceChildren(...marks);
  }

  /* Puts the cursor and the mark of the neutral frame where they belong. */
  place() {
    this.put(this.now, this.store.count > 1 ? this.store.at : null);
    this.put(this.mark, this.store.neutral);
  }

  put(line, frame) {
    const row = this.rows.find((_, au) => this.store.on.has(au));
    line.hidden = frame === null || !row || !row.canvas.clientWidth;
    if (line.hidden) return;
    const { offsetLeft, clientWidth } = row.canvas;
    const time = (this.store.times[frame] + this.store.step / 2) / this.store.end;
    line.style.left = `${offsetLeft + time * clientWidth}px`;
  }
}
