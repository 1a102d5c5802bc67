// The tree widget: pages of siblings, keyboard and selection. After the ARIA Authoring Practices' tree view.
//
// A list of siblings is loaded in pages. What is not loaded is represented by gaps: rows that load it when activated.

import { part } from "./http.js";

const PAGE = 200;
const TYPE_AHEAD_MILLISECONDS = 700;
const number = new Intl.NumberFormat("en");

export class Tree extends EventTarget {
  constructor(root) {
    super();
    this.root = root;
    this.typed = "";
    this.complete(root, 1);
    const first = root.querySelector("li");
    if (first) first.tabIndex = 0;
    root.addEventListener("click", (event) => this.clicked(event));
    root.addEventListener("keydown", (event) => this.pressed(event));
    root.addEventListener("focusin", (event) => this.rove(event.target.closest("[role=treeitem]")));
  }

  row(id) {
    return document.getElementById(`v${id}`);
  }

  get current() {
    return this.root.querySelector('[role=treeitem][tabindex="0"]');
  }

  name(row) {
    return row.querySelector(":scope > .row > .name").textContent;
  }

  parent(row) {
    return row.parentElement === this.root ? null : row.parentElement.closest("[role=treeitem]");
  }

  // Pages and gaps

  async load(parent, query) {
    return part("/children", { parent: parent?.dataset.id, ...query });
  }

  /** Make gaps for what the list's only loaded page leaves out. */
  complete(list, level) {
    const start = Number(list.dataset.start);
    const end = start + list.children.length;
    const total = Number(list.dataset.total);
    if (start > 0) list.prepend(gap(0, start, level));
    if (end < total) list.append(gap(end, total, level));
  }

  /** Put a loaded page in place of the gap that it is in. */
  place(list, page) {
    const start = Number(page.dataset.start);
    const within = (item) => Number(item.dataset.start) <= start && start < Number(item.dataset.end);
    const old = [...list.querySelectorAll(":scope > .gap")].find(within);
    if (!old) return;
    const level = Number(old.getAttribute("aria-level"));
    const rows = [...page.children];
    const end = start + rows.length;
    const before = start > Number(old.dataset.start) ? [gap(Number(old.dataset.start), start, level)] : [];
    const after = end < Number(old.dataset.end) ? [gap(end, Number(old.dataset.end), level)] : [];
    old.replaceWith(...before, ...rows, ...after);
  }

  /** Load the rows that the gap *item* stands for, at the wish of a person. */
  fill(item) {
    return this.attempt(this.parent(item), () => this.fillGap(item));
  }

  async fillGap(item) {
    const page = await this.load(this.parent(item), { start: item.dataset.start });
    const list = item.parentElement;
    const first = page.firstElementChild;
    this.place(list, page);
    if (first?.isConnected) this.focus(first);
  }

  /** Open *row* at the wish of a person. */
  expand(row) {
    return this.attempt(row, () => this.open(row));
  }

  /** Fetch what is below *row* (null: the roots). A failure is told, and a row that is gone is taken away. */
  async attempt(row, act) {
    try {
      await act();
    } catch (error) {
      this.dispatchEvent(new CustomEvent("refused", { detail: error }));
      if (error.status !== 404 || !row) return;
      const above = this.parent(row);
      await this.attempt(above, () => this.refresh(Number(above?.dataset.id ?? 0)));
    }
  }

  async open(row) {
    if (!row.hasAttribute("aria-expanded")) return;
    if (!row.querySelector(":scope > ul")) {
      row.classList.add("loading");
      try {
        this.attach(row, await this.load(row));
      } finally {
        row.classList.remove("loading");
      }
    }
    row.setAttribute("aria-expanded", "true");
  }

  close(row) {
    if (row.contains(this.current) && this.current !== row) this.rove(row);
    row.setAttribute("aria-expanded", "false");
  }

