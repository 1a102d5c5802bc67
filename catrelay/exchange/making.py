"""How an import makes things so that no crash makes them twice.

A write is noted in the map file before it is sent, with its Idempotency-Key, and forgotten in the transaction that
notes the ids it made. An import that was killed anywhere sends it again in its next run, and is answered what it was
answered, or would have been.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from catrelay.exchange.records import Intent, Records
from catrelay.exchange.target import Made, Target

AT_ONCE = 8
"""Requests to the target at a time."""

Item = TypeVar("Item")
Result = TypeVar("Result")


async def make(intents: Sequence[Intent], target: Target, records: Records) -> list[Made]:
    """Carry out *intents*, independent of each other, and note what they made."""
    records.intend(intents)
    made = await at_once(intents, target.make)
    records.settle(zip(intents, map(_ids, intents, made), strict=True))
    return made


async def make_what_was_intended(target: Target, records: Records) -> None:
    """Carry out what an earlier run noted and did not see answered."""
    for intent in records.intents():
        records.settle([(intent, _ids(intent, await target.make(intent)))])


async def at_once(items: Sequence[Item], act: Callable[[Item], Awaitable[Result]]) -> list[Result]:
    """The result of *act* for each of *items*, a few at a time; the first exception ends them all."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(item: Item) -> Result:
        async with free:
            return await act(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [task.result() for task in tasks]


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """*items* in pieces of at most *size*."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _ids(intent: Intent, made: Made) -> list[tuple[int, int]]:
    return [(source, each) for source, each in zip(intent.sources, made, strict=True) if isinstance(each, int)]
