// The page: tree, search, details and dialogs put together.

import { Details } from "./details.js";
import { openAdding, openPicker, openPreview } from "./dialogs.js";
import { enableDragging } from "./drag.js";
import { searchBox } from "./search.js";
import { hush, say, saying } from "./toast.js";
import { isGap, Tree } from "./tree.js";

const canChange = document.getElementById("editor").dataset.changeable === "yes";
const tree = new Tree(document.getElementById("tree"));
const details = new Details(document.getElementById("details"));
const find = document.getElementById("find");
const found = document.getElementById("found");

// Looking

async function look(id, { focus = false } = {}) {
  tree.select(tree.row(id));
  history.replaceState(null, "", `#${id}`);
  await details.show(id, { focus });
}

const show = saying(look);

const reveal = saying(async (id, { focus = true } = {}) => {
  await details.show(id);
  finder.clear();
  const row = await tree.reveal(details.path);
  if (!row) return;
  tree.select(row);
  history.replaceState(null, "", `#${id}`);
  if (focus) tree.focus(row);
  tree.scrollTo(row, "center");
});

function showFound(isSearching) {
  found.hidden = !isSearching;
  document.getElementById("tree-scroller").hidden = isSearching;
}

function backToTree() {
  const row = tree.row(details.id);
  details.clear();
  tree.select(null);
  history.replaceState(null, "", location.pathname);
  if (row) tree.focus(row);
}

const finder = searchBox(find, found, document.getElementById("found-count"), {
  changed: showFound,
  chosen: (id) => reveal(id),
});
find.addEventListener("search", () => {
  if (!find.value) showFound(false);
});
tree.addEventListener("choose", ({ detail }) => show(Number(detail.id), { focus: detail.byKey }));
tree.addEventListener("refused", ({ detail }) => say(detail.message));
details.addEventListener("reveal", ({ detail }) => reveal(detail));
details.addEventListener("close", backToTree);

// Changing

/** Show the tree as it is after a change, look at the value concerned, and say what happened. */
async function done(answer) {
  try {
    await showChange(answer);
    say(answer.message);
  } catch {
    say(`${answer.message} Reload the page to see it.`);
  }
}

async function showChange({ howMany, lists, path }) {
  if (howMany) document.getElementById("how-many").textContent = howMany;
  finder.clear();
  const here = tree.current?.dataset.id;
  const beside = neighbour(tree.current);
  for (const list of lists) await tree.refresh(list, path.at(-1));
  const row = await tree.reveal(path);
  if (row) {
    tree.focus(row);
    await look(Number(row.dataset.id));
  } else {
    details.clear();
    const next = tree.row(here) ?? tree.row(beside) ?? tree.current;
    if (next) tree.focus(next);
  }
}

/** The id of the row to go to when *row* goes away. */
function neighbour(row) {
  const rows = tree.visible();
  const position = rows.indexOf(row);
  return (rows[position + 1] ?? rows[position - 1])?.dataset.id;
}

/** Show what there is by now: somebody else changed it. */
async function stale() {
  await tree.refreshOpen();
  if (details.id) await details.show(details.id);
}

const preview = saying(async (asked) => {
  hush();
  try {
    await openPreview({ ...asked, done, stale });
  } catch (error) {
    if (error.status === 404) await stale();
    throw error;
  }
});

const drop = (value, onto) => preview({ value, onto });

const retire = (value) => preview({ value, retire: true });

const move = saying(async () => {
  const value = details.id;
  const isRoot = details.path.length === 1;
  await openPicker({ value, name: details.name, isRoot, chosen: (onto) => drop(value, onto) });
});

// A dialog gives the focus back to what opened it. That may be gone.
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => {
    if (document.activeElement === document.body) (found.hidden ? tree.current : find)?.focus();
  });
}

const rename = saying(async (id) => {
  await look(id);
  details.startRenaming();
});

if (canChange) {
  enableDragging(tree, document.getElementById("top-drop"), drop);
  document.getElementById("add-root").addEventListener("click", () => openAdding({ done }));
  details.addEventListener("add", () => openAdding({ parent: details.id, name: details.name, done }));
  details.addEventListener("move", move);
  details.addEventListener("retire", () => retire(details.id));
  details.addEventListener("done", ({ detail }) => done(detail));
  tree.root.addEventListener("keydown", pressed);
}

// The same by keyboard: take a value, drop it on another.

let taken = null;

function take(row) {
  tree.root.querySelector(".taken")?.classList.remove("taken");
  taken = row ? Number(row.dataset.id) : null;
  row?.classList.add("taken");
}

function pressed(event) {
  const row = event.target;
  if (row.getAttribute("role") !== "treeitem" || isGap(row)) return;
  const id = Number(row.dataset.id);
  const withControl = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  const key = event.key.toLowerCase();
  if (withControl && key === "x") {
    take(row);
    say(`Took “\u2068${tree.name(row)}\u2069”. Go to another value and press Control V to drop it there, or Escape to leave it.`);
  } else if (withControl && key === "v" && taken !== null && taken !== id) {
    const value = taken;
    take(null);
    drop(value, id);
  } else if (event.key === "Escape" && taken !== null) {
    take(null);
    say("Left where it was.");
  } else if (event.key === "F2") {
    rename(id);
  } else if (event.key === "Delete") {
    retire(id);
  } else return;
  event.preventDefault();
}

// An address with a value's id opens it.

const linked = Number(location.hash.slice(1));
if (Number.isSafeInteger(linked) && linked > 0) reveal(linked, { focus: false });
