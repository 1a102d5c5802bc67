"""Writers take turns, first come first served, and those who wait for the same commit share it.

A durable commit costs a flush of the disk. While one is under way, others queue up; then each of them does its part in
one transaction, one after another, and they are committed together. A part that fails is rolled back alone.
"""

import asyncio
import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from psycopg.pq import TransactionStatus
from sqlalchemy import Connection

Written = TypeVar("Written")

MAX_PARTS = 64
"""Of a transaction, before whoever waits gets one of their own: other processes want to write, too."""


class Owed(Protocol):
    """What the parts of a transaction owe the database until it is committed."""

    def settle(self, connection: Connection) -> None:
        """Write that for which others look. Called before a part writes by statements of its own."""

    def pay(self, connection: Connection) -> None:
        """Write it all. Called right before the commit, and before a part that has to see all that was written."""


OwedKind = TypeVar("OwedKind", bound=Owed)


class Transaction:
    """A transaction that several writers share, one after another."""

    def __init__(self, connection: Connection, max_seconds: float) -> None:
        self.connection = connection
        self.parts = 0
        self._full_from = time.monotonic() + max_seconds
        self._owed: dict[Hashable, Owed] = {}
        self._is_marked = self._has_savepoint = False
        self._ended = threading.Event()
        self.error: BaseException | None = None

    @property
    def is_open(self) -> bool:
        """Whether another part may join."""
        return self.error is None and 0 < self.parts < MAX_PARTS and time.monotonic() < self._full_from

    @property
    def is_committed(self) -> bool:
        """Whether what was written is durable."""
        return self._ended.is_set() and self.error is None and self.parts > 0

    def owed(self, key: Hashable, make: Callable[[Connection], OwedKind]) -> OwedKind:
        """What the parts before left under *key*, made now if there is nothing. A part must change it last of all."""
        if key not in self._owed:
            self._owed[key] = make(self.connection)
        owed: Any = self._owed[key]
        return owed  # type: ignore[no-any-return]

    def mark(self) -> None:
        """Have the present part's statements from here on rolled back with it, should it fail.

        Called before its first statement that writes; what the parts before left to be settled is written first.
        """
        if self._is_marked:
            return
        try:
            for owed in self._owed.values():
                owed.settle(self.connection)
            self._execute(*["RELEASE SAVEPOINT part"] if self._has_savepoint else [], "SAVEPOINT part")
        except BaseException as error:
            self.error = error
            raise
        self._is_marked = self._has_savepoint = True

    @contextmanager
    def part(self, *, sees_all: bool) -> Iterator["Transaction"]:
        """One writer's statements. sees_all: that what is owed is written before, and that it need not call *mark*."""
        if self.parts == 0:
            self.connection.begin()
        # The first needs no savepoint: all there is to roll back is its own.
        self._is_marked = self.parts == 0
        if sees_all:
            self._pay()
            self.mark()
        owed_before = dict(self._owed)
        try:
            yield self
        except BaseException as error:
            self._owed = owed_before  # what was read under locks that are released now is not to be relied on
            if self.parts and self._is_marked:
                self._roll_back_alone()
            elif self.parts and self._is_aborted():
                self.error = error
            raise
        self.parts += 1

    def _pay(self) -> None:
        """Write what is owed, and forget it: a part that follows may change it in the database itself."""
        try:
            # All of it in one trip to PostgreSQL.
            with nullcontext() if self._is_sqlite else self._driver.pipeline():
                for owed in self._owed.values():
                    owed.pay(self.connection)
        except BaseException as error:
            self.error = error
            raise
        self._owed.clear()

    def _roll_back_alone(self) -> None:
        try:
            self._execute("ROLLBACK TO SAVEPOINT part")
        except BaseException as error:
            # The database rolled back all of it (SQLite does, when the disk is full): whoever wrote before is not to
            # hear that it is durable, and nobody is to join.
            self.error = error
            raise

    def _is_aborted(self) -> bool:
        """Whether the database itself gave the transaction up. PostgreSQL would take its commit and roll it back."""
        if self._is_sqlite:
            return not self._driver.in_transaction
        return bool(self._driver.info.transaction_status == TransactionStatus.INERROR)

    def _execute(self, *statements: str) -> None:
        if self._is_sqlite:
            for statement in statements:
                self._driver.execute(statement)
        else:
            self._driver.execute("; ".join(statements), prepare=False)  # in one trip

    @property
    def _is_sqlite(self) -> bool:
        return self.connection.dialect.name == "sqlite"

    @property
    def _driver(self) -> Any:
        return self.connection.connection.driver_connection

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
            self._ended.set()

    def _commit(self) -> None:
        try:
            self._pay()
            self.connection.commit()
        except BaseException:
            self.connection.invalidate()  # or it would go back to the pool within its transaction
            raise

    def wait(self) -> None:
        """Return when it is durable. Raises what kept it from that."""
        self._ended.wait()
        if self.error is not None:
            raise self.error


