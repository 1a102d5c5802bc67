"""The ATS in a simulated run: its real store, operations and deliverer, through all its lives and histories."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, TypeVar

from prometheus_client import CollectorRegistry

from ats_stub.delivering import Deliverer, DeliveryMetrics
from ats_stub.domain.delivery import DeliveryRules, RetryPolicy
from ats_stub.operations.categories import create_category
from ats_stub.operations.values import write_value
from ats_stub.store import Store, Unit, WriteUnit, open_database, registry_of
from ats_stub.store.journal_pages import JournalPages
from ats_stub.store.restore import _begin_history
from catrelay.models import CategoryValueWrite, CategoryWrite, JournalEntry
from catrelay.sending import Answer
from tests.system.simulated_oracle import History, Value, Values
from tests.system.simulated_processes import Disk, Process, ProcessDatabase, image_of
from tests.system.simulated_time import inline

TENANT, TENANT_NAME = 1, "acme"
ORGS = 1
START = datetime(2026, 11, 22, 9, tzinfo=UTC)
CATEGORIES, VALUES = ("Stage", "Expertise"), 8
"""What there is at the beginning."""

RULES = DeliveryRules(
    RetryPolicy((2, 10, 60), timedelta(days=5)),
    keep_told=timedelta(days=90),
    keep_any=timedelta(days=90),
    lease=timedelta(hours=1),
    poll_seconds=300,
    prune_seconds=7_200,
)

Done = TypeVar("Done")


class Post(Protocol):
    """Takes a ping to an app."""

    async def __call__(self, url: str, body: bytes, /) -> Answer:
        """What came of it."""


def now() -> datetime:
    """The present."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


class Ats:
    """One life of the ATS."""

    def __init__(self, process: Process, post: Post, random: Callable[[], float]) -> None:
        self.process = process
        self._post = post
        self.store = Store(ProcessDatabase("ats", process))
        self.pages = _pages_of(self.store.database.engine, self.store)
        self._deliverer = Deliverer(
            self.store, RULES, self, DeliveryMetrics(CollectorRegistry()), clock=now, in_thread=inline, random=random
        )

    async def run(self) -> None:
        """Deliver for ever."""
        async with self._deliverer.running():
            await asyncio.Event().wait()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a ping."""
        self.process.check_alive()
        answer = await self._post(url, body)
        self.process.check_alive()
        return answer

    def read(self, question: Callable[[Unit], Done]) -> Done:
        """What *question* finds in one snapshot."""
        with self.store.read(TENANT) as unit:
            return question(unit)

    def write(self, app: str, act: Callable[[WriteUnit], Done]) -> Done:
        """What *act* returns within one transaction."""
        with self.store.write(TENANT, app=app, now=now()) as unit:
            return act(unit)

    def begin_history(self, next_id: int) -> None:
        """What `restore` does once a backup's tables are in place. next_id: what the next id would have been."""
        with self.store.database.write() as connection:
            _begin_history(connection, {TENANT_NAME: next_id})


@cache
def _pages_of(engine: object, store: Store) -> JournalPages:
    return JournalPages(store.database)


@dataclass(frozen=True)
class Backup:
    """A copy of the ATS, and what was acknowledged by then. epoch, seq: where its journal was."""

    image: bytes
    values: Values
    epoch: str
    seq: int


class AtsSite:
    """The ATS through all its lives. histories: by epoch. first_seq: the oldest that its journal still has.

    uploads: the category that is filled by uploads alone.
    """

    def __init__(self) -> None:
        image, self.values, self.uploads = ats_pattern()
        self.disk = Disk(image, self._committed)
        self.histories = {"": History()}
        self.epoch = ""
        self.first_seq = 1
        self._life: Ats | None = None
        self._next = History()

    @property
    def history(self) -> History:
        """The present one."""
        return self.histories[self.epoch]

    @property
    def life(self) -> Ats | None:
        """The process that runs now, if one does."""
        return None if self._life is None or self._life.process.is_dead else self._life

    def start(self, process: Process, post: Post, random: Callable[[], float]) -> None:
        """Begin another life."""
        self._life = Ats(process, post, random)
        process.start(self._life.run())

    def look(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a SELECT finds in its database."""
        assert self._life is not None
        return self._life.process.connection.look(statement, *parameters)

    def compacted(self) -> None:
        """Look what is left of the journal."""
        ((first,),) = self.look("SELECT coalesce(min(seq), 0) FROM journal WHERE tenant = ?", TENANT)
        self.first_seq = int(first) or self.history.last + 1

    def back_up(self, values: Values) -> Backup:
        """What there is now."""
        assert self._life is not None
        image = self._life.process.connection.serialize()
        return Backup(image, deepcopy(values), self.epoch, self.history.last)

    def replace(self, backup: Backup) -> int:
        """Put *backup* in the place of what is there, while nothing runs. Returns what the next id would have been."""
        former = self.histories[backup.epoch]
        dropped = {category: 0 for category, at in former.dropped.items() if at <= backup.seq}
        known, given = _next_id(backup.image), _next_id(self.disk.image)
        exists = _existence(former.exists, known, given)
        self._next = History(former.unavailable_at(backup.seq), {}, backup.seq, dropped, exists)
        self.disk.image = backup.image
        return given

    def _committed(self, connection: sqlite3.Connection) -> None:
        look: Any = connection
        ((epoch, last),) = look.look("SELECT epoch, seq FROM counters WHERE tenant = ?", TENANT)
        if epoch != self.epoch:
            self.epoch = epoch
            self.histories[epoch] = self.histories.pop("", self._next)
        if last > self.history.last:
            after = "SELECT entry FROM journal WHERE tenant = ? AND seq > ? ORDER BY seq"
            for (entry,) in look.look(after, TENANT, self.history.last):
                self.history.read(JournalEntry.model_validate_json(entry))


def _next_id(image: bytes) -> int:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(image)
        ((next_id,),) = connection.execute("SELECT next_id FROM counters WHERE tenant = ?", [TENANT]).fetchall()
    return int(next_id)


def _existence(before: Callable[[int], bool], known: int, given: int) -> Callable[[int], bool]:
    return lambda value: before(value) if value < known else value >= given


@cache
def ats_pattern() -> tuple[bytes, Values, int]:
    """The database of an ATS with some categories, what is in it, and the category for uploads."""
    values = Values()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "ats.db"
        database = open_database(f"sqlite:///{file}")
        registry = registry_of(database)
        registry.migrate()
        registry.add_tenant(TENANT_NAME)
        with Store(database).write(TENANT, app="tests", now=START) as unit:
            for name in CATEGORIES:
                category = create_category(unit, CategoryWrite(name=name)).id
                values.categories[category] = name
                for number in range(VALUES):
                    made = write_value(unit, category, CategoryValueWrite(name=f"{name} {number}"))[0]
                    values.by_id[made.id] = Value(made.id, category, made.name)
            uploads = create_category(unit, CategoryWrite(name="Uploads")).id
        database.close()
        return image_of(file), values, uploads
