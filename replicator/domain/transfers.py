"""What journal entries mean for an app's own objects. Source: docs/contract/, "Replicator" and "Undo".

A *pin* is one object's hold on one value. A single-valued object has one pin at most; of an object with several values,
two pins may meet on one value, and part again when a remap is undone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from catrelay.journal import Place, fold
from catrelay.models import CategoryValue, JournalEntry

Policy = Literal["unhook", "delete", "keep"]
"""What becomes of objects whose value is inactivated without remap.

unhook: they lose the value. delete: they are deleted. keep: they keep the unavailable value.
"""


@dataclass(frozen=True)
class Standing:
    """Where a pin is, and the seq of each remap, not taken back, that brought it there: oldest first."""

    value: int | None
    remaps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Transfer:
    """Moves of one category that happen at once: one assignment, never one move after another.

    places: by the value that objects are pinned to before. returns: by the seq of an earlier remap that is taken back,
    where the objects that it moved last end; they are exempt from *places*. involved: all values on the way.
    """

    category: int
    places: Mapping[int, Place]
    returns: Mapping[int, Place]
    involved: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.places or self.returns)

    def standing_after(self, pin: Standing) -> Standing:
        """Where *pin* ends."""
        assert pin.value is not None
        if pin.remaps and pin.remaps[-1] in self.returns:
            place, kept = self.returns[pin.remaps[-1]], pin.remaps[:-1]
        elif pin.value in self.places:
            place, kept = self.places[pin.value], pin.remaps
        else:
            return pin
        return Standing(place.value, kept + place.remaps)

    def keeping(self) -> "Transfer":
        """The same for objects that keep an unavailable value: they stay where their chain ended."""
        places = {
            value: place if place.value is not None else replace(place, value=place.inactivated)
            for value, place in self.places.items()
        }
        return replace(self, places=places)


def transfers(entries: Iterable[JournalEntry], policy: Policy = "unhook") -> list[Transfer]:
    """What *entries*, ascending by seq, do to objects; to be applied in this order."""
    by_category: dict[int, list[JournalEntry]] = {}
    for entry in entries:
        # To an object that keeps an unavailable value, losing it without remap is no event.
        if not (policy == "keep" and entry.operation == "inactivate"):
            by_category.setdefault(entry.category, []).append(entry)
    found = [_transfer(category, run) for category, mine in by_category.items() for run in runs(mine)]
    return [transfer for transfer in found if transfer]


def runs(entries: Sequence[JournalEntry]) -> list[list[JournalEntry]]:
    """*entries* of one category in pieces that can be folded.

    An undo of an entry from before its run begins a new one: which pins that remap moved last is known only once what
    stands before the undo is applied.
    """
    found: list[list[JournalEntry]] = []
    seqs: set[int] = set()
    for entry in entries:
        if not found or (entry.operation == "undo" and entry.undoes not in seqs):
            found.append([])
            seqs = set()
        found[-1].append(entry)
        seqs.add(entry.seq)
    return found


def settlement(
    category: int,
    values: Iterable[int],
    *,
    available: frozenset[int],
    nodes: Mapping[int, CategoryValue | None],
    later: frozenset[int],
) -> Transfer:
    """Where objects at *values* belong by the values' own remappedTo, for want of a journal that says it.

    available: values that are known to be. nodes: present states of others; None: there is no such value.
    later: values that journal entries still to be applied move on; chains end there, for those entries leave receipts.
    """
    places: dict[int, Place] = {}
    involved: set[int] = set()
    for value in values:
        way = _way(value, available=available, nodes=nodes, later=later)
        if way is None or way[-1] == value:
            continue
        *passed, end = way
        places[value] = Place(end, None if end is not None else passed[-1])
        involved.update(step for step in way if step is not None)
    return Transfer(category, places, {}, frozenset(involved))


def _way(
    value: int, *, available: frozenset[int], nodes: Mapping[int, CategoryValue | None], later: frozenset[int]
) -> list[int | None] | None:
    """The values from *value* to its chain's end, None last when it has none; None while that cannot be told."""
    way: list[int | None] = [value]
    at = value
    while at not in available and at not in later:
        if at not in nodes:
            return None
        node = nodes[at]
        if node is not None and node.available:
            break
        if node is None or node.remapped_to is None:
            return [*way, None]
        if node.remapped_to in way:
            return None  # read while it changed: it is settled the next time
        at = node.remapped_to
        way.append(at)
    return way


def _transfer(category: int, run: Sequence[JournalEntry]) -> Transfer:
    folded = fold(run)
    named = {entry.id for entry in run} | {entry.remapped_to for entry in run if entry.remapped_to is not None}
    return Transfer(category, folded.places, folded.returns, frozenset(named))
