"""Where work that waits for the disk is done."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from starlette.concurrency import run_in_threadpool

from replicator.store import ReplicaStore
from replicator.unit import Unit

Result = TypeVar("Result")


class InThread(Protocol):
    """Calls a function where it holds nobody up; gives what it returns."""

    def __call__(self, function: Callable[[], Result], /) -> Awaitable[Result]: ...


async def in_threadpool(function: Callable[[], Any], /) -> Any:
    """The usual one."""
    return await run_in_threadpool(function)


class Transactions:
    """A store's transactions, each in a thread."""

    def __init__(self, store: ReplicaStore, in_thread: InThread) -> None:
        self._store = store
        self.in_thread = in_thread

    async def read(self, question: Callable[[Unit], Result]) -> Result:
        """What *question* finds in one snapshot."""

        def ask() -> Result:
            with self._store.read() as unit:
                return question(unit)

        return await self.in_thread(ask)

    async def write(self, change: Callable[[Unit], Result]) -> Result:
        """What *change* returns, once it is committed."""

        def carry_out() -> Result:
            with self._store.write() as unit:
                return change(unit)

        return await self.in_thread(carry_out)
