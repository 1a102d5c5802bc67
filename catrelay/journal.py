"""What the journal of remaps means for objects that are pinned to values. Pure rules, shared by all who read it.

Source: docs/contract/, "The journal", "Replicator", "Undo".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    folding = _Folding()
    for entry in entries:
        folding.apply(entry)
    return folding.result()


class _Folding:
    """Groups of objects and the value each group is at now.

    A group is keyed by ("value", v): all that was pinned to v before the run, or ("receipt", seq): all that an earlier
    remap had moved and that the run takes back.
    """

    def __init__(self) -> None:
        self._at: dict[tuple[str, int], Place] = {}
        self._residents: dict[int, set[tuple[str, int]]] = {}
        self._remaps: dict[int, JournalEntry] = {}

    def apply(self, entry: JournalEntry) -> None:
        match entry.operation:
            case "remap":
                assert entry.remapped_to is not None, "a remap names its target"
                self._remaps[entry.seq] = entry
                for group in self._leave(entry.id):
                    before = self._at[group]
                    self._settle(group, Place(entry.remapped_to, None, (*before.remaps, entry.seq)))
            case "inactivate":
                for group in self._leave(entry.id):
                    self._at[group] = Place(None, entry.id, self._at[group].remaps)
            case "undo":
                assert entry.undoes is not None, "an undo names the entry it takes back"
                remap = self._remaps.get(entry.undoes)
                if remap is None:
                    self._settle(("receipt", entry.undoes), Place(entry.id))
                else:
                    self._take_back(remap)
            case "restore":
                # Objects that were moved away stay where they are; only an undo brings them back.
                pass

    def _take_back(self, remap: JournalEntry) -> None:
        assert remap.remapped_to is not None
        residents = self._residents.get(remap.remapped_to, set())
        for group in [g for g in residents if self._at[g].remaps[-1:] == (remap.seq,)]:
            residents.discard(group)
            self._settle(group, Place(remap.id, None, self._at[group].remaps[:-1]))

    def _leave(self, value: int) -> set[tuple[str, int]]:
        own = ("value", value)
        if own not in self._at:
            self._settle(own, Place(value))
        return self._residents.pop(value, set())

    def _settle(self, group: tuple[str, int], place: Place) -> None:
        assert place.value is not None
        self._at[group] = place
        self._residents.setdefault(place.value, set()).add(group)

    def result(self) -> Fold:
        """Groups that did not end as they began."""
        return Fold(
            places={v: p for (kind, v), p in self._at.items() if kind == "value" and p != Place(v)},
            returns={seq: p for (kind, seq), p in self._at.items() if kind == "receipt"},
        )
