"""What the administrator does with categories and their values, one method for each kind of step."""

from collections.abc import Sequence
from typing import Any

from tests.system.simulated_operator import Operator
from tests.system.simulated_oracle import Value
from tests.system.simulated_plan import Step

MAX_CATEGORIES = 4


class Administration:
    """Each method does what the step says, if there is something to do it to, and says what it did."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def _category(self, number: int) -> int:
        categories = sorted(self._operator.values.categories)
        return categories[number % len(categories)]

    async def create(self, step: Step) -> str | None:
        category = self._category(step.a)
        available = self._operator.values.available(category)
        parent = available[step.b % len(available)].id if available and step.c % 2 else None
        await self._operator.create(category, parent)
        return f"in {category} below {parent}"

    async def batch(self, step: Step) -> str | None:
        await self._operator.create_many(self._category(step.a), 1 + step.b % 6)
        return "created"

    async def rename(self, step: Step) -> str | None:
        value = one_of(self._operator.values.available(self._category(step.a)), step.b)
        if value is None:
            return None
        await self._operator.rename(value)
        return f"{value.id} to {value.name}"

    async def move(self, step: Step) -> str | None:
        values = self._operator.values
        category = self._category(step.a)
        value = one_of(values.available(category), step.b)
        if value is None:
            return None
        others = [each for each in values.available(category) if not values.is_below(each.id, value.id)]
        parent = one_of(others, step.c)
        await self._operator.move(value, None if parent is None else parent.id)
        return f"{value.id} below {value.parent}"

    async def remap(self, step: Step) -> str | None:
        value = one_of(self._operator.values.leaves(self._category(step.a)), step.b)
        return None if value is None else await self._remap(value, step.c)

    async def chain(self, step: Step) -> str | None:
        value = one_of(self._operator.values.leaves(self._category(step.a)), step.b)
        done: list[str] = []
        for turn in range(2 + step.c % 3):
            if value is None or value.id not in {leaf.id for leaf in self._operator.values.leaves(value.category)}:
                break
            said = await self._remap(value, step.c + turn)
            if said is None:
                break
            done.append(said)
            assert value.remapped_to is not None
            value = self._operator.values.by_id[value.remapped_to]
        return ", ".join(done) or None

    async def _remap(self, value: Value, number: int) -> str | None:
        others = [each for each in self._operator.values.available(value.category) if each is not value]
        to = one_of(others, number)
        if to is None:
            return None
        await self._operator.remap(value, to)
        return f"{value.id} to {to.id} as {self._operator.history().last}"

    async def inactivate(self, step: Step) -> str | None:
        value = one_of(self._operator.values.leaves(self._category(step.a)), step.b)
        if value is None:
            return None
        await self._operator.inactivate(value)
        return f"{value.id} as {self._operator.history().last}"

    async def restore(self, step: Step) -> str | None:
        value = one_of(self._operator.values.gone(), step.a)
        if value is None:
            return None
        await self._operator.restore(value)
        return f"{value.id} as {self._operator.history().last}"

    async def back(self, step: Step) -> str | None:
        """A to B was a mistake: A again, and B to A."""
        values = self._operator.values
        remapped = [value for value in values.gone() if value.remapped_to is not None]
        value = one_of(remapped, step.a)
        if value is None or value.remapped_to is None:
            return None
        target = values.by_id[value.remapped_to]
        if target.id not in {leaf.id for leaf in values.leaves(target.category)}:
            return None
        await self._operator.restore(value)
        await self._operator.remap(target, value)
        return f"{target.id} to {value.id} as {self._operator.history().last}"

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
        await self._operator.create_many(made, 3)
        return str(made)

    async def delete_category(self, step: Step) -> str | None:
        if len(self._operator.values.categories) < 2:
            return None
        category = self._category(step.a)
        await self._operator.delete_category(category)
        return f"{category} up to {self._operator.history().last}"


def one_of(those: Sequence[Any], number: int) -> Any:
    """One of *those*, if there are any."""
    return those[number % len(those)] if those else None
