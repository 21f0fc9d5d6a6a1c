/* One row per Action Unit: its switch, a bar for each person at the time of the cursor, its curve. */
import { button, part, shape } from "./dom.js";

export const WIDE = 1000, HIGH = 100;  // units of a curve's drawing

export class Rows {
  constructor(store, box) {
    this.store = store;
    this.rows = store.aus.map((unit, au) => this.make(unit, au));
    box.replaceChildren(...this.rows.map((row) => row.box));
    store.addEventListener("frame", () => this.values());
    store.addEventListener("choice", () => this.update());
    store.addEventListener("data", () => this.people());
    this.update();
  }

  make(unit, au) {
    const toggle = button("au", "", () => this.store.toggleAu(au));
    toggle.title = `${unit.muscle} – click to switch on or off`;
    toggle.dataset.au = unit.name;
    toggle.append(part("b", "", unit.name), part("span", "", unit.title));
    const bars = part("div", "bars");
    const plot = shape("svg",
      { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", class: "plot" });
    return { box: part("div", "row", toggle, bars, plot), toggle, bars, plot, fills: new Map() };
  }

  /* Bars for the people that are shown now. */
  people() {
    const ids = this.store.shown;
    if (String(ids) !== this.ids) {
      this.ids = String(ids);
      for (const row of this.rows) this.fill(row, ids);
    }
    this.values();
  }

  fill(row, ids) {
    row.fills.clear();
    row.bars.className = ids.length > 1 ? "bars many" : "bars";
    row.bars.replaceChildren(...ids.map((id) => {
      const line = part("div", `level ${this.store.classOf(id)}`);
      const fill = part("i"), value = part("output");
      if (ids.length > 1) line.append(part("b", "", id));
      line.append(fill, value);
      line.title = this.store.nameOf(id);
      row.fills.set(id, { fill, value });
      return line;
    }));
  }

  values() {
    const { store } = this;
    this.rows.forEach((row, au) => {
      for (const [id, { fill, value }] of row.fills) {
        const intensity = store.intensity(id, au, store.at);
        fill.style.setProperty("--to", `${100 * (intensity ?? 0) / store.scale}%`);
        value.textContent = intensity === null ? "–" : intensity.toFixed(2);
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
