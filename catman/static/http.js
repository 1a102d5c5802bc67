// Talking to the editor's server: parts of the page, answers that come line by line, changes.

const base = document.getElementById("editor").dataset.base;

/** What the server refused, as a sentence for people. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ? `${problem.title}. ${problem.detail}` : "The editor gave no answer. Try again.");
    this.status = status;
  }
}

function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return base + path + (text ? `?${text}` : "");
}

async function request(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, null);
  }
  if (response.ok) return response;
  if (response.status === 401) location.reload(); // the page itself leads to the sign-in
  throw new Refused(response.status, await response.json().catch(() => null));
}

/** The first element of the HTML that the server rendered. */
export async function part(path, query, signal) {
  const response = await request(address(path, query), { signal });
  return parsed(await response.text());
}

/** Calls *take* with each line of the answer, parsed, as soon as it is there. */
export async function lines(path, query, take, signal) {
  const response = await request(address(path, query), { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const complete = (rest + (value ?? "")).split("\n");
    rest = complete.pop();
    complete.filter(Boolean).forEach((line) => take(JSON.parse(line)));
    if (done) return;
  }
}

export async function change(body) {
  const response = await request(address("/changes"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

/** Server-rendered HTML as an element. All text in it was escaped or sanitised by the server. */
export function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}
