"""Threads that do the same thing at the same time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

THREADS = 8

T = TypeVar("T")


def in_threads(work: Callable[[], T], *, threads: int = THREADS) -> list[T]:
    """What each of the threads, which are let go at once, came to."""
    together = threading.Barrier(threads)

    def run() -> T:
        together.wait()
        return work()

    with ThreadPoolExecutor(threads) as pool:
        return [done.result() for done in [pool.submit(run) for _ in range(threads)]]
