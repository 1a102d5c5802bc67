"""Where work that waits for the disk is done."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from starlette.concurrency import run_in_threadpool

Result = TypeVar("Result")


class InThread(Protocol):
    """Calls a function where it holds nobody up; gives what it returns."""

    def __call__(self, function: Callable[[], Result], /) -> Awaitable[Result]: ...


async def in_threadpool(function: Callable[[], Any], /) -> Any:
    """The usual one."""
    return await run_in_threadpool(function)
