"""Who works with the ATS: it asks until it is answered, and keeps account of what was acknowledged."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from catrelay.models import CategoryValueWrite, CategoryWrite, JournalEntry
from catrelay.problems import CannotUndo, NotFound, Problem, ServiceUnreachable
from tests.system.simulated_client import SimulatedAts
from tests.system.simulated_oracle import History, Value, Values

PATIENCE_SECONDS = 0.5

Answered = TypeVar("Answered")
Expected = tuple[str, int, int | None]
"""An entry that an operation means: what is done to which value, and where it was remapped to."""


class Broken(Exception):
    """Something is not as it shall be."""


class Operator:
    """history: the present one, as the ATS's journal tells it."""

    def __init__(self, ats: SimulatedAts, values: Values, history: Callable[[], History]) -> None:
        self.values = values
        self.history = history
        self._ats = ats
        self._names = 0

    async def create(self, category: int, parent: int | None) -> None:
        name = self._new_name()
        write = CategoryValueWrite(name=name, external_id=name)
        if parent is not None:
            write = write.model_copy(update={"parent": parent})
        made = await self._expecting([], lambda: self._ats.write_value(category, write))
        self.values.by_id[made.id] = Value(made.id, category, name, parent)

    async def create_many(self, category: int, count: int) -> None:
        names = [self._new_name() for _ in range(count)]
        writes = [CategoryValueWrite(name=name, external_id=name) for name in names]
        made = await self._expecting([], lambda: self._ats.write_values(category, writes, atomic=False))
        for name, result in zip(names, made.results, strict=True):
            if result.value is None:
                raise Broken(f"the ATS refused to create {name}: {result.problem}")
            self.values.by_id[result.value.id] = Value(result.value.id, category, name)

    async def rename(self, value: Value) -> None:
        name = self._new_name()
        await self._write(value, CategoryValueWrite(id=value.id, name=name), [])
        value.name = name

    async def move(self, value: Value, parent: int | None) -> None:
        await self._write(value, CategoryValueWrite(id=value.id, parent=parent), [])
        value.parent = parent

    async def remap(self, value: Value, to: Value) -> None:
        write = CategoryValueWrite(id=value.id, available=False, remapped_to=to.id)
        stood = value.parent
        await self._write(value, write, [("remap", value.id, to.id)])
        self.values.stood[self.history().last_of(value.id)] = stood
        value.is_available, value.parent, value.remapped_to = False, None, to.id

    async def inactivate(self, value: Value) -> None:
        await self._write(value, CategoryValueWrite(id=value.id, available=False), [("inactivate", value.id, None)])
        value.is_available, value.parent, value.remapped_to = False, None, None

    async def restore(self, value: Value) -> None:
        await self._write(value, CategoryValueWrite(id=value.id, available=True), [("restore", value.id, None)])
        value.is_available, value.remapped_to = True, None

    async def undo(self, entry: JournalEntry) -> bool:
        """Whether it could be taken back."""
        value = self.values.by_id[entry.id]
        done = ("undo", entry.id, entry.remapped_to)
        before = self.history().last
        try:
            await self._asked(lambda: self._ats.undo(entry.category, entry.seq))
        except CannotUndo as refusal:
            # The answer to the first time may have been lost.
            if "undoneBy" not in refusal.members or self._since(before) != [done]:
                self._check(before, [], entry.category)
                return False
        except Problem as refusal:
            self._check(before, [], entry.category)
            if refusal.status in (400, 404, 409, 410):
                return False
            raise
        self._check(before, [done], entry.category)
        if not value.is_available:
            value.is_available, value.remapped_to = True, None
            value.parent = self.values.stood[entry.seq]
        return True

    async def new_category(self) -> int:
        name = self._new_name()

        async def create() -> int:
            for category in (await self._ats.categories()).answer:
                if category.name == name:
                    return category.id
            return (await self._ats.create_category(CategoryWrite(name=name))).id

        made = await self._expecting([], create)
        self.values.categories[made] = name
        return made

    async def delete_category(self, category: int) -> None:
        expected: list[Expected] = [("inactivate", value.id, None) for value in self.values.available(category)]

        async def delete() -> None:
            try:
                await self._ats.delete_category(category)
            except NotFound:
                if self._is_first:
                    raise

        await self._expecting(expected, delete, category)
        history = self.history()
        history.dropped[category] = history.last
        self.values.drop(category)

    async def _write(self, value: Value, write: CategoryValueWrite, expected: Sequence[Expected]) -> None:
        await self._expecting(expected, lambda: self._ats.write_value(value.category, write), value.category)

    async def _expecting(
        self, expected: Sequence[Expected], ask: Callable[[], Awaitable[Answered]], category: int | None = None
    ) -> Answered:
        before = self.history().last
        answer = await self._asked(ask)
        self._check(before, expected, category)
        return answer

    async def _asked(self, ask: Callable[[], Awaitable[Answered]]) -> Answered:
        """The answer, however often it has to be asked for."""
        self._is_first = True
        while True:
            try:
                return await ask()
            except ServiceUnreachable:
                self._is_first = False
                await asyncio.sleep(PATIENCE_SECONDS)

    def _check(self, before: int, expected: Sequence[Expected], category: int | None) -> None:
        found = self._since(before, category)
        if found != list(expected):
            raise Broken(f"acknowledged was {list(expected)}, and the journal has {found} after {before}")

    def _since(self, seq: int, category: int | None = None) -> list[Expected]:
        history = self.history()
        entries = [history.entries[each] for each in range(seq + 1, history.last + 1)]
        return [
            (entry.operation, entry.id, entry.remapped_to)
            for entry in entries
            if (entry.category == category if category is not None else entry.category in self.values.categories)
        ]

    def _new_name(self) -> str:
        self._names += 1
        return f"n{self._names}"
