/* Talks to the server. Every failure becomes a Problem, whose message is for the person. */

export class Problem extends Error {}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem("The server does not answer: is `auheat serve` still running?");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const error = new Problem(said.error || `The server answered ${answer.status}.`);
  error.status = answer.status;
  throw error;
}

const json = async (path, options) => (await ask(path, options)).json();
const place = (id) => `/api/sessions/${id}`;

export const about = () => json("/api/about");

/* Sends a file and tells how far it is; XMLHttpRequest, for fetch does not tell. */
export function upload(file, onShare) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/sessions");
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.responseType = "json";
    request.upload.onprogress = (event) => onShare(event.loaded / Math.max(event.total, 1));
    request.onerror = () => reject(new Problem("The file could not be sent to the server."));
    request.onload = () => request.status === 200 && !request.response?.error
      ? resolve(request.response)
      : reject(new Problem(request.response?.error || "The file could not be read."));
    request.send(file);
  });
}

export const status = (id, since) => json(`${place(id)}?since=${since}`);
export const stop = (id) => ask(`${place(id)}/stop`, { method: "POST" });
export const remove = (id) => ask(place(id), { method: "DELETE", keepalive: true });
export const startLive = () => json("/api/live", { method: "POST" });
export const address = (id, what) => `${place(id)}/${what}`;

export async function bytes(path) {
  return new Uint8Array(await (await ask(path)).arrayBuffer());
}

export async function picture(path) {
  return createImageBitmap(await (await ask(path)).blob());
}

/* One picture of the webcam; gives the frame, and its heatmaps as bytes. */
export async function sendLive(id, blob, seconds) {
  const answer = await ask(`/api/live/${id}?t=${seconds.toFixed(3)}`,
    { method: "POST", body: blob });
  const buffer = await answer.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { ...head, maps: new Uint8Array(buffer, 4 + length) };
}
