/* The sections of a report, from its content as the server or the report's own file gives it. */
import { button, counted, part } from "./dom.js";
import { unpack } from "./packed.js";
import { scaleLegend, strip, timedStrip } from "./strip.js";

const WITHIN_PERSON = "Correlation (Pearson’s r) of the intensities, each person’s own mean taken off";
const OVER_FACES = "Correlation (Pearson’s r) of the intensities over all faces";
const JOINT = "Joint presence: percent of the faces that show both; on the diagonal, that show it at "
  + "all";

const note = (words) => part("p", "note", words);

export function section(title, ...children) {
  return part("section", "sheet", part("h2", "", title), ...children.filter(Boolean));
}

/* All sections about what was read; those that would be empty are left out. */
export function sections(content, store) {
  const isVideo = content.kind === "video";
  if (!content.totalFaces) {
    return [section("Summary", part("p", "", "No face was found: there is nothing to sum up.")),
      isVideo && gaps(content)].filter(Boolean);
  }
  return [
    !isVideo && faces(content, store),
    summary(content, store),
    isVideo && strips(store),
    peaks(content, store),
    together(content),
    isVideo && events(content, store),
    (isVideo || content.kind === "folder" && content.gaps.length) && gaps(content),
  ].filter(Boolean);
}

function auLabel(store, name) {
  const unit = store.aus.find((one) => one.name === name);
  return [part("span", "unit", name), " ", part("span", "title", unit?.title ?? "")];
}

function personName(store, id) {
  return part("h3", "", part("i", `dot ${store.classOf(id)}`), `Person ${id}`);
}

function head(...names) {
  return part("thead", "", part("tr", "", ...names.map(([words, className]) => {
    const cell = part("th", className ?? "", words);
    cell.scope = "col";
    return cell;
  })));
}

function rowHead(...children) {
  const cell = part("th", "", ...children);
  cell.scope = "row";
  return cell;
}

function bar(store, value) {
  const fill = part("i");
  fill.style.setProperty("--to", value / store.scale);
  return part("td", "bar", fill, value.toFixed(2));
}

/* Mean, largest intensity and where, percent present; of a single face its intensities alone. */
function summary(content, store) {
  const single = content.kind !== "video" && content.totalFaces === 1;
  const cards = content.summary.map((table) => {
    const rows = table.rows.map((row) => part("tr", "", rowHead(...auLabel(store, row.au)),
      bar(store, row.mean), ...(single ? [] : [part("td", "", row.max.toFixed(2)),
        part("td", "at", row.at), part("td", "", `${row.present}%`)])));
    const heads = single ? [["Action Unit"], ["intensity"]]
      : [["Action Unit"], ["mean"], ["max"], ["at", "at"], ["present"]];
    return part("div", "card", ...(table.person === undefined ? [] : [personName(store, table.person),
      note(`${counted(table.frames, "frame")}, mean confidence ${table.confidence.toFixed(2)}`)]),
      part("table", "summary", head(...heads), part("tbody", "", ...rows)));
  });
  return section(single ? "Intensities" : "Summary",
    part("div", content.kind === "video" ? "cards" : "cards images", ...cards),
    content.morePeople ? part("p", "", `${counted(content.morePeople, "person", "people")} seen for `
      + "a shorter time left out.") : null,
    single ? null : note(content.presentNote));
}

function strips(store) {
  const figures = store.shown.flatMap((id) => [
    ...(store.people.size > 1 ? [personName(store, id)] : []),
    timedStrip(store, id)]);
  return section("Heat strip", scaleLegend(store), ...figures);
}

/* Where each AU is strongest, with images or with the line that says why there are none. */
function peaks(content, store) {
  if (content.peaks.every((peak) => !peak.image)) {
    const rows = content.peaks.map((peak) => part("li", "", ...auLabel(store, peak.au),
      ` ${peak.intensity.toFixed(2)} – ${peak.where}`));
    return section("Peaks", content.noImages ? note(content.noImages) : null,
      part("ul", "list", ...rows));
  }
  const figures = content.peaks.map((peak) => {
    let image = part("div", "missing", "no image");
    if (peak.image) {
      image = part("img");
      image.src = peak.image;
      image.alt = `Face with the heatmap of ${peak.au}, ${peak.where}`;
    }
    return part("figure", "", image, part("figcaption", "",
      part("b", "", ...auLabel(store, peak.au)),
      part("span", "value", peak.intensity.toFixed(2)), part("br"), peak.where));
  });
  return section("Peaks", content.noImages ? note(content.noImages) : null,
    part("div", "peaks", ...figures));
}

function together(content) {
  const { aus, never, correlation, joint, note: reason } = content.together;
  const title = "Which Action Units go together";
  if (reason) return section(title, note(`Left out: ${reason}.`));
  if (!aus) return null;
  const words = content.kind === "video" ? WITHIN_PERSON : OVER_FACES;
  return section(title,
    part("div", "matrices", ...(correlation ? [matrix(aus, correlation, true, words)] : []),
      matrix(aus, joint, false, JOINT)),
    never.length ? note(`Never present, so left out: ${never.join(", ")}.`) : null);
}

/* A square table, coloured. signed: -1 to 1, else fractions from 0 to 1. */
function matrix(aus, values, signed, label) {
  const rows = values.map((row, i) => part("tr", "", rowHead(aus[i]),
    ...row.map((value, j) => cell(aus[i], aus[j], value, signed))));
  const heads = aus.map((au) => [au.slice(2)]);
  const table = part("table", "matrix", head([""], ...heads), part("tbody", "", ...rows));
  table.setAttribute("aria-label", label);
  table.style.setProperty("--columns", aus.length);
  return part("div", "", part("p", "above", label), part("div", "wide", table));
}

