// Dragging a row onto another, by the browser's own drag and drop.

const OPEN_AFTER_MILLISECONDS = 600;

/** Calls dropped(id, onto) with onto null for the top level. */
export function enableDragging(tree, topDrop, dropped) {
  let dragged = null;
  let over = null;
  let opening = null;

  const rowAt = (event) => event.target.closest?.(".row")?.parentElement ?? null;
  const isTarget = (row) => dragged && row?.dataset.id && row !== dragged;

  function mark(target) {
    if (target === over) return;
    clearTimeout(opening);
    over?.classList.remove("over");
    over = target;
    over?.classList.add("over");
    const isClosed = over?.getAttribute?.("aria-expanded") === "false";
    if (isClosed) opening = setTimeout(() => tree.expand(target), OPEN_AFTER_MILLISECONDS);
  }

  function finish() {
    mark(null);
    dragged?.classList.remove("dragged");
    dragged = null;
    topDrop.hidden = true;
  }

  // Rows come and go; those that can be dragged are told so when the pointer gets near.
  tree.root.addEventListener("pointerover", (event) => {
    const row = rowAt(event);
    if (row?.dataset.id) row.firstElementChild.draggable = true;
  });
  tree.root.addEventListener("dragstart", (event) => {
    const row = rowAt(event);
    if (!row?.dataset.id) return;
    dragged = row;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", tree.name(row));
    // What is dragged is drawn at the end of this turn: change nothing before that.
    setTimeout(() => {
      dragged?.classList.add("dragged");
      topDrop.hidden = !dragged || tree.parent(dragged) === null;
    });
  });
  tree.root.addEventListener("dragover", (event) => {
    const row = rowAt(event);
    if (!isTarget(row)) return mark(null);
    event.preventDefault();
    event.dataTransfer.dropEffect = "move";
    mark(row);
  });
  tree.root.addEventListener("drop", (event) => {
    const row = rowAt(event);
    if (!isTarget(row)) return;
    event.preventDefault();
    const id = Number(dragged.dataset.id);
    finish();
    dropped(id, Number(row.dataset.id));
  });
  topDrop.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    mark(topDrop);
  });
  topDrop.addEventListener("drop", (event) => {
    if (!dragged) return;
    event.preventDefault();
    const id = Number(dragged.dataset.id);
    finish();
    dropped(id, null);
  });
  document.addEventListener("dragend", finish);
}
