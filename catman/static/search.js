// A search box over a list of results.

import { part } from "./http.js";

const PAUSE_MILLISECONDS = 150;

/**
 * Fill *list* with what matches *input*. near: an id whose neighbours are shown while nothing is typed.
 * Calls changed(isSearching) whenever the list was filled, chosen(id) when a result is taken.
 */
export function searchBox(input, list, status, { near = () => null, changed = () => {}, chosen }) {
  let controller = null;
  let pause = null;

  async function search() {
    controller?.abort();
    controller = new AbortController();
    const query = input.value;
    if (!query.trim() && !near()) {
      list.replaceChildren();
      status.textContent = "";
      changed(false);
      return;
    }
    try {
      const found = await part("/search", { q: query, near: near() }, controller.signal);
      list.replaceChildren(found);
      status.textContent = query.trim() ? `${found.dataset.count} of ${found.dataset.total} results` : "";
      changed(true);
    } catch (error) {
      if (error.name === "AbortError") return;
      status.textContent = error.message;
      const message = document.createElement("p");
      message.className = "error";
      message.textContent = error.message;
      list.replaceChildren(message);
      changed(true);
    }
  }

  const results = () => [...list.querySelectorAll("button[data-id]")];
  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(search, PAUSE_MILLISECONDS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
    if (event.key === "ArrowDown" && results().length) {
      event.preventDefault();
      results()[0].focus();
    }
  });
  list.addEventListener("keydown", (event) => {
    const all = results();
    const position = all.indexOf(document.activeElement);
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    (all[position + (event.key === "ArrowDown" ? 1 : -1)] ?? (event.key === "ArrowUp" ? input : all[position]))?.focus();
  });
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-id]");
    if (button) chosen(Number(button.dataset.id));
  });

  /** Nothing is searched for any more. */
  function clear() {
    clearTimeout(pause);
    controller?.abort();
    input.value = "";
    list.replaceChildren();
    status.textContent = "";
    changed(false);
  }

  return { search, clear };
}
