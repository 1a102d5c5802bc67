"""Lists that grow, followed by reading on from the last place."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

POLL_SECONDS = 1

Entry = TypeVar("Entry")


async def entries_after(
    place: int, read: Callable[[int], Awaitable[Sequence[Entry]]], place_of: Callable[[Entry], int], *, follow: bool
) -> AsyncIterator[Entry]:
    """What *read* finds after *place* and on; with *follow* also what comes, without an end."""
    while True:
        found = await read(place)
        for entry in found:
            yield entry
            place = place_of(entry)
        if found:
            continue
        if not follow:
            return
        await asyncio.sleep(POLL_SECONDS)