  attach(row, page) {
    page.setAttribute("role", "group");
    this.complete(page, Number(row.getAttribute("aria-level")) + 1);
    row.querySelector(":scope > ul")?.remove();
    row.append(page);
  }

  /** Open whatever is above the last of *path* (ids from a root down), and return its row. */
  async reveal(path) {
    let parent = null;
    for (const id of path) {
      const known = this.row(id);
      const isElsewhere = known && this.parent(known) !== parent;
      if (isElsewhere) known.remove(); // somebody moved it since
      const row = isElsewhere || !known ? await this.fetch(parent, id) : known;
      if (!row) return parent;
      if (parent) parent.setAttribute("aria-expanded", "true");
      parent = row;
    }
    return parent;
  }

  /** The row of the value *id* below *parent* (null: the roots), which is not there yet. */
  async fetch(parent, id) {
    const list = parent ? parent.querySelector(":scope > ul") : this.root;
    if (list) this.place(list, await this.load(parent, { containing: id }));
    // Not in a gap: somebody put it there since the list was fetched.
    if (!this.row(id)) await this.refresh(Number(parent?.dataset.id ?? 0), id);
    return this.row(id);
  }

  /** Fetch anew whatever is open. */
  async refreshOpen() {
    const open = [...this.root.querySelectorAll("[aria-expanded=true]")].map((row) => Number(row.dataset.id));
    for (const id of [0, ...open]) await this.refresh(id);
  }

  /** Fetch anew the values below *id* (0: the roots), leaving open what is open. containing: show the page with it. */
  async refresh(id, containing) {
    const row = id ? this.row(id) : null;
    if (id && !row) return;
    const beside = this.current && this.parent(this.current) === row ? this.current.dataset.id : null;
    const page = await this.load(row, { containing: containing ?? beside });
    const total = Number(page.dataset.total);
    const list = row ? row.querySelector(":scope > ul") : this.root;
    const kept = { current: this.current?.id, selected: this.selected?.id, focused: this.root.contains(document.activeElement) };
    const opened = new Map([...(list?.children ?? [])].filter(isOpen).map((item) => [item.id, item.lastElementChild]));
    for (const item of page.children) {
      if (!opened.has(item.id) || !item.hasAttribute("aria-expanded")) continue;
      item.append(opened.get(item.id));
      item.setAttribute("aria-expanded", "true");
    }
    if (row) this.refreshBelow(row, page, total);
    else this.refreshRoots(page, total);
    this.restore(kept, row ?? this.root.firstElementChild);
  }

  /** Focus and selection where they were, or at *instead* where that is gone. */
  restore({ current, selected, focused }, instead) {
    const row = document.getElementById(current) ?? instead;
    if (row && focused) this.focus(row);
    else this.rove(row);
    this.select(document.getElementById(selected));
  }

  refreshBelow(row, page, total) {
    const count = row.querySelector(":scope > .row > .count");
    count.textContent = number.format(total);
    count.hidden = total === 0;
    if (total === 0) {
      row.querySelector(":scope > ul")?.remove();
      row.removeAttribute("aria-expanded");
      return;
    }
    if (!row.hasAttribute("aria-expanded")) row.setAttribute("aria-expanded", "false");
    this.attach(row, page);
  }

  refreshRoots(page, total) {
    this.root.dataset.start = page.dataset.start;
    this.root.dataset.total = page.dataset.total;
    this.root.replaceChildren(...page.children);
    this.complete(this.root, 1);
    this.root.hidden = total === 0;
    document.getElementById("empty").hidden = total !== 0;
  }

  // Focus and selection

  rove(row) {
    if (!row) return;
    const current = this.current;
    if (current) current.tabIndex = -1;
    row.tabIndex = 0;
  }

  focus(row) {
    this.rove(row);
    row.focus({ preventScroll: true });
    this.scrollTo(row, "nearest");
  }

  scrollTo(row, block) {
    row.querySelector(":scope > .row").scrollIntoView({ block });
  }

