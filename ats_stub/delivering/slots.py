"""A bound to how much goes on at a time, given out in the order of asking."""

import asyncio
from collections import deque


class Slots:
    """So many places. Who asks for several gets those that are free, at least one."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[tuple[int, asyncio.Future[int]]] = deque()

    async def take(self, wanted: int) -> int:
        """How many places were taken, at most *wanted*; they are to be given back."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, future))
        self._give_out()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give_back(future.result())
            raise

    def give_back(self, count: int) -> None:
        """Let others have *count* places."""
        self._free += count
        self._give_out()

    def _give_out(self) -> None:
        while self._free and self._waiting:
            wanted, future = self._waiting.popleft()
            if not future.done():
                given = min(wanted, self._free)
                self._free -= given
                future.set_result(given)