@dataclass
class _Asked:
    """A part that a coroutine waits for. answer: what to do with what came of it."""

    part: Callable[[Transaction], Any]
    future: "asyncio.Future[Any]"
    context: contextvars.Context
    written: Any = None
    error: BaseException | None = None

    def run(self, transaction: Transaction) -> None:
        with transaction.part(sees_all=False):
            self.written = self.context.run(self.part, transaction)

    def answer(self) -> None:
        if self.future.done():  # whoever asked has gone
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.written)


class WriterQueue:
    """The writers of one database, or of one part of it that is written by one at a time.

    connect: opens a connection to write with. max_seconds: how long a transaction lasts, at most, if others wait.
    workers: run the parts of coroutines. on_commit: called after each commit.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        max_seconds: float,
        workers: Executor,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect = connect
        self._max_seconds = max_seconds
        self._workers = workers
        self._on_commit = on_commit
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False
        self._open: Transaction | None = None
        self._asked: deque[_Asked] = deque()
        self._is_served = False

    @contextmanager
    def turn(self, *, sees_all: bool = False, is_long: bool = False) -> Iterator[Transaction]:
        """The transaction, for this thread alone. Left cleanly, what was written is durable; else nothing of it is.

        sees_all: that no other part owes it anything. is_long: that its commit is not for others to wait for.
        """
        self._take_turn()
        try:
            if is_long:
                self._end_open()
            transaction = self._transaction()
            with transaction.part(sees_all=sees_all):
                yield transaction
        finally:
            self._leave(may_be_joined=not is_long)
        transaction.wait()

    async def run(self, part: Callable[[Transaction], Written]) -> Written:
        """What *part* returns, once that which it wrote is durable; when it raises, nothing of it is.

        Those who ask meanwhile are served by one thread: to hand the turn from thread to thread for each of them would
        cost more than a small part itself.
        """
        future: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        with self._mutex:
            self._asked.append(_Asked(part, future, contextvars.copy_context()))
            is_served, self._is_served = self._is_served, True
        if not is_served:
            self._workers.submit(self._serve)
        return await future

    def _serve(self) -> None:
        """Do all that is asked now; for what is asked meanwhile, stand in line behind the other queues' work."""
        with self._mutex:
            asked = list(self._asked)
            self._asked.clear()
        while asked:
            served = self._serve_turn(asked)
            del asked[: len(served)]
            _tell(served)
        with self._mutex:
            self._is_served = bool(self._asked)
            if self._is_served:
                self._workers.submit(self._serve)

    def _serve_turn(self, asked: list[_Asked]) -> list[_Asked]:
        """Do the first parts of *asked*, those that fit into one transaction. Returns them."""
        served: list[_Asked] = []
        self._take_turn()
        try:
            try:
                transaction = self._transaction()
                for each in asked:
                    served.append(each)
                    try:
                        each.run(transaction)
                    except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                        each.error = error
                    if not transaction.is_open:
                        break
            finally:
                self._leave()
            if transaction.parts:
                transaction.wait()
        except BaseException as error:  # noqa: BLE001 - as above
            for each in served or asked:
                each.error = each.error or error
            return served or list(asked)
        return served

    def _transaction(self) -> Transaction:
        if self._open is None:
            self._open = Transaction(self._connect(), self._max_seconds)
        return self._open

    def _take_turn(self) -> None:
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    def _leave(self, *, may_be_joined: bool = True) -> None:
        """Let the next one join the transaction; without a next one, or when it is full or void, end it."""
        with self._mutex:
            is_joined = may_be_joined and bool(self._waiting) and self._open is not None and self._open.is_open
        try:
            if not is_joined:
                self._end_open()
        finally:
            self._pass_on()

    def _end_open(self) -> None:
        """Commit what others wrote, if it is not yet."""
        transaction, self._open = self._open, None
        if transaction is not None:
            transaction.end()
            if transaction.is_committed:
                self._on_commit()

    def _pass_on(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False


def _tell(served: Iterable[_Asked]) -> None:
    """Wake those who wait, each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Asked]] = {}
    for each in served:
        by_loop.setdefault(each.future.get_loop(), []).append(each)
    for loop, of_loop in by_loop.items():
        with suppress(RuntimeError):  # it was closed: nobody waits any more
            loop.call_soon_threadsafe(_answer_all, of_loop)


def _answer_all(served: Iterable[_Asked]) -> None:
    for each in served:
        each.answer()
