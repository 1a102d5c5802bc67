"""Where references must be: each as it was made, followed through the journal by the rules that all readers share."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ats_stub.domain.references import Kind
from catrelay.journal import follow
from catrelay.models import JournalEntry

Holder = tuple[Kind, int]
References = dict[int, set[int]]
"""Values by category, none of them empty."""


@dataclass(frozen=True)
class Pin:
    """A reference as a write made it, right after the journal entry *since*."""

    holder: Holder
    category: int
    value: int
    since: int

    def place(self, journal: Sequence[JournalEntry]) -> int | None:
        """The value it is at; None when the reference was taken away."""
        return follow(self.value, journal[self.since :])


class Pins:
    """The oracle of a tenant's references. A journal: all entries from the first on."""

    def __init__(self) -> None:
        self._pins: list[Pin] = []

    def put(self, holder: Holder, wanted: Mapping[int, Collection[int]], journal: Sequence[JournalEntry]) -> None:
        """Note that a write made the holder's references these. What was there stays and can be taken back."""
        places = {(category, value) for category, values in wanted.items() for value in values}
        present = [pin for pin in self._pins if pin.holder == holder and (pin.category, pin.place(journal)) in places]
        new = places - {(pin.category, pin.place(journal)) for pin in present}
        others = [pin for pin in self._pins if pin.holder != holder]
        self._pins = [*others, *present, *(Pin(holder, *place, len(journal)) for place in sorted(new))]

    def of(self, holder: Holder, journal: Sequence[JournalEntry]) -> References:
        """What the holder references."""
        references: References = {}
        for pin in self._pins:
            place = pin.place(journal) if pin.holder == holder else None
            if place is not None:
                references.setdefault(pin.category, set()).add(place)
        return references

    def moved_by(self, seq: int, journal: Sequence[JournalEntry]) -> int:
        """How many objects the entry moved. Asked before anything is put after it."""
        before, after = journal[: seq - 1], journal[:seq]
        return len({pin.holder for pin in self._pins if pin.place(before) != pin.place(after)})
