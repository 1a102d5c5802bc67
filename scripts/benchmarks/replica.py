"""An app with objects that have values, and its replicator."""

import asyncio
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit

from replicator import ColumnBinding, Replicator
from scripts.benchmarks.bare import Bare, bare
from scripts.benchmarks.line import Target
from scripts.benchmarks.machine import peak_megabytes
from scripts.benchmarks.stage import Stage
from tests.postgres import fresh_database

SCHEMA = "public"
OBJECTS = "objects"
MAKE_OBJECTS = (
    f"CREATE TABLE {OBJECTS} (id INTEGER PRIMARY KEY, value BIGINT)",
    f"CREATE INDEX objects_by_value ON {OBJECTS} (value)",
)
NEVER = timedelta(days=1)
_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Took:
    """cpu_seconds: that the processor worked for the app, which on PostgreSQL is not all.

    peak_megabytes: the most memory that the process ever held; None where the system does not tell.
    """

    seconds: float
    cpu_seconds: float
    peak_megabytes: float | None


class Clock:
    """Measures from when it is made."""

    def __init__(self) -> None:
        self._began, self._worked = time.perf_counter(), time.process_time()

    def stop(self) -> Took:
        """What it took this process."""
        seconds, worked = time.perf_counter() - self._began, time.process_time() - self._worked
        return Took(seconds, worked, peak_megabytes(os.getpid()))


@dataclass(frozen=True)
class App:
    """database: of its objects and its replica. ats: the tenant's part of it. category: of the objects' values."""

    database: str
    ats: Target
    category: int

    @property
    def tenant(self) -> str:
        """The tenant's name at the ATS."""
        return self.ats.prefix.removeprefix("/t/")

    def replicator(self, public_url: str | None = None) -> Replicator:
        """One that looks by itself once only."""
        return Replicator(
            ats=self.ats.url,
            token=self.ats.authorization.removeprefix("Bearer "),
            tenant=self.tenant,
            store=self.database,
            bindings=[ColumnBinding(OBJECTS, OBJECTS, "id", "value", category=self.category)],
            public_url=public_url,
            interval=NEVER,
        )

    @contextmanager
    def bare(self) -> Iterator[Bare]:
        """A plain connection to its tables."""
        with bare(self.database, SCHEMA) as database:
            yield database

    def make_objects(self, values: Iterable[int]) -> None:
        """Objects 1, 2, 3 and so on, each with its value."""
        with self.bare() as database:
            for statement in MAKE_OBJECTS:
                database.seconds_of(statement)
            database.load(OBJECTS, ("id", "value"), enumerate(values, 1))

    def values(self) -> list[int]:
        """Of the objects, in their order."""
        with self.bare() as database:
            return [value for (value,) in database.rows(f"SELECT value FROM {OBJECTS} ORDER BY id")]


def catch_up(app: App, public_url: str | None = None) -> Took:
    """Start a replicator and bring all up to date once."""
    return asyncio.run(_catch_up(app, public_url))


async def _catch_up(app: App, public_url: str | None) -> Took:
    replicator = app.replicator(public_url)
    replicator.store.migrate()
    try:
        clock = Clock()
        await replicator.catch_up()
        return clock.stop()
    finally:
        await replicator.close()


@contextmanager
def app_database(stage: Stage, like: str | None = None) -> Iterator[str]:
    """A database for an app: empty, or a copy of *like*, to which nobody is connected."""
    if stage.kind == "postgresql":
        copied = "template1" if like is None else urlsplit(like).path.removeprefix("/")
        with fresh_database(stage.database, like=copied) as database:
            yield database
        return
    path = stage.folder / f"app-{token_hex(4)}.db"
    if like is not None:
        shutil.copyfile(like.removeprefix(_SQLITE), path)
        _flush(path)
    try:
        yield f"{_SQLITE}{path}"
    finally:
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """So that the first commit is not the one that writes all of it to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
