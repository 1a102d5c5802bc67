"""How the replica of a tree changes, and how it is nested. Source: docs/contract/, "Categories and values"."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catrelay.models import CategoryValue, JournalEntry


@dataclass(frozen=True)
class Changes:
    """What journal entries tell of the replica's values.

    values: new states. unclear: (category, value) whose new state only the ATS can tell.
    """

    values: tuple[tuple[int, CategoryValue], ...]
    unclear: frozenset[tuple[int, int]]


def changes(entries: Iterable[JournalEntry], known: Mapping[tuple[int, int], CategoryValue]) -> Changes:
    """What *entries*, ascending by seq, change. known: by (category, value), at least those that entries are about."""
    last = {(entry.category, entry.id): entry for entry in entries}
    states: list[tuple[int, CategoryValue]] = []
    unclear: set[tuple[int, int]] = set()
    for key, entry in last.items():
        value = known.get(key)
        if value is not None and entry.operation in ("remap", "inactivate"):
            gone = {"available": False, "parent": None, "remapped_to": entry.remapped_to}
            states.append((entry.category, value.model_copy(update=gone)))
        else:
            # Where in the tree a value came back, or what a value that was never seen is called, no entry says.
            unclear.add(key)
    return Changes(tuple(states), frozenset(unclear))


def flatten(roots: Iterable[CategoryValue]) -> list[CategoryValue]:
    """All nodes of a tree, without their nesting but with their *parent*."""
    found: list[CategoryValue] = []
    pending: list[tuple[CategoryValue, int | None]] = [(root, None) for root in roots]
    while pending:
        node, parent = pending.pop()
        found.append(node.model_copy(update={"parent": parent, "values": None}))
        pending.extend((child, node.id) for child in node.values or ())
    return found


def sibling_order(value: CategoryValue) -> tuple[bool, float, str, int]:
    """Sort key: those with a sequence first, ascending, then the others by case-folded name, then id."""
    if value.sequence is not None:
        return (False, value.sequence, "", value.id)
    return (True, 0, value.name.casefold(), value.id)


def tree(values: Iterable[CategoryValue]) -> list[dict[str, Any]]:
    """The nodes as JSON-ready documents: roots, each with its children under "values" when it has any.

    values: all available values of one category. One whose parent is not among them stands at the root: pings may
    bring a child before its parent.
    """
    ordered = sorted(values, key=sibling_order)
    documents = {value.id: value.to_document() for value in ordered}
    roots: list[dict[str, Any]] = []
    for value in ordered:
        parent = documents.get(value.parent) if value.parent is not None else None
        (roots if parent is None else parent.setdefault("values", [])).append(documents[value.id])
    return roots


def subtree(value: int, parents: Mapping[int, int | None]) -> set[int]:
    """*value* and all below it. parents: by value, of a whole category."""
    children: dict[int, list[int]] = {}
    for child, parent in parents.items():
        if parent is not None:
            children.setdefault(parent, []).append(child)
    found: set[int] = set()
    pending = [value]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(children.get(node, ()))
    return found
