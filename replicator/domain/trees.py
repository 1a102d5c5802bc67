"""How the replica of a tree changes. Source: docs/contract/, "Categories and values"."""

from collections.abc import Mapping, Set
from typing import Any

from catrelay.models import JournalEntry, ValuesDigest

Document = dict[str, Any]
"""A value as JSON has it."""


def by_category(last: Mapping[tuple[int, int], JournalEntry]) -> dict[int, dict[int, JournalEntry]]:
    """The last entry of each value, by category and value; values ascending."""
    found: dict[int, dict[int, JournalEntry]] = {}
    for category, value in sorted(last):
        found.setdefault(category, {})[value] = last[category, value]
    return found


def retired(last: Mapping[int, JournalEntry], known: Set[int]) -> list[tuple[int, int | None]]:
    """Of those values that are *known*, which are unavailable now, and where they were remapped.

    last: the last entry of each value of a category.
    """
    return [
        (value, entry.remapped_to)
        for value, entry in last.items()
        if entry.operation in ("remap", "inactivate") and value in known
    ]


def still_unclear(last: Mapping[int, JournalEntry], known: Set[int], *, limit: int) -> set[int]:
    """The values whose state only the ATS can tell: where in the tree they came back, no entry says.

    Nor does one say what a value was called that came and went unseen; of those, *limit* are worth a question at most.
    """
    back = {value for value, entry in last.items() if entry.operation in ("restore", "undo")}
    unseen = last.keys() - known - back
    return back | unseen if len(unseen) <= limit else back


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