  get selected() {
    return this.root.querySelector("[aria-selected=true]");
  }

  select(row) {
    this.selected?.setAttribute("aria-selected", "false");
    row?.setAttribute("aria-selected", "true");
  }

  /** The rows that can be seen, from top to bottom. */
  visible() {
    return [...this.root.querySelectorAll("[role=treeitem]")].filter((row) => row.getClientRects().length > 0);
  }

  // Events

  clicked(event) {
    const row = event.target.closest("[role=treeitem]");
    if (!row) return;
    if (isGap(row)) this.fill(row);
    else if (event.target.closest(".twisty")) this.toggle(row);
    else this.choose(row, false);
  }

  toggle(row) {
    this.focus(row);
    if (isOpen(row)) this.close(row);
    else this.expand(row);
  }

  choose(row, byKey) {
    this.focus(row);
    this.dispatchEvent(new CustomEvent("choose", { detail: { id: row.dataset.id, byKey } }));
  }

  pressed(event) {
    const row = event.target;
    if (row.getAttribute("role") !== "treeitem" || event.altKey || event.metaKey || event.ctrlKey) return;
    const handled = this.moved(row, event.key) || this.acted(row, event.key) || this.typeAhead(row, event.key);
    if (handled) event.preventDefault();
  }

  moved(row, key) {
    const rtl = getComputedStyle(this.root).direction === "rtl";
    const [forward, back] = rtl ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
    const rows = () => this.visible();
    const go = (target) => {
      if (target) this.focus(target);
      return true;
    };
    switch (key) {
      case "ArrowDown":
        return go(rows()[rows().indexOf(row) + 1]);
      case "ArrowUp":
        return go(rows()[rows().indexOf(row) - 1]);
      case "Home":
        return go(rows()[0]);
      case "End":
        return go(rows().at(-1));
      case forward:
        if (isOpen(row)) return go(row.querySelector("[role=treeitem]"));
        this.expand(row);
        return true;
      case back:
        if (isOpen(row)) this.close(row);
        else go(this.parent(row));
        return true;
      default:
        return false;
    }
  }

  acted(row, key) {
    if (key !== "Enter" && key !== " ") return false;
    if (key === " " && this.typed) return false; // a space within a name being typed
    if (isGap(row)) this.fill(row);
    else this.choose(row, true);
    return true;
  }

  typeAhead(row, key) {
    if ([...key].length !== 1) return false;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => (this.typed = ""), TYPE_AHEAD_MILLISECONDS);
    this.typed += fold(key);
    const rows = this.visible().filter((item) => !isGap(item));
    // A single letter, or the same again, goes on to the next; more letters narrow down where one is.
    const repeated = [...this.typed].every((letter) => letter === this.typed[0]);
    const wanted = repeated ? this.typed[0] : this.typed;
    const from = rows.indexOf(row) + (repeated ? 1 : 0);
    const match = [...rows.slice(from), ...rows.slice(0, from)].find((item) => fold(this.name(item)).startsWith(wanted));
    if (match) this.focus(match);
    return true;
  }
}

export function isGap(row) {
  return row.classList.contains("gap");
}

function isOpen(row) {
  return row.getAttribute("aria-expanded") === "true";
}

function gap(start, end, level) {
  const item = document.createElement("li");
  item.className = "gap";
  item.tabIndex = -1;
  Object.assign(item.dataset, { start, end });
  item.setAttribute("role", "treeitem");
  item.setAttribute("aria-level", level);
  item.setAttribute("aria-selected", "false");
  const row = document.createElement("div");
  row.className = "row";
  const name = document.createElement("span");
  name.className = "name";
  const last = Math.min(start + PAGE, end);
  const more = end > last ? ` (of ${number.format(end - start)} not shown)` : "";
  name.textContent = `Show ${number.format(last - start)} more${more}`;
  row.append(name);
  item.append(row);
  return item;
}

function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}
