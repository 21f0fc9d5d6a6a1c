/* People, the neutral frame, and what can be downloaded. */
import * as api from "./api.js";
import { colourClass } from "./store.js";

const $ = (id) => document.getElementById(id);

export class Tools {
  constructor(store, say) {
    this.store = store;
    this.say = say;
    $("neutral").addEventListener("click", () => this.pick());
    $("raw").addEventListener("click", () => this.unpick());
    $("all").addEventListener("click", () => this.all(true));
    $("none").addEventListener("click", () => this.all(false));
    store.addEventListener("data", () => this.people());
    store.addEventListener("choice", () => this.update());
  }

  all(on) {
    for (const au of this.store.aus.keys()) {
      if (on) this.store.on.add(au); else this.store.on.delete(au);
    }
    this.store.tell("choice");
  }

  people() {
    const ids = [...this.store.people.keys()].sort((a, b) => a - b);
    if (String(ids) === this.ids) return;
    this.ids = String(ids);
    $("people").hidden = ids.length < 2;
    $("people").replaceChildren(...ids.map((id) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = `chip ${colourClass(id)}`;
      chip.setAttribute("aria-pressed", !this.store.hidden.has(id));
      const dot = document.createElement("i");
      dot.className = "dot";
      const name = this.store.nameOf(id);
      chip.append(dot, name[0].toUpperCase() + name.slice(1));
      chip.addEventListener("click", () => this.store.togglePerson(id));
      return chip;
    }));
  }

  pick() {
    const { store } = this;
    if (!store.faces[store.at]?.size) {
      this.say("This frame shows no face: go to one that does.");
      return;
    }
    store.setNeutral(store.at);
    this.say(`Frame ${store.at + 1} is neutral: what it reads is taken off.`);
  }

  unpick() {
    this.store.setNeutral(null);
    this.say("Raw values are shown.");
    $("neutral").focus();
  }

  update() {
    this.ids = null;
    this.people();
    const { neutral, reading } = this.store;
    $("raw").hidden = neutral === null;
    $("neutralNote").textContent = neutral === null ? "" : this.note(neutral);
    if (reading) this.links(reading);
  }

  note(neutral) {
    const without = [...this.store.people.keys()].filter((id) => !this.store.faces[neutral].has(id));
    const rest = without.length
      ? ` Not in it, so shown raw: ${without.map((id) => this.store.nameOf(id)).join(", ")}.` : "";
    return `Bars, curves and CSV are calibrated with frame ${neutral + 1}. `
      + `Heatmaps, overlay and report stay raw.${rest}`;
  }

  /* Shows what can be done with a reading that is done. */
  offer(reading) {
    $("neutralTools").hidden = reading.kind === "photo";
    $("downloads").hidden = false;
    $("overlay").textContent = reading.kind === "photo" ? "Overlay picture" : "Overlay video";
    this.links(reading);
  }

  links(reading) {
    const { neutral } = this.store;
    const query = neutral === null ? "" : `?neutral=${neutral + 1}`;
    $("table").href = api.address(reading.id, `table${query}`);
    $("table").textContent = neutral === null ? "CSV" : "CSV, calibrated";
    $("baseline").hidden = neutral === null;
    if (neutral !== null) $("baseline").href = api.address(reading.id, `neutral/${neutral + 1}`);
    $("overlay").href = api.address(reading.id, "overlay");
    $("report").href = api.address(reading.id, "report");
  }

  clear() {
    for (const id of ["neutralTools", "downloads", "raw"]) $(id).hidden = true;
    $("neutralNote").textContent = "";
    $("people").replaceChildren();
    this.ids = null;
  }
}
