"""A category's tree as the editor looks at it: by id, page by page, by name."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from catrelay.models import CategoryValue

PAGE_VALUES = 200
"""Siblings that are shown at once. Pages start at its multiples, so that two pages never overlap."""

MAX_FOUND = 50


@dataclass(frozen=True)
class Page:
    """Some of the *total* siblings below *parent* (None: the roots), the first at position *start* (from 0)."""

    parent: int | None
    level: int
    start: int
    total: int
    values: tuple[CategoryValue, ...]


@dataclass(frozen=True)
class Found:
    """The best matches of a search, out of *total*."""

    values: tuple[CategoryValue, ...]
    total: int


class Tree:
    """The available values of a category. journal_seq: the journal entry as of which it holds, where that is known."""

    def __init__(self, roots: Sequence[CategoryValue], journal_seq: int | None = None) -> None:
        self.roots = tuple(roots)
        self.journal_seq = journal_seq
        self._values: dict[int, CategoryValue] = {}
        self._parents: dict[int, int | None] = {}
        pending: list[tuple[int | None, CategoryValue]] = [(None, root) for root in self.roots]
        while pending:
            parent, value = pending.pop()
            self._values[value.id] = value
            self._parents[value.id] = parent
            pending.extend((value.id, child) for child in value.values or ())

    def __len__(self) -> int:
        return len(self._values)

    def get(self, value: int | None) -> CategoryValue | None:
        """The value with this id, if it is available."""
        return None if value is None else self._values.get(value)

    def children(self, parent: int | None) -> tuple[CategoryValue, ...]:
        """The values directly below *parent*, in order; None: the roots."""
        return self.roots if parent is None else self._values[parent].values or ()

    def parent(self, value: int) -> int | None:
        """The id of the value above; None for a root."""
        return self._parents[value]

    def path(self, value: int) -> tuple[CategoryValue, ...]:
        """The values from the root down to and with *value*; empty when it is not available."""
        steps: list[CategoryValue] = []
        step: int | None = value if value in self._values else None
        while step is not None:
            steps.append(self._values[step])
            step = self._parents[step]
        return tuple(reversed(steps))

    def page(self, parent: int | None, *, start: int = 0, containing: int | None = None) -> Page:
        """The page of *parent*'s children from *start*, or the one with the child *containing* where there is it."""
        siblings = self.children(parent)
        if containing is not None:
            positions = (number for number, value in enumerate(siblings) if value.id == containing)
            start = next(positions, start)
        start -= start % PAGE_VALUES
        level = 1 if parent is None else len(self.path(parent)) + 1
        return Page(parent, level, start, len(siblings), siblings[start : start + PAGE_VALUES])

    def search(self, query: str) -> Found:
        """Values whose name contains *query*, however accented or cased, or whose code, externalId or id is it."""
        wanted = fold(query)
        ranked = [
            (rank, len(name), number, value)
            for number, (name, value) in enumerate(self._folded)
            if (rank := _rank(wanted, name, query.strip(), value)) is not None
        ]
        ranked.sort(key=lambda match: match[:3])
        return Found(tuple(match[3] for match in ranked[:MAX_FOUND]), len(ranked))

    def siblings(self, value: int) -> Found:
        """The values beside *value*: what it is most often merged into."""
        beside = [sibling for sibling in self.children(self.parent(value)) if sibling.id != value]
        return Found(tuple(beside[:MAX_FOUND]), len(beside))

    @cached_property
    def _folded(self) -> list[tuple[str, CategoryValue]]:
        return [(fold(value.name), value) for value in self._values.values()]


def fold(text: str) -> str:
    """*text* without case and combining marks, so that `maori` finds `Māori`."""
    decomposed = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _rank(wanted: str, name: str, exact: str, value: CategoryValue) -> int | None:
    if exact in {str(value.id), value.code, value.external_id} or name == wanted:
        return 0
    if not wanted:
        return None
    if name.startswith(wanted):
        return 1
    if f" {wanted}" in name:
        return 2
    return 3 if wanted in name else None
