"""What the administrator does with categories and their values, one method for each kind of step."""

from collections.abc import Sequence, Set
from typing import Any

from catrelay.models import CategoryValueWrite
from tests.system.simulated_operator import Change, Operator
from tests.system.simulated_oracle import Value
from tests.system.simulated_plan import Step

MAX_CATEGORIES = 4
NEW_VALUES = 3
MAX_BATCH = 12


class Administration:
    """Each method does what the step says, if there is something to do it to, and says what it did."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def _category(self, number: int) -> int:
        categories = sorted(self._operator.values.categories)
        return categories[number % len(categories)]

    async def change(self, steps: Sequence[Step]) -> list[str | None]:
        """Make changes of values, as many as can be by one request."""
        category = self._category(steps[0].a)
        said: list[str | None] = []
        batch: list[Change] = []
        for step in steps:
            # What involves a value twice cannot be asked for again as a whole.
            change = None if len(batch) >= MAX_BATCH else self._change(step, category, _involved(batch))
            if change is None and batch:
                await self._operator.make(category, batch)
                batch = []
                change = self._change(step, category, frozenset())
            said.append(None if change is None else change.said)
            batch += [] if change is None else [change]
        if batch:
            await self._operator.make(category, batch)
        return said

    def _change(self, step: Step, category: int, besides: Set[int]) -> Change | None:
        """The step's change, made in the account; None when it would involve one of *besides*."""
        match step.kind:
            case "create":
                return self._created(step, category, besides)
            case "rename":
                return self._renamed(step, category, besides)
            case "move":
                return self._moved(step, category, besides)
            case "remap":
                value = one_of(self._free_leaves(category, besides), step.b)
                return None if value is None else self._remapped(value, step.c, besides)
            case "inactivate":
                return self._inactivated(step, category, besides)
        return self._restored(step, category, besides)

    def _free(self, category: int, besides: Set[int]) -> list[Value]:
        return [value for value in self._operator.values.available(category) if value.id not in besides]

    def _free_leaves(self, category: int, besides: Set[int]) -> list[Value]:
        return [value for value in self._operator.values.leaves(category) if value.id not in besides]

    def _created(self, step: Step, category: int, besides: Set[int]) -> Change:
        name = self._operator.new_name()
        parent = one_of(self._free(category, besides), step.b) if step.c % 2 else None
        if parent is None:
            return Change(f"{name} in {category}", CategoryValueWrite(name=name, external_id=name), frozenset())
        write = CategoryValueWrite(name=name, external_id=name, parent=parent.id)
        return Change(f"{name} below {parent.id}", write, frozenset([parent.id]))

    def _renamed(self, step: Step, category: int, besides: Set[int]) -> Change | None:
        value = one_of(self._free(category, besides), step.b)
        if value is None:
            return None
        value.name = self._operator.new_name()
        write = CategoryValueWrite(id=value.id, name=value.name)
        return Change(f"{value.id} to {value.name}", write, frozenset([value.id]))

    def _moved(self, step: Step, category: int, besides: Set[int]) -> Change | None:
        value = one_of(self._free(category, besides), step.b)
        if value is None:
            return None
        values = self._operator.values
        others = [each for each in self._free(category, besides) if not values.is_below(each.id, value.id)]
        parent = one_of(others, step.c)
        value.parent = None if parent is None else parent.id
        write = CategoryValueWrite(id=value.id, parent=value.parent)
        named = {value.id} if parent is None else {value.id, parent.id}
        return Change(f"{value.id} below {value.parent}", write, frozenset(named))

    def _remapped(self, value: Value, number: int, besides: Set[int]) -> Change | None:
        to = one_of([each for each in self._free(value.category, besides) if each is not value], number)
        if to is None:
            return None
        stood = value.parent
        value.is_available, value.parent, value.remapped_to = False, None, to.id
        write = CategoryValueWrite(id=value.id, available=False, remapped_to=to.id)
        entry = ("remap", value.id, to.id)
        return Change(f"{value.id} to {to.id}", write, frozenset([value.id, to.id]), entry, stood)

    def _inactivated(self, step: Step, category: int, besides: Set[int]) -> Change | None:
        value = one_of(self._free_leaves(category, besides), step.b)
        if value is None:
            return None
        value.is_available, value.parent, value.remapped_to = False, None, None
        write = CategoryValueWrite(id=value.id, available=False)
        return Change(f"{value.id}", write, frozenset([value.id]), ("inactivate", value.id, None))

    def _restored(self, step: Step, category: int, besides: Set[int]) -> Change | None:
        gone = [each for each in self._operator.values.gone() if each.category == category and each.id not in besides]
        value = one_of(gone, step.b)
        return None if value is None else self._brought_back(value)

    @staticmethod
    def _brought_back(value: Value) -> Change:
        value.is_available, value.remapped_to = True, None
        write = CategoryValueWrite(id=value.id, available=True)
        return Change(f"{value.id}", write, frozenset([value.id]), ("restore", value.id, None))

    async def chain(self, step: Step) -> str | None:
        """A to B, B to C, ..."""
        category = self._category(step.a)
        value = one_of(self._operator.values.leaves(category), step.b)
        done: list[str] = []
        for turn in range(2 + step.c % 3):
            if value is None or value not in self._operator.values.leaves(category):
                break
            change = self._remapped(value, step.c + turn, frozenset())
            if change is None:
                break
            await self._operator.make(category, [change])
            done.append(change.said)
            value = None if value.remapped_to is None else self._operator.values.by_id[value.remapped_to]
        return ", ".join(done) or None

    async def back(self, step: Step) -> str | None:
        """A to B was a mistake: A again, and B to A."""
        values = self._operator.values
        value = one_of([value for value in values.gone() if value.remapped_to is not None], step.a)
        target = None if value is None else values.by_id[value.remapped_to]
        if value is None or target is None or target not in values.leaves(target.category):
            return None
        await self._operator.make(value.category, [self._brought_back(value)])
        target.is_available, stood, target.parent, target.remapped_to = False, target.parent, None, value.id
        write = CategoryValueWrite(id=target.id, available=False, remapped_to=value.id)
        entry = ("remap", target.id, value.id)
        change = Change("", write, frozenset([target.id, value.id]), entry, stood)
        await self._operator.make(value.category, [change])
        return f"{target.id} to {value.id}"

    async def undo(self, step: Step) -> str | None:
        recent = [
            entry
            for entry in list(self._operator.history().entries.values())[-12:]
            if entry.operation == "remap" and entry.id in self._operator.values.by_id
        ]
        if not recent:
            return None
        entry = recent[step.a % len(recent)]
        done = await self._operator.undo(entry)
        return f"{entry.seq}{'' if done else ' refused'}"

    async def new_category(self, step: Step) -> str | None:
        if len(self._operator.values.categories) >= MAX_CATEGORIES:
            return None
        made = await self._operator.new_category()
        await self._operator.make(made, [self._created(step, made, frozenset()) for _ in range(NEW_VALUES)])
        return str(made)

    async def delete_category(self, step: Step) -> str | None:
        if len(self._operator.values.categories) < 2:
            return None
        category = self._category(step.a)
        await self._operator.delete_category(category)
        return f"{category} up to {self._operator.history().last}"


def _involved(changes: Sequence[Change]) -> frozenset[int]:
    return frozenset().union(*(change.involved for change in changes))


def one_of(those: Sequence[Any], number: int) -> Any:
    """One of *those*, if there are any."""
    return those[number % len(those)] if those else None
