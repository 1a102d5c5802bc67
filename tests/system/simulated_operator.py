"""Who works with the ATS: asks until it is answered, and keeps account of what was acknowledged."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from catrelay.models import CategoryValue, CategoryValueWrite, CategoryWrite, JournalEntry
from catrelay.problems import NotFound, Problem, ServiceUnreachable
from tests.system.simulated_client import SimulatedAts
from tests.system.simulated_oracle import History, Value, Values

PATIENCE_SECONDS = 0.5

Answered = TypeVar("Answered")
Expected = tuple[str, int, int | None]
"""An entry that an operation means: what is done to which value, and where it was remapped to."""


class Broken(Exception):
    """Something is not as it shall be."""


@dataclass(frozen=True)
class Change:
    """A change of one value that is accounted for already, but for a new one's id.

    entry: that it means, if any. stood: where the value of a remap did. involved: the values that it names.
    """

    said: str
    write: CategoryValueWrite
    involved: frozenset[int]
    entry: Expected | None = None
    stood: int | None = None


class Operator:
    """history: the present one, as the ATS's journal tells it."""

    def __init__(self, ats: SimulatedAts, values: Values, history: Callable[[], History]) -> None:
        self.values = values
        self.history = history
        self._ats = ats
        self._names = 0
        self._is_asked_again = False

    def new_name(self) -> str:
        """A name that nothing has."""
        self._names += 1
        return f"n{self._names}"

    async def make(self, category: int, changes: Sequence[Change]) -> None:
        """Have *changes*, no two of which involve the same value, made by one request.

        So it can be asked for again: what is done already changes nothing.
        """
        before = self.history().last
        writes = [change.write for change in changes]
        expected = [change.entry for change in changes if change.entry is not None]
        made = await self._expecting(expected, lambda: self._written(category, writes), category)
        for write, value in zip(writes, made, strict=True):
            if write.id is None:
                self.values.by_id[value.id] = Value(value.id, category, value.name, value.parent)
        stood = {change.entry[1]: change.stood for change in changes if change.entry is not None}
        self.values.stood |= {
            entry.seq: stood[entry.id] for entry in self._entries_after(before, category) if entry.operation == "remap"
        }

    async def undo(self, entry: JournalEntry) -> bool:
        """Whether it could be taken back."""
        value = self.values.by_id[entry.id]
        done = ("undo", entry.id, entry.remapped_to)
        before = self.history().last
        try:
            await self._asked(lambda: self._ats.undo(entry.category, entry.seq))
        except Problem as refusal:
            if refusal.status not in (400, 404, 409, 410):
                raise
            # The answer to the first time may have been lost.
            undone_by = refusal.members.get("undoneBy")
            if not isinstance(undone_by, int) or undone_by <= before:
                self._check(before, [], entry.category)
                return False
        self._check(before, [done], entry.category)
        if not value.is_available:
            value.is_available, value.remapped_to = True, None
            value.parent = self.values.stood[entry.seq]
        return True

    async def new_category(self) -> int:
        """Its id."""
        name = self.new_name()

        async def create() -> int:
            for category in (await self._ats.categories()).answer:
                if category.name == name:
                    return category.id
            return (await self._ats.create_category(CategoryWrite(name=name))).id

        made = await self._expecting([], create)
        self.values.categories[made] = name
        return made

    async def delete_category(self, category: int) -> None:
        """With all its values."""

        async def delete() -> None:
            try:
                await self._ats.delete_category(category)
            except NotFound:
                if not self._is_asked_again:
                    raise

        before = self.history().last
        gone: list[Expected] = [("inactivate", value.id, None) for value in self.values.available(category)]
        await self._expecting(gone, delete, category)
        last = [entry.seq for entry in self._entries_after(before, category)]
        self.history().dropped[category] = max(last, default=self.history().last)
        self.values.drop(category)

    async def _written(self, category: int, writes: Sequence[CategoryValueWrite]) -> list[CategoryValue]:
        if len(writes) == 1:
            return [await self._ats.write_value(category, writes[0])]
        results = (await self._ats.write_values(category, writes, atomic=False)).results
        refused = [result.problem for result in results if result.value is None]
        if refused:
            raise Broken(f"the ATS refused {refused} of {[write.to_patch() for write in writes]}")
        return [result.value for result in results if result.value is not None]

    async def _expecting(
        self, expected: Sequence[Expected], ask: Callable[[], Awaitable[Answered]], category: int | None = None
    ) -> Answered:
        before = self.history().last
        answer = await self._asked(ask)
        self._check(before, expected, category)
        return answer

    async def _asked(self, ask: Callable[[], Awaitable[Answered]]) -> Answered:
        """The answer, however often it has to be asked for."""
        self._is_asked_again = False
        while True:
            try:
                return await ask()
            except ServiceUnreachable:
                self._is_asked_again = True
                await asyncio.sleep(PATIENCE_SECONDS)

    def _check(self, before: int, expected: Sequence[Expected], category: int | None) -> None:
        found = [(entry.operation, entry.id, entry.remapped_to) for entry in self._entries_after(before, category)]
        if found != list(expected):
            raise Broken(f"acknowledged was {list(expected)}, and the journal has {found} after {before}")

    def _entries_after(self, seq: int, category: int | None) -> list[JournalEntry]:
        """Those of the categories that are in this operator's hands, or of one of them."""
        history = self.history()
        entries = [history.entries[each] for each in range(seq + 1, history.last + 1)]
        mine = self.values.categories.keys() if category is None else {category}
        return [entry for entry in entries if entry.category in mine]
