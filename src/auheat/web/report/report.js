"use strict";
/* Switches for Action Units and people, a cursor over the curves that tells their values, and the
   order of the grid of photos. */
const lanes = document.querySelector(".lanes");
const boxes = [...document.querySelectorAll(".switches input")];

function apply() {
  for (const box of boxes) {
    const picked = box.name === "au"
      ? document.querySelectorAll(`.lane[data-au="${box.value}"]`)
      : document.querySelectorAll(`.plot path[data-person="${box.value}"]`);
    for (const part of picked) part.style.display = box.checked ? "" : "none";
  }
}

function setAll(checked) {
  for (const box of boxes) if (box.name === "au") box.checked = checked;
  apply();
}

/* The runs of points of a path, as [x, y] from 0 to 1000 and from 5 to 0. */
function runs(path) {
  return path.getAttribute("d").split("M").filter(Boolean).map((run) =>
    run.trim().split("L").map((point) => point.split(" ").map(Number)));
}

function valueAt(path, x) {
  for (const run of path.runs ??= runs(path)) {
    if (x < run[0][0] - 1 || x > run.at(-1)[0] + 1) continue;
    const after = Math.max(run.findIndex((point) => point[0] >= x), 0);
    const before = Math.max(after - 1, 0);
    const near = x - run[before][0] < run[after][0] - x ? before : after;
    return 5 - run[near][1] / 20;
  }
  return null;
}

let at = 0;

/* An arrow key moves the cursor by a frame, with Shift by ten. */
function step(event) {
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
  const { end, step: frame } = lanes.dataset;
  const by = way * (event.shiftKey ? 10 : 1) * frame / end;
  const plot = [...lanes.querySelectorAll(".plot")].find((one) => one.clientWidth);
  if (plot) show(Math.min(Math.max(at + by, 0), 1), plot);
  event.preventDefault();
}

function show(share, plot) {
  const seconds = (share * Number(lanes.dataset.end)).toFixed(2);
  const from = plot.getBoundingClientRect().left - lanes.getBoundingClientRect().left;
  now.style.left = `${from + share * plot.clientWidth}px`;
  now.hidden = false;
  now.classList.toggle("late", share > 0.9);
  at = share;
  now.dataset.time = `${seconds} s`;
  for (const lane of lanes.querySelectorAll(".lane")) {
    const values = [...lane.querySelectorAll("path")]
      .filter((path) => path.style.display !== "none")
      .map((path) => [path, valueAt(path, share * 1000)])
      .filter(([, value]) => value !== null);
    lane.querySelector("output").replaceChildren(...values.map(([path, value]) => {
      const span = document.createElement("span");
      span.className = path.getAttribute("class");
      span.textContent = value.toFixed(2);
      return span;
    }));
  }
}

const now = document.createElement("div");
now.className = "now";
now.hidden = true;
if (lanes) {
  lanes.append(now);
  lanes.addEventListener("keydown", step);
  lanes.addEventListener("pointermove", (event) => {
    const plot = event.target.closest(".plot");
    if (!plot) return;
    const box = plot.getBoundingClientRect();
    show(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1), plot);
  });
}
/* Rows by the level in a column, the highest first; faces without one last. Again: as they came. */
function sortBy(head) {
  const table = head.closest("table"), body = table.tBodies[0];
  const back = head.ariaSort === "descending";
  table.rowsAsCame ??= [...body.rows];
  const level = (row) => Number(row.cells[head.cellIndex]?.textContent ?? NaN);
  const rows = [...table.rowsAsCame];
  if (!back) rows.sort((a, b) => (level(b) || -1) - (level(a) || -1));
  for (const other of head.parentElement.cells) if (other.ariaSort) other.ariaSort = "none";
  head.ariaSort = back ? "none" : "descending";
  body.replaceChildren(...rows);
}

for (const button of document.querySelectorAll(".grid button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}
for (const box of boxes) box.addEventListener("change", apply);
document.getElementById("all")?.addEventListener("click", () => setAll(true));
document.getElementById("none")?.addEventListener("click", () => setAll(false));
