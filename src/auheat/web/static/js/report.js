/* A report: the page's components over content that lies in the same file. */
import { Curves } from "./curves.js";
import { button, clockText, part } from "./dom.js";
import { People } from "./people.js";
import { Rows } from "./rows.js";
import { pairs, section, sections } from "./sections.js";
import { Store } from "./store.js";

const lanesNote = ({ scale }) => `Each curve runs from 0 to ${scale}${scale === 5
  ? "; the fine lines are 1 (present) and 3" : ""}. Shaded: no face. Press a curve, or an arrow key, `
  + "to read its values.";

class Report {
  constructor(content) {
    this.content = content;
    this.store = new Store(content);
    this.store.session = { kind: content.kind };
    if (content.kind === "video") this.store.load(content);
    const made = sections(content, this.store);
    if (content.kind === "video" && content.totalFaces) made.splice(1, 0, this.curves());
    document.querySelector("main").append(...made,
      section("Settings", pairs(content.settings)), this.card());
    document.querySelector(".facts").textContent = content.facts;
    this.store.notify("choice");
    this.store.goTo(0);
  }

  /* Switches, bars at the cursor, and curves: what the page shows beside a video. */
  curves() {
    const { store } = this;
    const people = part("div", "chips"), box = part("div", "lanes"), ticks = part("div", "ticks");
    people.setAttribute("role", "group");
    people.setAttribute("aria-label", "People");
    const clock = part("output", "clock");
    const rows = new Rows(store, box);
    new People(store, people);
    const show = (frame) => store.goTo(frame);
    new Curves(store, rows.rows, box, ticks, show);
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Curves; arrow keys move the cursor by a frame");
    box.addEventListener("keydown", (event) => this.step(event));
    store.addEventListener("frame", () => {
      clock.textContent = `frame ${store.at + 1} · ${clockText(store.times[store.at])}`;
    });
    const axis = part("div", "axis", part("div"), part("div"), ticks);
    axis.setAttribute("aria-hidden", "true");
    return section("Curves", part("div", "heads", people, part("span", "push"), clock,
      button("link", "all", () => store.toggleAll(true)),
      button("link", "none", () => store.toggleAll(false))), box, axis, part("p", "note", lanesNote(store)));
  }

  /* An arrow key moves the cursor by a frame, with Shift by ten. */
  step(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    this.store.goTo(this.store.at + way * (event.shiftKey ? 10 : 1));
    event.preventDefault();
  }

  card() {
    const { cardLines, card } = this.content;
    return section("Model card",
      part("p", "note", this.content.cardNote), pairs(cardLines),
      part("details", "", part("summary", "", "The whole card"),
        part("pre", "", JSON.stringify(card, null, 1))));
  }
}

window.report = new Report(JSON.parse(document.getElementById("content").textContent));
