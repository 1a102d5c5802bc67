"""How the replica of a tree changes. Source: docs/contract/, "Categories and values"."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
