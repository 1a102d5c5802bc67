"""What was acknowledged, by which each value, object and journal entry has to be where it is: nothing else is known.

Nothing is restored or undone: a value goes at most once. So an object ends where its last pins lead, by all remaps.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

Kind = Literal["jobs", "testimonials", "articles"]
Entry = tuple[str, int, int | None]
"""Operation, value and where it was remapped to."""

GONE_SHARE = 0.1
"""How often a value is chosen though it is gone."""


@dataclass
class Value:
    """As acknowledged. leaving: it is asked for that it go, and this is not answered yet."""

    id: int
    name: str
    state: Literal["here", "leaving", "gone"] = "here"
    successor: int | None = None


@dataclass
class Acknowledged:
    """The values of *category*, the objects that are pinned to them, and the list of *places* that came through last.

    place_entries: operations in the journal by a place's externalId. operations: how many were acknowledged or refused.
    """

    category: int
    place_category: int
    values: dict[int, Value] = field(default_factory=dict)
    pins: dict[Kind, dict[int, frozenset[int]]] = field(
        default_factory=lambda: {"jobs": {}, "testimonials": {}, "articles": {}}
    )
    places: dict[str, str] = field(default_factory=dict)
    place_entries: Counter[tuple[str, str]] = field(default_factory=Counter)
    operations: int = 0

    def some_value(self, chance: Random, *, besides: int | None = None) -> int:
        """One that objects may be pinned to, or might be no more in a moment; now and then one that is gone."""
        others = [each for each in self.values.values() if each.id != besides]
        gone = [each for each in others if each.state == "gone"]
        takes_gone = bool(gone) and chance.random() < GONE_SHARE
        return chance.choice(gone if takes_gone else [each for each in others if each.state != "gone"]).id

    def may_be_gone(self, values: Iterable[int]) -> bool:
        """Whether it is right to refuse an object that would be pinned to *values*."""
        return any(self.values[value].state != "here" for value in values)

    def ends(self, kind: Kind) -> dict[int, frozenset[int]]:
        """Where the objects of that kind have to be, by id."""
        return {
            object_: frozenset(end for pin in pins if (end := self._end(pin)) is not None)
            for object_, pins in self.pins[kind].items()
        }

    def _end(self, value: int) -> int | None:
        at: int | None = value
        while at is not None and self.values[at].state == "gone":
            at = self.values[at].successor
        return at

    def here(self) -> dict[int, str]:
        """The names of the available values."""
        return {each.id: each.name for each in self.values.values() if each.state == "here"}

    def gone(self) -> dict[int, tuple[str, int | None]]:
        """The names of the values that are gone, and where each was remapped to."""
        return {each.id: (each.name, each.successor) for each in self.values.values() if each.state == "gone"}

    def entries(self) -> Counter[Entry]:
        """What the journal has of *category*, in whatever order."""
        return Counter(
            ("inactivate" if successor is None else "remap", value, successor)
            for value, (_, successor) in self.gone().items()
        )
