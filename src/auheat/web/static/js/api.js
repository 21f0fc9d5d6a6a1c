/* Talks to the server. Every failure becomes a Problem, whose message is for the person. */

export class Problem extends Error {}

const later = (seconds) => new Promise((resume) => { setTimeout(resume, 1000 * seconds); });

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem("The server does not answer: is `auheat serve` still running?");
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const error = new Problem(body.error || `The server answered ${answer.status}.`);
  error.status = answer.status;
  throw error;
}

const json = async (path, options) => (await ask(path, options)).json();
const place = (id) => `/api/sessions/${id}`;

export const about = () => json("/api/about");

/* Sends a file. Whoever comes while the server has no room tries again when it says, until `goesOn`
   says no. */
export async function upload(file, { goesOn, onWait }) {
  for (;;) {
    let answer;
    try {
      answer = await fetch("/api/sessions", {
        method: "POST", body: file, headers: { "X-File-Name": encodeURIComponent(file.name) },
      });
    } catch {
      throw new Problem("The file could not be sent to the server.");
    }
    const body = await answer.json().catch(() => ({}));
    if (answer.ok && !body.error) return body;
    if (answer.status !== 503 || !goesOn()) {
      throw new Problem(body.error || "The file could not be read.");
    }
    onWait(body.error);
    await later(Number(answer.headers.get("Retry-After")) || 2);
  }
}

export const status = (id, since) => json(`${place(id)}?since=${since}`);
export const stop = (id) => ask(`${place(id)}/stop`, { method: "POST" });
export const remove = (id) => ask(place(id), { method: "DELETE", keepalive: true });
export const startLive = () => json("/api/live", { method: "POST" });

/* Where something of a session is. baseline: a frame from 0 that is taken off, or null. */
export function address(id, what, baseline = null) {
  return `${place(id)}/${what}${baseline === null ? "" : `?baseline=${baseline + 1}`}`;
}

export const content = (id, baseline) => json(address(id, "content", baseline));

export async function bytes(path) {
  return new Uint8Array(await (await ask(path)).arrayBuffer());
}

/* One image of the webcam; gives the frame, and its heatmaps as bytes. */
export async function sendLive(id, blob, seconds) {
  const answer = await ask(`/api/live/${id}?t=${seconds.toFixed(3)}`,
    { method: "POST", body: blob });
  const buffer = await answer.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { ...head, maps: new Uint8Array(buffer, 4 + length) };
}
