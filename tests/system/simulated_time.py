"""An event loop for one seeded run: time jumps to what is due next, nothing comes from outside, and nothing waits."""

import asyncio
from collections.abc import Callable
from typing import Any


class _Nothing:
    """In the place of a selector: what is waited for is time alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "nothing will ever happen"
        self.now += max(timeout, 0.0)
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """Time starts at 0 and passes only while nothing is to be done. What is for another thread is done at once."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Nothing()

    def time(self) -> float:
        return self._selector.now

    def run_in_executor(  # type: ignore[override] # as wide as any caller needs it
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
            done.set_exception(error)
        return done

    def call_soon_threadsafe(  # type: ignore[override] # as above
        self, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> Any:
        return self.call_soon(callback, *args, context=context)

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


async def inline(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What *call* returns: in the place of a thread."""
    return call(*arguments, **named)
