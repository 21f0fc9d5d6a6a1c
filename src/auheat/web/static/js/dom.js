/* Makes elements. Texts are set as text, never as markup. */

export function part(kind, className = "", ...children) {
  const made = document.createElement(kind);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function shape(kind, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function button(className, words, onClick) {
  const made = part("button", className, words);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

export const counted = (number, thing, many = `${thing}s`) =>
  `${number} ${number === 1 ? thing : many}`;

export function clockText(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = seconds - 60 * minutes;
  return minutes ? `${minutes}:${rest.toFixed(1).padStart(4, "0")}` : `${rest.toFixed(2)} s`;
}
