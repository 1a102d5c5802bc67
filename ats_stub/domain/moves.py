"""Where links are while remaps are under way. Source: docs/contract/, "Remap", "Undo".

A remap is a switch and a move. From the switch on, everything that is read says that the objects are at the target; the
stored links follow in pieces. Meanwhile the pending moves say where a stored link really is.

A link carries the *trail* of the remaps that moved it and were not taken back: its receipt. An undo moves the links
whose trail ends with the remap it takes back.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

PIECE_SECONDS = 0.03
"""How long a piece of a move should take: whoever else writes may have to wait for it."""

MIN_PIECE, MAX_PIECE = 500, 10_000
"""How many objects a piece may be made to be about."""

Trail = tuple[int, ...]
"""The seq of each remap that moved a link and was not taken back, oldest first."""


@dataclass(frozen=True)
class Move:
    """A move of all links that are at *source*.

    seq: the journal entry's. target: a value or, for links that are lost, -seq. before: links with an id from here on
    were made after the switch and stay. undoes: the remap that is taken back: only links that it moved last move.
    """

    seq: int
    category: int
    source: int
    target: int
    before: int
    at: datetime
    undoes: int | None = None


@dataclass(frozen=True)
class Stretch:
    """Stored links that all pending moves treat alike, and where they really are.

    They are stored at *value*; have an id from *since* on and below *before*; have a trail that ends with *end*, and
    with none of *other_ends*. place: the value they are really at. moved: the last move that they still have to make.
    """

    value: int
    since: int = 0
    before: int | None = None
    end: Trail = ()
    other_ends: frozenset[Trail] = frozenset()
    place: int = 0
    moved: Move | None = None
    pushed: Trail = ()

    def has(self, link: int, trail: Trail) -> bool:
        """Whether a link that is stored at *value* is one of them."""
        return (
            self.since <= link
            and (self.before is None or link < self.before)
            and _ends_with(trail, self.end)
            and not any(_ends_with(trail, other) for other in self.other_ends)
        )


class Moving:
    """The moves that a tenant's stored links still have to make. pending: ascending by seq."""

    def __init__(self, pending: Sequence[Move]) -> None:
        self._stretches: dict[int, list[Stretch]] = {}
        for stretch in _stretches(pending):
            self._stretches.setdefault(stretch.value, []).append(stretch)

    def stretch_of(self, value: int, link: int, trail: Trail) -> Stretch | None:
        """The stretch of a stored link; None when no move begins where it is stored."""
        return next((each for each in self._stretches.get(value, ()) if each.has(link, trail)), None)

    @property
    def stretches(self) -> Iterator[Stretch]:
        """All of them, those that stay where they are stored included."""
        return (stretch for stretches in self._stretches.values() for stretch in stretches)


def next_size(size: int, objects: int, seconds: float) -> int:
    """How many objects the next piece is about after one that took so long, and for how many *objects* it did.

    size: how many it was to be about. When there were not as many, their time tells nothing of *size*.
    """
    if objects < size:
        return size
    factor = min(max(PIECE_SECONDS / seconds, 0.5), 1.5)
    return min(max(round(size * factor), MIN_PIECE), MAX_PIECE)


def _stretches(pending: Sequence[Move]) -> list[Stretch]:
    stretches = [Stretch(value, place=value) for value in dict.fromkeys(move.source for move in pending)]
    for move in pending:
        stretches = [after for stretch in stretches for after in _applied(move, stretch)]
    return stretches


def _applied(move: Move, stretch: Stretch) -> Iterable[Stretch]:
    """What *move* makes of *stretch*: itself, or moved, or both when it is about a part of them."""
    if stretch.place != move.source:
        return [stretch]
    return _taken_back(move, stretch) if move.undoes is not None else _moved(move, stretch)


def _moved(move: Move, stretch: Stretch) -> Iterable[Stretch]:
    moved = replace(stretch, place=move.target, moved=move, pushed=(*stretch.pushed, move.seq))
    if stretch.before is not None and stretch.before <= move.before:
        return [moved]
    if stretch.since >= move.before:
        return [stretch]
    return [replace(moved, before=move.before), replace(stretch, since=move.before)]


def _taken_back(move: Move, stretch: Stretch) -> Iterable[Stretch]:
    assert move.undoes is not None
    if stretch.pushed:
        if stretch.pushed[-1] != move.undoes:
            return [stretch]
        return [replace(stretch, place=move.target, moved=move, pushed=stretch.pushed[:-1])]
    end = (move.undoes, *stretch.end)
    if end in stretch.other_ends:
        return [stretch]
    return [
        replace(stretch, end=end, place=move.target, moved=move),
        replace(stretch, other_ends=stretch.other_ends | {end}),
    ]


def _ends_with(trail: Trail, end: Trail) -> bool:
    return not end or trail[-len(end) :] == end
