"""Writers take turns, first come first served, and those who wait for the same commit share it.

A durable commit costs a flush of the disk. While one is under way, others queue up; then each of them does its part in
one transaction, one after another, and they are committed together. A part that fails is rolled back alone.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, NestedTransaction

MAX_PARTS = 64
"""Of a transaction, before whoever waits gets one of their own: other processes want to write, too."""


class _Shared:
    """A transaction that several writers share."""

    def __init__(self, connection: Connection, max_seconds: float) -> None:
        self.connection = connection
        self.parts = 0
        self._full_from = time.monotonic() + max_seconds
        self.ended = threading.Event()
        self.error: BaseException | None = None

    @property
    def is_full(self) -> bool:
        return self.parts >= MAX_PARTS or time.monotonic() > self._full_from

    @contextmanager
    def part(self) -> Iterator[Connection]:
        """One writer's statements. The first needs no savepoint: all there is to roll back is its own."""
        if self.parts == 0:
            self.connection.begin()
            yield self.connection
        else:
            savepoint = self.connection.begin_nested()
            try:
                yield self.connection
            except BaseException:
                self._roll_back_alone(savepoint)
                raise
            savepoint.commit()
        self.parts += 1

    def _roll_back_alone(self, savepoint: NestedTransaction) -> None:
        try:
            savepoint.rollback()
        except BaseException as error:
            # The database rolled back all of it (SQLite does, when the disk is full): whoever wrote before is not to
            # hear that it is durable, and nobody is to join.
            self.error = error
            raise

    def end(self) -> None:
        """Commit, or roll back when no part succeeded, and tell those who wait for it."""
        try:
            with self.connection:
                if self.error is not None:
                    self.connection.invalidate()
                elif self.parts:
                    self._commit()
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.set()

    def _commit(self) -> None:
        try:
            self.connection.commit()
        except BaseException:
            self.connection.invalidate()  # or it would go back to the pool within its transaction
            raise


class WriterQueue:
    """The writers of one database, or of one part of it that is written by one at a time.

    connect: opens a connection to write with. max_seconds: how long a transaction lasts, at most, if others wait.
    """

    def __init__(self, connect: Callable[[], Connection], max_seconds: float) -> None:
        self._connect = connect
        self._max_seconds = max_seconds
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False
        self._open: _Shared | None = None

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """The transaction, for this thread alone. Left cleanly, what was written is durable; else nothing of it is."""
        self._take_turn()
        try:
            shared = self._open = self._open or _Shared(self._connect(), self._max_seconds)
        except BaseException:
            self._pass_on()
            raise
        try:
            with shared.part() as connection:
                yield connection
        finally:
            self._leave(shared)
        shared.ended.wait()
        if shared.error is not None:
            raise shared.error

    def _take_turn(self) -> None:
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    def _leave(self, shared: _Shared) -> None:
        """Let the next one join the transaction; without a next one, or when it is full or void, end it."""
        with self._mutex:
            is_joined = bool(self._waiting) and shared.parts > 0 and shared.error is None and not shared.is_full
        try:
            if not is_joined:
                self._open = None
                shared.end()
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False
