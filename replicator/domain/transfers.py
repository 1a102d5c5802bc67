"""What journal entries mean for an app's own objects. Source: docs/contract/, "Replicator" and "Undo".

A *pin* is one object's hold on one value. A single-valued object has one pin at most; of an object with several values,
two pins may meet on one value, and part again when a remap is undone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from catrelay.journal import Folding, Place
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


@dataclass(frozen=True)
class Way:
    """How objects follow.

    keeps: losing a value without remap is no event to them, they keep it. is_told: of each such loss somebody is told,
    before anything that comes after it: objects are taken to the value that was inactivated, and their place says so.
    """

    keeps: bool = False
    is_told: bool = False


def way_of(policy: Policy | None) -> Way:
    """The way of objects with *policy*; None: somebody is told and decides."""
    return Way(is_told=True) if policy is None else Way(keeps=policy == "keep")


class Following:
    """Journal entries, folded as they are read: what they do to objects that follow in one way."""

    def __init__(self, way: Way = Way()) -> None:
        self._way = way
        self._runs: dict[int, _Run] = {}
        self._done: dict[int, list[Transfer]] = {}

    def read(self, entries: Iterable[JournalEntry]) -> None:
        """Read on: *entries* ascending by seq."""
        for entry in entries:
            if self._way.keeps and entry.operation == "inactivate":
                continue
            run = self._runs.get(entry.category)
            if run is None or run.cannot_take(entry):
                self._end(entry.category)
                run = self._runs[entry.category] = _Run()
            run.take(entry, is_told=self._way.is_told)

    def transfers(self) -> list[Transfer]:
        """To be applied in this order."""
        for category in list(self._runs):
            self._end(category)
        return [transfer for category in self._done for transfer in self._done[category]]

    def _end(self, category: int) -> None:
        run = self._runs.pop(category, None)
        transfer = run and run.transfer(category)
        if transfer:
            self._done.setdefault(category, []).append(transfer.keeping() if self._way.is_told else transfer)


class _Run:
    """Entries of one category that can be folded.

    An undo of an entry from before the run begins a new one: which pins that remap moved last is known only once what
    stands before the undo is applied. Where somebody is told, the return of an inactivated value begins one too.
    """

    def __init__(self) -> None:
        self._folding = Folding()
        self._seqs: set[int] = set()
        self._inactivated: set[int] = set()

    def cannot_take(self, entry: JournalEntry) -> bool:
        reaches_back = entry.operation == "undo" and entry.undoes not in self._seqs
        return bool(self._seqs) and (reaches_back or (entry.operation == "restore" and entry.id in self._inactivated))

    def take(self, entry: JournalEntry, *, is_told: bool) -> None:
        self._folding.apply(entry)
        self._seqs.add(entry.seq)
        if is_told and entry.operation == "inactivate":
            self._inactivated.add(entry.id)

    def transfer(self, category: int) -> Transfer:
        folded = self._folding.result()
        return Transfer(category, folded.places, folded.returns)


def transfers(entries: Iterable[JournalEntry], way: Way = Way()) -> list[Transfer]:
    """What *entries*, ascending by seq, do to objects that follow in this way; to be applied in this order."""
    following = Following(way)
    following.read(entries)
    return following.transfers()


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
