/* All Action Units over time, or over many faces, as colours. */
import { part } from "./dom.js";
import { markTimes } from "./ticks.js";

const COLUMNS = 800;

/* Mean intensities of a person in equal stretches of time: A rows of numbers, null where unseen.
   A stretch in which no frame begins shows the frame that is still there. */
export function binned(store, id, columns = Math.min(store.count, COLUMNS)) {
  const rows = store.aus.map(() => new Array(columns).fill(null));
  let frame = 0;
  for (let column = 0; column < columns; column += 1) {
    const stop = (column + 1) / columns * store.end - 1e-9;
    const first = frame;
    while (frame < store.count && store.times[frame] < stop) frame += 1;
    const frames = frame > first ? [first, frame] : [first - 1, first];
    rows.forEach((row, au) => {
      let sum = 0, seen = 0;
      for (let i = Math.max(frames[0], 0); i < frames[1]; i += 1) {
        const intensity = store.intensity(id, au, i);
        if (intensity === null) continue;
        sum += intensity;
        seen += 1;
      }
      row[column] = seen ? sum / seen : null;
    });
  }
  return rows;
}

export function strip(store, rows, label) {
  const canvas = part("canvas");
  canvas.width = rows[0].length;
  canvas.height = rows.length;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const pen = canvas.getContext("2d");
  rows.forEach((row, y) => row.forEach((intensity, x) => {
    if (intensity === null) return;
    [pen.fillStyle] = store.colourOf(intensity);
    pen.fillRect(x, y, 1, 1);
  }));
  const names = part("div", "names", ...store.aus.map(({ name }) => part("span", "", name)));
  names.setAttribute("aria-hidden", "true");
  const figure = part("figure", "strip", names, canvas);
  figure.style.setProperty("--rows", rows.length);
  return figure;
}

/* A strip of a person over time, with the time below it. */
export function timedStrip(store, id) {
  const figure = strip(store, binned(store, id), `Intensities of person ${id} over time`);
  const ticks = part("div", "ticks");
  ticks.setAttribute("aria-hidden", "true");
  figure.classList.add("timed");
  figure.append(ticks);
  new ResizeObserver(() => markTimes(store, ticks)).observe(ticks);
  return figure;
}

export function scaleLegend(store) {
  return part("p", "scale", "0 ", part("i"), ` ${store.scale}`);
}
