/* One row per Action Unit: its switch, a bar for each person, and its curve. */
import { colourClass } from "./store.js";

function part(kind, className, text = "") {
  const made = document.createElement(kind);
  made.className = className;
  made.textContent = text;
  return made;
}

export class Rows {
  constructor(store, box) {
    this.store = store;
    this.rows = store.aus.map((unit, au) => this.make(unit, au));
    box.replaceChildren(...this.rows.map((row) => row.box));
    store.addEventListener("frame", () => this.levels());
    store.addEventListener("choice", () => this.update());
    store.addEventListener("data", () => this.people());
    this.update();
  }

  make(unit, au) {
    const box = part("div", "row");
    const toggle = part("button", "au");
    toggle.type = "button";
    toggle.title = `${unit.muscle} – click to switch on or off`;
    toggle.dataset.au = unit.name;
    toggle.append(part("b", "", unit.name), part("span", "", unit.title));
    toggle.addEventListener("click", () => this.store.toggleAu(au));
    const bars = part("div", "bars");
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true");
    box.append(toggle, bars, canvas);
    return { box, toggle, bars, canvas, levels: new Map() };
  }

  /* Bars for the people that are shown now. */
  people() {
    const ids = this.store.shown;
    if (String(ids) !== this.ids) {
      this.ids = String(ids);
      for (const row of this.rows) this.fill(row, ids);
    }
    this.levels();
  }

  fill(row, ids) {
    row.levels.clear();
    row.bars.className = ids.length > 1 ? "bars many" : "bars";
    row.bars.replaceChildren(...ids.map((id) => {
      const line = part("div", `level ${colourClass(id)}`);
      const fill = part("i", ""), value = part("output", "");
      if (ids.length > 1) line.append(part("b", "", id));
      line.append(fill, value);
      line.title = this.store.nameOf(id);
      row.levels.set(id, { fill, value });
      return line;
    }));
  }

  levels() {
    this.rows.forEach((row, au) => {
      for (const [id, { fill, value }] of row.levels) {
        const level = this.store.level(id, au, this.store.at);
        fill.style.setProperty("--to", `${(level ?? 0) * 20}%`);
        value.textContent = level === null ? "–" : level.toFixed(2);
      }
    });
  }

  update() {
    this.rows.forEach((row, au) => {
      const on = this.store.on.has(au);
      row.toggle.setAttribute("aria-pressed", on);
      row.box.classList.toggle("off", !on);
    });
    this.ids = null;
    this.people();
  }
}
