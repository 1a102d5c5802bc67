"""What the journal of remaps means for objects that are pinned to values. Pure rules, shared by all who read it.

Source: docs/contract/, "The journal", "Replicator", "Undo".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from catrelay.models import JournalEntry


class JournalGap(Exception):
    """Two neighbouring entries' seq differ by other than one."""


@dataclass(frozen=True)
class Place:
    """Where objects end.

    value: the value they are pinned to at the end; None when they lost it because *inactivated*, the value where the
    chain ended, was inactivated without remap.
    remaps: the seq of each remap that moved them here and was not taken back, oldest first: their receipts.
    """

    value: int | None
    inactivated: int | None = None
    remaps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fold:
    """What a run of journal entries amounts to. All places are reached at once: apply them as one assignment, never
    one after another (entries may swap two values).

    places: by the value that objects are pinned to before the run; values whose objects nothing happened to do not
    occur. A value can be its own place: its objects came back by further remaps, and get receipts for all of them.
    returns: by the seq of a remap from before the run that the run undoes: where the objects that hold its receipt,
    and were not re-pinned since, end. They are exempt from *places*. Objects that hold several of these receipts end
    where the oldest of them says; it and the newer ones are void, and the place's own take their place.
    """

    places: Mapping[int, Place]
    returns: Mapping[int, Place]


def follow(value_id: int, journal: Sequence[JournalEntry]) -> int | None:
    """The value that references to *value_id* belong to once *journal* is applied.

    journal: entries ascending by seq, without gaps. Returns None when the chain ends at an inactivated value.
    Raises JournalGap when two neighbours' seq differ by other than one.
    """
    for before, after in pairwise(journal):
        if after.seq != before.seq + 1:
            raise JournalGap(f"entry {after.seq} follows entry {before.seq}")
    place = fold(journal).places.get(value_id)
    return value_id if place is None else place.value


def fold(entries: Iterable[JournalEntry]) -> Fold:
    """*entries*, ascending by seq, folded into one final mapping, in time linear in entries plus moves.

    Entries of other categories may be missing; what the run itself does not mention stays where it is.
    """
    folding = Folding()
    for entry in entries:
        folding.apply(entry)
    return folding.result()


@dataclass(eq=False, slots=True)
class _Bag:
    """Objects that are at one value and share their last receipt: *seq* of the remap that brought *inside* there.

    One without seq is a group: ("value", v), all that was pinned to v before the run, or ("receipt", seq), all that an
    earlier remap had moved and that the run takes back.
    """

    seq: int = 0
    group: tuple[str, int] | None = None
    inside: list["_Bag"] = field(default_factory=list)


class Folding:
    """`fold`, entry by entry: for who has not all of them at once."""

    def __init__(self) -> None:
        # A remap puts all bags at a value into one, however many objects or bags those are.
        self._at: dict[int, list[_Bag]] = {}
        self._touched: set[int] = set()
        self._lost: list[tuple[int, _Bag]] = []
        self._remaps: dict[int, tuple[JournalEntry, _Bag]] = {}

    def apply(self, entry: JournalEntry) -> None:
        """Read on. entry: with a greater seq than all before."""
        match entry.operation:
            case "remap":
                assert entry.remapped_to is not None, "a remap names its target"
                bag = _Bag(entry.seq, inside=self._leave(entry.id))
                self._remaps[entry.seq] = (entry, bag)
                self._at.setdefault(entry.remapped_to, []).append(bag)
            case "inactivate":
                self._lost += [(entry.id, bag) for bag in self._leave(entry.id)]
            case "undo":
                assert entry.undoes is not None, "an undo names the entry it takes back"
                if entry.undoes not in self._remaps:
                    self._at.setdefault(entry.id, []).append(_Bag(group=("receipt", entry.undoes)))
                else:
                    self._take_back(*self._remaps[entry.undoes])
            case "restore":
                # Objects that were moved away stay where they are; only an undo brings them back.
                pass

    def _take_back(self, remap: JournalEntry, bag: _Bag) -> None:
        assert remap.remapped_to is not None
        residents = self._at.get(remap.remapped_to, [])
        if bag in residents:
            residents.remove(bag)
            self._at.setdefault(remap.id, []).extend(bag.inside)

    def _leave(self, value: int) -> list[_Bag]:
        bags = self._at.pop(value, [])
        if value not in self._touched:
            self._touched.add(value)
            bags.append(_Bag(group=("value", value)))
        return bags

    def result(self) -> Fold:
        """Groups that did not end as they began."""
        found = [
            (group, Place(value, None, remaps)) for value, bags in self._at.items() for group, remaps in _all(bags)
        ]
        for value, bag in self._lost:
            found += [(group, Place(None, value, remaps)) for group, remaps in _all([bag])]
        return Fold(
            places={number: place for (kind, number), place in found if kind == "value" and place != Place(number)},
            returns={number: place for (kind, number), place in found if kind == "receipt"},
        )


def _all(bags: Iterable[_Bag]) -> Iterator[tuple[tuple[str, int], tuple[int, ...]]]:
    """The groups inside, each with the remaps that brought it there, oldest first."""
    pending: list[tuple[_Bag, tuple[int, ...]]] = [(bag, ()) for bag in bags]
    while pending:
        bag, later = pending.pop()
        if bag.group is not None:
            yield bag.group, later
        else:
            remaps = (bag.seq, *later)
            pending.extend((each, remaps) for each in bag.inside)
