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
    where the objects that it moved last end; they are exempt from *places*.
    """

    category: int
    places: Mapping[int, Place]
    returns: Mapping[int, Place]

    def __bool__(self) -> bool:
        return bool(self.places or self.returns)

    def place_of(self, pin: Standing) -> Place | None:
        """Where *pin* ends, with all receipts that it has there; None: nothing happens to it."""
        assert pin.value is not None, "a pin that was lost is no pin"
        if pin.remaps and pin.remaps[-1] in self.returns:
            place, kept = self.returns[pin.remaps[-1]], pin.remaps[:-1]
        elif pin.value in self.places:
            place, kept = self.places[pin.value], pin.remaps
        else:
            return None
        return replace(place, remaps=kept + place.remaps)

    def keeping(self) -> "Transfer":
        """The same for objects that keep an unavailable value: they stay where their chain ended."""
        return replace(
            self,
            places={value: _kept(place) for value, place in self.places.items()},
            returns={seq: _kept(place) for seq, place in self.returns.items()},
        )


def transfers(entries: Iterable[JournalEntry], policy: Policy = "unhook", *, is_told: bool = False) -> list[Transfer]:
    """What *entries*, ascending by seq, do to objects; to be applied in this order.

    is_told: of each inactivation without remap somebody is told, before anything that comes after it: objects are taken
    to the value that was inactivated, and its place says so. *policy* is void then.
    """
    by_category: dict[int, list[JournalEntry]] = {}
    for entry in entries:
        # To an object that keeps an unavailable value, losing it without remap is no event.
        if is_told or not (policy == "keep" and entry.operation == "inactivate"):
            by_category.setdefault(entry.category, []).append(entry)
    found = [_transfer(category, run) for category, mine in by_category.items() for run in runs(mine, is_told=is_told)]
    return [transfer.keeping() if is_told else transfer for transfer in found if transfer]


def runs(entries: Sequence[JournalEntry], *, is_told: bool = False) -> list[list[JournalEntry]]:
    """*entries* of one category in pieces that can be folded.

    An undo of an entry from before its run begins a new one: which pins that remap moved last is known only once what
    stands before the undo is applied. is_told: the return of a value that was inactivated begins one too.
    """
    found: list[list[JournalEntry]] = []
    seqs: set[int] = set()
    inactivated: set[int] = set()
    for entry in entries:
        reaches_back = entry.operation == "undo" and entry.undoes not in seqs
        if not found or reaches_back or (entry.operation == "restore" and entry.id in inactivated):
            found.append([])
            seqs, inactivated = set(), set()
        found[-1].append(entry)
        seqs.add(entry.seq)
        if is_told and entry.operation == "inactivate":
            inactivated.add(entry.id)
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
    for value in values:
        way = _way(value, available=available, nodes=nodes, later=later)
        if way is None or way[-1] == value:
            continue
        *passed, end = way
        places[value] = Place(end, None if end is not None else passed[-1])
    return Transfer(category, places, {})


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


def _kept(place: Place) -> Place:
    return place if place.value is not None else replace(place, value=place.inactivated)


def _transfer(category: int, run: Sequence[JournalEntry]) -> Transfer:
    folded = fold(run)
    return Transfer(category, folded.places, folded.returns)
