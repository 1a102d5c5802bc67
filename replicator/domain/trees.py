"""How the replica of a tree changes. Source: docs/contract/, "Categories and values"."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catrelay.models import JournalEntry, ValuesDigest

Document = dict[str, Any]
"""A value as JSON has it."""


@dataclass(frozen=True)
class Changes:
    """What journal entries tell of the replica's values.

    values: new states, by category. unclear: (category, value) whose new state only the ATS can tell.
    """

    values: Mapping[int, Sequence[Document]]
    unclear: frozenset[tuple[int, int]]


def changes(entries: Iterable[JournalEntry], known: Mapping[tuple[int, int], Document]) -> Changes:
    """What *entries*, ascending by seq, change. known: by (category, value), at least those that entries are about."""
    last = {(entry.category, entry.id): entry for entry in entries}
    states: dict[int, list[Document]] = {}
    unclear: set[tuple[int, int]] = set()
    for key, entry in last.items():
        value = known.get(key)
        if value is not None and entry.operation in ("remap", "inactivate"):
            gone = {name: member for name, member in value.items() if name not in ("parent", "remappedTo")}
            target = {} if entry.remapped_to is None else {"remappedTo": entry.remapped_to}
            states.setdefault(entry.category, []).append({**gone, "available": False, **target})
        else:
            # Where in the tree a value came back, or what a value that was never seen is called, no entry says.
            unclear.add(key)
    return Changes(states, frozenset(unclear))


def differing_branches(
    mine: ValuesDigest, theirs: ValuesDigest, values: Mapping[int, Document]
) -> tuple[list[int], set[int]]:
    """The branches of theirs that are not as mine, and the values of mine that may be elsewhere or gone.

    values: mine, by id.
    """
    here = {branch.id: branch for branch in mine.branches}
    there = {branch.id: branch for branch in theirs.branches}
    roots = sorted(branch for branch in there if there[branch] != here.get(branch))
    suspects = {branch for branch in here if here[branch] != there.get(branch)}
    below = set(suspects)
    children: dict[int, list[int]] = {}
    for value, document in values.items():
        if "parent" in document:
            children.setdefault(document["parent"], []).append(value)
    while suspects:
        suspects = {child for value in suspects for child in children.get(value, ())} - below
        below |= suspects
    return roots, below


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
