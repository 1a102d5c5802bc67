"""Waking those who wait for work in other processes on the same PostgreSQL, without a poll in between.

A NOTIFY inside of a transaction lets its commit wait for every other that notifies, in the whole cluster. So it is sent
afterwards, on a connection of its own, once for all that came meanwhile. It may be lost: with a process that dies
between the two, with a connection that breaks, behind a pooler that passes none on (PgBouncer in transaction mode). So
those who wait look for work by themselves too, now and then.
"""

import asyncio
import math
import random
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from uuid import uuid4

import psycopg
import structlog
from psycopg.sql import SQL, Identifier

from catrelay.database import Database

log = structlog.get_logger()

GAP_SECONDS = 0.01
"""From one NOTIFY to the next: the first of a burst is sent at once, the others together."""
RETRY_SECONDS = (0.1, 1.0, 5.0, 15.0, 30.0)
"""Waits between attempts to connect, then the last again."""
JITTER = 0.2


class Waker:
    """Wakes in this process at once, and, within *running*, in every other that has the same database and schema.

    Names say what there is to be done; whoever is woken looks for it in the database. On SQLite only this process is
    woken. A listener must be quick, and must not wake by itself: it runs in the thread that wakes, or in the waker's.
    """

    def __init__(self, database: Database, *, gap_seconds: float = GAP_SECONDS) -> None:
        self._database = database
        self._gap_seconds = gap_seconds
        self._channel = f"catrelay_{database.schema}"
        # Marks what this waker sends. Its backend's pid would not: poolers tell another one than the server.
        self._own = uuid4().hex
        self._listeners: dict[str, list[Callable[[], object]]] = {}
        self._untold: set[str] = set()
        self._told_at = -math.inf
        self._bell = _Bell()
        self._failures = 0

    @contextmanager
    def on_wake(self, name: str, listener: Callable[[], object]) -> Iterator[None]:
        """Call *listener* whenever there may be something to be done, as long as the block lasts."""
        listeners = self._listeners.setdefault(name, [])
        listeners.append(listener)
        try:
            yield
        finally:
            listeners.remove(listener)

    def wake(self, name: str) -> None:
        """Say that there is something to be done, once what is to be found is committed."""
        self._call([name])
        if not self._database.is_sqlite:
            self._untold.add(name)
            self._bell.ring()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell and hear other processes until the block is left; what is still to be told is told before."""
        if self._database.is_sqlite:
            yield
            return
        stop = threading.Event()
        with self._bell.hung_up():
            thread = threading.Thread(target=self._run, args=[stop], name="waker")
            thread.start()
            try:
                yield
            finally:
                stop.set()
                self._bell.ring()
                try:
                    await asyncio.to_thread(thread.join)
                finally:
                    thread.join()  # cancelled meanwhile: the bell is not taken away from under it

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                with closing(self._database.connect_apart()) as connection:
                    self._attend(connection, stop)
            except psycopg.Error as error:
                if self._failures == 0:
                    log.warning("other processes cannot be woken, and look for work now and then", error=str(error))
                seconds = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
                self._failures += 1
                stop.wait(seconds * random.uniform(1 - JITTER, 1 + JITTER))

    def _attend(self, connection: psycopg.Connection, stop: threading.Event) -> None:
        """Tell and hear until *stop*. Raises psycopg.Error when the connection breaks."""
        connection.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
        if self._failures:
            log.info("other processes are woken again")
            self._failures = 0
        self._call(list(self._listeners))  # nobody knows what was told before
        arrived = select.poll()
        arrived.register(connection.fileno(), select.POLLIN)
        arrived.register(self._bell.fileno(), select.POLLIN)
        while not stop.is_set():
            wait_seconds = self._told_at + self._gap_seconds - time.monotonic()
            if wait_seconds <= 0:
                self._tell(connection)
            self._hear(connection)
            is_put_off = wait_seconds > 0 and bool(self._untold)
            arrived.poll(math.ceil(wait_seconds * 1_000) if is_put_off else None)
            self._bell.silence()
        self._tell(connection)

    def _tell(self, connection: psycopg.Connection) -> None:
        names: set[str] = set()
        while self._untold:
            names.add(self._untold.pop())
        if not names:
            return
        try:
            told = [self._channel, " ".join([self._own, *names])]
            connection.execute("SELECT pg_notify(%s, %s)", told, prepare=False)
        except psycopg.Error:
            self._untold |= names
            raise
        self._told_at = time.monotonic()

    def _hear(self, connection: psycopg.Connection) -> None:
        for heard in connection.notifies(timeout=0):
            sender, *names = heard.payload.split(" ")
            if sender != self._own:
                self._call(names)

    def _call(self, names: Iterable[str]) -> None:
        for name in names:
            for listener in list(self._listeners.get(name, ())):
                try:
                    listener()
                except Exception:  # whoever wakes has committed, and others are to be woken as well
                    log.exception("cannot wake", name=name)


class _Bell:
    """Wakes a thread that polls. To ring it again before it is silenced costs nothing."""

    def __init__(self) -> None:
        self._button: socket.socket | None = None
        self._is_rung = False

    @contextmanager
    def hung_up(self) -> Iterator[None]:
        """While there is somebody who polls."""
        self._sound, self._button = socket.socketpair()
        self._sound.setblocking(False)
        with self._sound, self._button:
            yield
        self._button = None

    def fileno(self) -> int:
        return self._sound.fileno()

    def ring(self) -> None:
        button = self._button
        if button is not None and not self._is_rung:
            self._is_rung = True
            with suppress(OSError):  # nobody polls any more
                button.send(b"\0")

    def silence(self) -> None:
        """Whatever is rung for from now on rings."""
        with suppress(BlockingIOError):
            self._sound.recv(1_024)
        self._is_rung = False
