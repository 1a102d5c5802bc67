// What the apps answer, shown as it comes in.

import { lines, parsed } from "./http.js";

/** Ask, and replace each app's waiting section in *list*. Resolves with the total's element. */
export async function gather(list, path, query, signal) {
  list.setAttribute("aria-busy", "true");
  let total = null;
  await lines(
    path,
    query,
    ({ app, html }) => {
      if (app === undefined) total = parsed(html);
      else sectionOf(list, app)?.replaceWith(parsed(html));
    },
    signal,
  );
  list.setAttribute("aria-busy", "false");
  return total;
}

export function waitAgain(list) {
  for (const section of list.querySelectorAll("[data-app]")) {
    const waiting = document.createElement("p");
    waiting.className = "muted waiting";
    waiting.textContent = "Asking…";
    section.classList.remove("silent");
    section.replaceChildren(section.querySelector("h4"), waiting);
  }
}

function sectionOf(list, app) {
  return [...list.querySelectorAll("[data-app]")].find((section) => section.dataset.app === app);
}
