"""Letting the app's objects follow: all bindings, in the transaction of the caller."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from catrelay.models import JournalEntry
from replicator.bindings import Binding, ColumnBinding, JsonBinding, LinkBinding, TableBinding, policy_of
from replicator.domain.transfers import Following, Policy, Transfer, Way, way_of
from replicator.transfer import transfer
from replicator.unit import Unit

TABLE_BINDINGS = (ColumnBinding, LinkBinding, JsonBinding)


@dataclass(frozen=True)
class Moved:
    """A transfer of the objects of one binding. objects: how many moved; 0 before they do."""

    binding: TableBinding
    transfer: Transfer
    objects: int = 0


Hook = Callable[[Any, Moved], None]
"""Called with the transaction (see `CallableBinding`). An exception takes the whole transaction back."""


class Reading:
    """Entries as they are read. last: the last of each value, by (category, value)."""

    def __init__(self, ways: Iterable[Way]) -> None:
        self._ways = {way: Following(way) for way in ways}
        self.last: dict[tuple[int, int], JournalEntry] = {}

    def read(self, entries: Sequence[JournalEntry]) -> None:
        """Read on: *entries* ascending by seq."""
        for following in self._ways.values():
            following.read(entries)
        self.last.update(((entry.category, entry.id), entry) for entry in entries)

    def transfers(self, way: Way) -> list[Transfer]:
        """What the entries do to objects that follow in this way."""
        return self._ways[way].transfers()


class Mover:
    """before, after: called for each transfer of a table's objects."""

    def __init__(self, bindings: Sequence[Binding], before: Hook | None = None, after: Hook | None = None) -> None:
        self._bindings = bindings
        self._before = before
        self._after = after

    def reading(self) -> "Reading":
        """Entries to come, to be followed once they are read."""
        return Reading({way_of(_policy(binding)) for binding in self._bindings})

    def follow(self, unit: Unit, read: "Reading") -> None:
        """As the entries say."""
        for binding in self._bindings:
            transfers = read.transfers(way_of(_policy(binding)))
            if isinstance(binding, TABLE_BINDINGS):
                self._carry_out(unit, binding, transfers)
            else:
                self._call(unit, binding, transfers)

    def settle(self, unit: Unit, moves: Sequence[Transfer]) -> None:
        """In want of entries, as the values' own states say."""
        if not moves:
            return
        for binding in self._bindings:
            if isinstance(binding, TABLE_BINDINGS):
                stays = policy_of(binding) in ("keep", None)
                self._carry_out(unit, binding, [each.keeping() if stays else each for each in moves])
            else:
                self._call(unit, binding, moves)

    def pinned_values(self, unit: Unit, category: int) -> set[int]:
        """The values that objects are pinned to."""
        return {
            value
            for binding in self._bindings
            if isinstance(binding, TABLE_BINDINGS) and binding.covers(category)
            for value in unit.pinned_values(binding, category)
        }

    def _carry_out(self, unit: Unit, binding: TableBinding, moves: Iterable[Transfer]) -> None:
        table = unit.table(binding)
        for each in moves:
            if not binding.covers(each.category):
                continue
            if self._before is not None:
                self._before(unit.native, Moved(binding, each))
            parameters = unit.parameters(binding, each.category)
            moved = transfer(unit.connection, parameters, binding, table, each)
            if moved:
                unit.note_moved(moved)
            if self._after is not None:
                self._after(unit.native, Moved(binding, each, moved))

    def _call(self, unit: Unit, binding: Callable[[Any, Sequence[Transfer]], int], moves: Sequence[Transfer]) -> None:
        if moves:
            moved = binding(unit.native, moves)
            if moved:
                unit.note_moved(moved)


def _policy(binding: Binding) -> Policy | None:
    return policy_of(binding) if isinstance(binding, TABLE_BINDINGS) else "unhook"