function cell(au, other, value, signed) {
  const made = part("td", "", "·");
  made.title = value === null ? `${au} with ${other}: does not vary` : `${au} with ${other}`;
  if (value === null) return made;
  const size = Math.abs(value);
  if (signed) {
    const digits = size.toFixed(2) === "1.00" ? "1" : size.toFixed(2).slice(1);
    made.textContent = `${value < 0 && digits !== ".00" ? "−" : ""}${digits}`;
  } else if (value) made.textContent = (100 * value).toFixed(0);
  made.className = signed ? value >= 0 ? "plus" : "minus" : "joint";
  made.classList.toggle("strong", size > 0.62);  // nearer to white than to black on a dark page
  made.style.setProperty("--by", size.toFixed(2));
  return made;
}

function events(content, store) {
  if (!content.events.length) return null;
  const several = store.people.size > 1;
  const rows = content.events.map(([person, au, onset, apex, offset, peak, complete]) => part("tr", "",
    rowHead(...auLabel(store, au)),
    ...(several ? [part("td", "", part("i", `dot ${store.classOf(person)}`), person)] : []),
    ...[onset, apex, offset].map((time) => part("td", "", time.toFixed(2))),
    part("td", "", (offset - onset).toFixed(2)), part("td", "", peak.toFixed(2)),
    part("td", "", complete ? "whole" : "cut off")));
  const heads = [["Action Unit"], ...(several ? [["person"]] : []),
    ...["onset", "apex", "offset", "lasts", "peak", "seen"].map((name) => [name])];
  const box = part("div", "scroll",
    part("table", "summary events", head(...heads), part("tbody", "", ...rows)));
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Events");
  return section("Events", box, note(content.eventsNote));
}

/* The stretches, or images, without a face. */
function gaps(content) {
  if (!content.gaps.length) return section("Without a face", part("p", "", "Every frame shows a face."));
  if (content.kind !== "video") {
    const names = content.gaps.flatMap(([first, last]) => content.names.slice(first - 1, last));
    return section("Without a face",
      part("ul", "list", ...names.map((name) => part("li", "", name))));
  }
  const rows = content.gaps.map(([first, last, start, end]) => part("tr", "",
    part("td", "", `${first}–${last}`),
    part("td", "", `${start.toFixed(2)}–${end.toFixed(2)} s`),
    part("td", "", `${(end - start).toFixed(2)} s`)));
  return section("Without a face", part("table", "summary stretches",
    head(["frames"], ["time"], ["length"]), part("tbody", "", ...rows)));
}

/* The grid of faces and AUs in images, and of very many faces a strip of all. */
function faces(content, store) {
  if (content.totalFaces === 1 && content.faces.length === 1) return null;
  const words = [note("One row for each face. Press the name of an Action Unit to sort "
    + "by it, again for the first order.")];
  let overview = null;
  if (content.overview) {
    words.push(note(`The first ${content.faces.length} rows are here; the strip has a column for `
      + `each of all ${content.totalFaces} faces.`));
    overview = strip(store, columns(content, store), `Intensities of ${content.totalFaces} faces`);
  }
  return section("Faces", scaleLegend(store), overview, grid(content, store), ...words);
}

function columns({ overview, totalFaces }, store) {
  const hundredths = unpack(overview, "u2"), many = store.aus.length;
  return store.aus.map((_, au) =>
    Array.from({ length: totalFaces }, (__, face) => hundredths[face * many + au] / 100));
}

function grid(content, store) {
  const heads = store.aus.map(({ name, title }) => {
    const sort = button("", name, () => sortBy(sort.closest("th")));
    sort.title = title;
    return [sort];
  });
  const rows = content.faces.map(({ name, face, intensities }) => {
    const file = part("span", "file", name);
    file.title = name;
    const who = rowHead(part("span", "who", ...(name ? [file] : []), part("span", "", face)));
    if (!intensities) {
      const empty = part("td", "empty", "no face");
      empty.colSpan = store.aus.length;
      return part("tr", "", who, empty);
    }
    return part("tr", "", who, ...intensities.map((intensity) => {
      const value = part("td", "", intensity.toFixed(2));
      [value.style.background, value.style.color] = store.colourOf(intensity);
      return value;
    }));
  });
  const table = part("table", "grid",
    head([content.kind === "folder" ? "Image" : "Face"], ...heads), part("tbody", "", ...rows));
  for (const cellOfAu of [...table.tHead.rows[0].cells].slice(1)) cellOfAu.ariaSort = "none";
  const box = part("div", "scroll", table);
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Faces and their intensities");
  return box;
}

/* Rows by the intensity in a column, the highest first; faces without one last. Again: as they came. */
function sortBy(headCell) {
  const table = headCell.closest("table"), body = table.tBodies[0];
  const back = headCell.ariaSort === "descending";
  table.rowsAsCame ??= [...body.rows];
  const intensity = (row) => Number(row.cells[headCell.cellIndex]?.textContent ?? NaN);
  const rows = [...table.rowsAsCame];
  if (!back) rows.sort((a, b) => (intensity(b) || -1) - (intensity(a) || -1));
  for (const other of headCell.parentElement.cells) if (other.ariaSort) other.ariaSort = "none";
  headCell.ariaSort = back ? "none" : "descending";
  body.replaceChildren(...rows);
}

export function pairs(lines) {
  return part("dl", "", ...lines.flatMap(([name, value]) =>
    [part("dt", "", name), part("dd", "", value)]));
}
