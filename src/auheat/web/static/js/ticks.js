/* The marks of a time axis, which curves and heat strips share. */
import { part } from "./dom.js";

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
const WIDTH = 70;  // pixels from mark to mark at least

/* Puts marks from 0 to the end of a store's time into a box that is as wide as that time. */
export function markTimes(store, box) {
  const { end, count } = store;
  const most = Math.max(box.clientWidth / WIDTH, 2);
  const step = STEPS.find((length) => end / length <= most) ?? STEPS.at(-1);
  const marks = [];
  for (let t = 0; count > 1 && t < end * 0.97; t += step) {
    const mark = part("span", "", t < 60 ? `${Number(t.toFixed(1))} s`
      : `${Math.floor(t / 60)}:${String(Math.round(t % 60)).padStart(2, "0")}`);
    mark.style.left = `${t / end * 100}%`;
    marks.push(mark);
  }
  box.replaceChildren(...marks);
}
