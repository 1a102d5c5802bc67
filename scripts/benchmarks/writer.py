"""One more client that writes, in a process of its own, while something else is measured."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

from scripts.benchmarks.line import Line, Target


@dataclass(frozen=True)
class Wait:
    """One write: when it began and how long its answer took, on the clock that all processes share."""

    began: float
    seconds: float


class Writer:
    """Creates one value after the other over one connection until it is told to stop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def stop(self) -> list[Wait]:
        """All writes, once the last is answered."""
        self._connection.send("stop")
        waits: list[Wait] = self._connection.recv()
        return waits


@contextmanager
def writing(target: Target, path: str) -> Iterator[Writer]:
    """A writer whose first value is created."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_write, args=(target, path, theirs))
    process.start()
    try:
        assert ours.recv() == "started"
        yield Writer(ours)
    finally:
        process.join(1)
        process.kill()


def _write(target: Target, path: str, connection: Connection) -> None:
    waits = []
    with Line(target) as line:
        while not connection.poll():
            began = time.monotonic()
            answer = line.post(path, {"name": "Written meanwhile"})
            assert answer.status == 201, answer.body
            waits.append(Wait(began, answer.seconds))
            if len(waits) == 1:
                connection.send("started")
    connection.recv()
    connection.send(waits)
