"""Processes that die between any two statements, and are started anew from what they had committed.

A database is the image of a SQLite file, kept in memory: what a process committed is in it, and nothing else of the
process outlives it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlite_utils
from sqlalchemy import Engine, event

from catrelay.database import Database
from catrelay.embedded import EmbeddedDatabase


class Crash(BaseException):
    """The end of a process: nothing in it may catch this."""


@dataclass
class Disk:
    """What outlives a process. committed: called after each commit that may have written, with the connection."""

    image: bytes
    committed: Callable[[sqlite3.Connection], None] = lambda _: None


class Process:
    """One life of a process, from its start to its death. on_death: called soon after that."""

    def __init__(self, name: str, disk: Disk, on_death: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.is_dead = False
        self.statements = 0
        self._disk = disk
        self._on_death = on_death
        self._last: int | None = None
        self._is_last_done = False
        self._tasks: list[asyncio.Task[None]] = []
        self._is_watched = False
        self.connection = sqlite3.connect(
            ":memory:", factory=_Connection, isolation_level=None, check_same_thread=False, cached_statements=512
        )
        self.connection.deserialize(disk.image)
        self.connection.process = self

    def die_after(self, statements: int, *, is_last_done: bool) -> None:
        """Let it die at that statement from now, before or after it is done."""
        self._last, self._is_last_done, self._is_watched = self.statements + max(statements, 1), is_last_done, True

    def live_on(self) -> None:
        """Whatever was said by *die_after* is void."""
        self._last, self._is_watched = None, self.is_dead

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let *work* go on as long as the process lives."""
        self._tasks.append(asyncio.get_running_loop().create_task(self._live(work)))

    def kill(self) -> None:
        """End it here and now: what is not committed is gone."""
        if self.is_dead:
            return
        self._die()

    def before_statement(self) -> None:
        """Let it die, if it is time."""
        self.statements += 1
        if self._is_watched:
            self._die_if_due(is_done=False)

    def after_statement(self) -> None:
        """Let it die, if it is time; the statement is done."""
        if not self.connection.in_transaction and self.connection.has_written:
            self._disk.committed(self.connection)
        if self._is_watched:
            self._die_if_due(is_done=True)

    def check_alive(self) -> None:
        """Raise Crash unless it is alive."""
        if self.is_dead:
            raise Crash(self.name)

    def _die_if_due(self, *, is_done: bool) -> None:
        is_due = self._last is not None and self.statements >= self._last and is_done == self._is_last_done
        if is_due and not self.is_dead:
            self._die()
        self.check_alive()

    def _die(self) -> None:
        self.is_dead = self._is_watched = True
        self.connection.roll_back_and_save(self._disk)
        # Later: this is within one of its tasks, perhaps.
        asyncio.get_running_loop().call_soon(self._bury)

    def _bury(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._on_death()

    async def _live(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever it is, the run has failed
            if not is_crash(error):
                asyncio.get_running_loop().call_exception_handler({"message": f"in {self.name}", "exception": error})


def is_crash(error: BaseException) -> bool:
    """Whether *error* is but the death of a process."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_crash(each) or isinstance(each, asyncio.CancelledError) for each in error.exceptions)
    return isinstance(error, Crash)


def image_of(file: Path) -> bytes:
    """The database in *file*, which nobody else uses."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # what is in memory has no write-ahead log
        return connection.serialize()


class _Cursor(sqlite3.Cursor):
    connection: "_Connection"

    def execute(self, sql: str, parameters: Any = (), /) -> "_Cursor":
        process = self.connection.process
        process.before_statement()
        super().execute(sql, parameters)
        process.after_statement()
        return self

    def executemany(self, sql: str, parameters: Any, /) -> "_Cursor":
        process = self.connection.process
        process.before_statement()
        super().executemany(sql, parameters)
        process.after_statement()
        return self


class _Connection(sqlite3.Connection):
    """A connection whose process may die at each statement."""

    process: Process
    _changes_seen = 0

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _Cursor)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return super().cursor(_Cursor).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        return super().cursor(_Cursor).executemany(sql, parameters)

    def commit(self) -> None:
        self.process.before_statement()
        super().commit()
        self.process.after_statement()

    def close(self) -> None:
        """Whoever has it closed opens it again, for it is the only one."""
        super().rollback()

    @property
    def has_written(self) -> bool:
        """Whether it may have written since it was asked last."""
        seen, self._changes_seen = self._changes_seen, self.total_changes
        return seen != self._changes_seen

    def look(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a SELECT finds, for those who watch the process: it is none of its statements."""
        return super().cursor(sqlite3.Cursor).execute(statement, parameters).fetchall()

    def roll_back_and_save(self, disk: Disk) -> None:
        super().rollback()
        disk.image = self.serialize()


class ProcessEmbedded(EmbeddedDatabase):
    """The embedded database of a process."""

    def __init__(self, process: Process) -> None:
        super().__init__("sqlite:///in-memory")
        self._process = process
        self._is_open = False

    def _open(self) -> sqlite_utils.Database:
        assert not self._is_open, "nothing here runs at the same time"
        self._is_open = True
        self._process.check_alive()
        self._process.connection.execute("PRAGMA foreign_keys=ON")
        return sqlite_utils.Database(self._process.connection)


class ProcessDatabase(Database):
    """The database of a process that uses SQLAlchemy. One process of a *service* lives at a time.

    Its engine outlives it for the sake of the statements compiled there; connections do not.
    """

    def __init__(self, service: str, process: Process) -> None:
        super().__init__("sqlite:///in-memory")
        self.engine = _engine_of(service)
        self.engine.dispose()
        _RUNNING[service] = process


_RUNNING: dict[str, Process] = {}


@cache
def _engine_of(service: str) -> Engine:
    engine = Database("sqlite:///in-memory").engine

    @event.listens_for(engine, "do_connect")
    def connect(*_: object) -> sqlite3.Connection:
        _RUNNING[service].check_alive()
        return _RUNNING[service].connection

    return engine
