/* People, the baseline, and what can be downloaded. */
import * as api from "./api.js";
import { People } from "./people.js";

const $ = (id) => document.getElementById(id);

export class Tools {
  /* onContent: is given the content of a report whenever it changes. */
  constructor(store, showStatus, onContent) {
    Object.assign(this, { store, showStatus, onContent });
    new People(store, $("people"));
    $("baseline").addEventListener("click", () => this.pick());
    $("raw").addEventListener("click", () => this.unpick());
    $("all").addEventListener("click", () => store.toggleAll(true));
    $("none").addEventListener("click", () => store.toggleAll(false));
    store.addEventListener("choice", () => this.update());
  }

  /* Takes the frame that is shown as baseline; the server calibrates, as for the tables. */
  async pick() {
    const { store } = this, frame = store.at;
    if (!store.faces[frame]?.size) {
      this.showStatus("This frame shows no face: go to one that does.");
      return;
    }
    if (await this.show(frame)) this.showStatus("");
  }

  async unpick() {
    if (await this.show(null)) this.showStatus("Values are shown as they were read.");
    $("baseline").focus();
  }

  /* Fetches and shows everything with a baseline, or with null as read; whether that went well. */
  async show(frame) {
    const { store } = this, { session } = store;
    try {
      const content = await api.content(session.id, frame);
      if (store.session?.id !== session.id) return false;
      store.calibrate(frame, content.calibrated ?? []);
      this.onContent(content);
      return true;
    } catch (error) {
      this.showStatus(error.message);
      return false;
    }
  }

  update() {
    const { baseline, session } = this.store;
    $("raw").hidden = baseline === null;
    $("baselineNote").textContent = baseline === null ? "" : this.note(baseline);
    if (session) this.links(session);
  }

  note(baseline) {
    const without = [...this.store.people.keys()].filter((id) => !this.store.faces[baseline].has(id));
    const rest = without.length
      ? ` Not in it, so shown as read: ${without.map((id) => this.store.nameOf(id)).join(", ")}.` : "";
    return `Calibrated with frame ${baseline + 1}; heatmaps and overlay stay as read.${rest}`;
  }

  /* Shows what can be done with a session that is done. */
  async offer(session) {
    $("baselineTools").hidden = session.kind === "image";
    $("downloads").hidden = false;
    $("overlay").textContent = session.kind === "image" ? "Overlay image" : "Overlay video";
    await this.show(null);
  }

  links(session) {
    const { baseline } = this.store;
    $("table").href = api.address(session.id, "table", baseline);
    $("table").textContent = baseline === null ? "CSV" : "CSV, calibrated";
    $("baselineFile").hidden = baseline === null;
    if (baseline !== null) $("baselineFile").href = api.address(session.id, `baseline/${baseline + 1}`);
    $("overlay").href = api.address(session.id, "overlay");
    $("report").href = api.address(session.id, "report", baseline);
  }

  clear() {
    for (const id of ["baselineTools", "downloads", "raw"]) $(id).hidden = true;
    $("baselineNote").textContent = "";
  }
}
