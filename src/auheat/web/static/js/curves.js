/* Curves over time, in the rows of the Action Units, with a cursor that follows and sets the time. */
import { part, shape } from "./dom.js";
import { HIGH, WIDE } from "./rows.js";
import { markTimes } from "./ticks.js";

const RULES = [1, 3];  // intensities that have a fine line

export class Curves {
  constructor(store, rows, box, ticks, onSeek) {
    Object.assign(this, { store, rows, box, ticks, onSeek });
    this.now = this.line("now");
    this.mark = this.line("mark");
    for (const what of ["data", "choice"]) store.addEventListener(what, () => this.later());
    store.addEventListener("frame", () => this.place());
    new ResizeObserver(() => this.arrange()).observe(box);
    box.addEventListener("pointerdown", (event) => this.point(event));
    box.addEventListener("pointermove", (event) => event.buttons && this.point(event));
  }

  line(className) {
    const line = part("div", className);
    line.hidden = true;
    this.box.append(line);
    return line;
  }

  point(event) {
    const plot = event.target.closest?.(".plot");
    if (!plot || this.store.count < 2) return;
    const box = plot.getBoundingClientRect();
    const along = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    this.onSeek(this.store.frameAt(along * this.store.end));
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
    this.rows.forEach((row, au) => {
      row.plot.setAttribute("aria-label", `${this.store.aus[au].name} over time`);
      row.plot.replaceChildren(...(this.store.count < 2 ? [] : this.shapes(au)));
    });
    this.arrange();
  }

  shapes(au) {
    const { store } = this;
    const x = (seconds) => seconds / store.end * WIDE;
    const y = (intensity) => HIGH * (1 - intensity / store.scale);
    const gaps = store.gaps.map(([, , start, end]) => shape("rect",
      { class: "gap", x: x(start), y: 0, width: x(end) - x(start), height: HIGH }));
    const rules = RULES.filter((rule) => rule < store.scale).map((rule) => shape("line",
      { class: "rule", x1: 0, x2: WIDE, y1: y(rule), y2: y(rule) }));
    const paths = store.shown.map((id) => shape("path",
      { class: store.classOf(id), "data-person": id, d: this.path(id, au, x, y) }));
    return [...gaps, ...rules, ...paths];
  }

  /* A line through all frames; of several in one column, the lowest and the highest. */
  path(id, au, x, y) {
    const { store } = this, points = [];
    let column = -1, low = 0, high = 0, open = false;
    const flush = () => {
      if (column < 0) return;
      points.push(`${open ? "L" : "M"}${column} ${y(low).toFixed(1)}`);
      if (high !== low) points.push(`L${column} ${y(high).toFixed(1)}`);
      open = true;
      column = -1;
    };
    const end = (frame) => {  // a frame alone is as long as it is shown
      if (column < 0) return;
      const last = column, level = y(high).toFixed(1), alone = !open;
      flush();
      if (alone) points.push(`L${Math.max(x(store.times[frame - 1] + store.step), last + 2)} ${level}`);
      open = false;
    };
    for (let frame = 0; frame < store.count; frame += 1) {
      const intensity = store.intensity(id, au, frame);
      if (intensity === null) {
        end(frame);
        continue;
      }
      const here = Math.round(x(store.times[frame]));
      if (here !== column) {
        flush();
        column = here;
        low = high = intensity;
      } else {
        low = Math.min(low, intensity);
        high = Math.max(high, intensity);
      }
    }
    end(store.count);
    return points.join("");
  }

  arrange() {
    markTimes(this.store, this.ticks);
    this.place();
  }

  /* Puts the cursor and the mark of the baseline where they belong. */
  place() {
    this.put(this.now, this.store.count > 1 ? this.store.at : null);
    this.put(this.mark, this.store.baseline);
  }

  put(line, frame) {
    const row = this.rows.find((_, au) => this.store.on.has(au));
    const plot = row?.plot.getBoundingClientRect();
    line.hidden = frame === null || !plot?.width;
    if (line.hidden) return;
    const time = (this.store.times[frame] + this.store.step / 2) / this.store.end;
    line.style.left = `${plot.left - this.box.getBoundingClientRect().left + time * plot.width}px`;
  }
}
