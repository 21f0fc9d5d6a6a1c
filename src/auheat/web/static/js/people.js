/* A switch for each person, where there are several. */
import { button, part } from "./dom.js";

export class People {
  constructor(store, box) {
    this.store = store;
    this.box = box;
    for (const what of ["data", "choice"]) store.addEventListener(what, () => this.update());
    this.update();
  }

  update() {
    const { store } = this;
    const ids = [...store.people.keys()].sort((a, b) => a - b);
    const state = ids.map((id) => `${store.nameOf(id)} ${store.hidden.has(id)}`).join();
    if (state === this.state) return;
    this.state = state;
    this.box.hidden = ids.length < 2;
    this.box.replaceChildren(...ids.map((id) => this.chip(id)));
  }

  chip(id) {
    const { store } = this;
    const name = store.nameOf(id);
    const words = name[0].toUpperCase() + name.slice(1);
    const chip = button(`chip ${store.classOf(id)}`, "", () => {
      store.togglePerson(id);
      this.box.querySelector(`[data-person="${id}"]`).focus();
    });
    chip.append(part("i", "dot"), words);
    chip.dataset.person = id;
    chip.setAttribute("aria-pressed", !store.hidden.has(id));
    return chip;
  }
}
