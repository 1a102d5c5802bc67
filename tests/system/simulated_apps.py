"""An app in a simulated run: a real replicator beside the app's own tables, whose objects it also changes by hand."""

import sqlite3
from collections.abc import Callable, Mapping, Set
from datetime import timedelta
from functools import cache
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from catrelay.embedded import EmbeddedDatabase, registry_migrations
from catrelay.sending import Answer
from replicator import Policy, Replicator, migrations
from tests.replicator.objects import App, app_migrations, articles, quotes
from tests.system.simulated_ats import ORGS, TENANT, TENANT_NAME, AtsSite, now
from tests.system.simulated_client import SimulatedAts
from tests.system.simulated_oracle import Moved, Pinned
from tests.system.simulated_processes import Crash, Disk, Process, ProcessEmbedded, image_of
from tests.system.simulated_time import inline

INTERVAL = timedelta(seconds=60)
RESYNC_DELAY = timedelta(seconds=2)
HANDOVER = timedelta(seconds=5)
_SHOWN = f"available AND (category = {ORGS} OR category IN (SELECT id FROM replica_categories))"
PATH_OF_BATCH = "/deltaPings"


class Site:
    """One app through all its lives. events: what its objects follow, in the order of its commits."""

    def __init__(self, name: str, policies: Mapping[str, Policy], ats: AtsSite) -> None:
        self.name = name
        self.url = f"http://{name}"
        self.policies = policies
        self.disk = Disk(app_pattern(), self._committed)
        self.events: list[Moved | Pinned] = []
        self.process: Process | None = None
        self.left: dict[tuple[str, int], set[int]] = {}
        """Values that objects were taken from by hand. Pinned to one of them again before the replicator looks, an
        object cannot be told from one that nobody touched: no app does so here."""
        self.categories: dict[int, int] = {}
        """Of articles."""
        self._ats = ats
        self.cursor: tuple[str, int] | None = None
        self._pinning: Pinned | None = None

    def start(self, process: Process, ats: SimulatedAts, random: Random) -> None:
        """Begin another life."""
        self.process = process
        database = ProcessEmbedded(process)
        self.app = App(database, TENANT)
        self.replicator = Replicator(
            ats=ats,
            store=self.app.store,
            bindings=[quotes(self.policies["quote"]), articles(self.policies["article"])],
            public_url=self.url,
            interval=INTERVAL,
            resync_delay=RESYNC_DELAY,
            handover=HANDOVER,
            now=now,
            chance=random.random,
            in_thread=inline,
        )
        process.start(self.replicator.run())

    @property
    def is_up(self) -> bool:
        """Whether a process runs."""
        return self.process is not None and not self.process.is_dead

    async def take(self, path: str, body: bytes) -> Answer:
        """Take a ping in, as the routes do."""
        if not self.is_up:
            return Answer(None, "connection refused")
        path = path.removeprefix(f"/t/{TENANT_NAME}")
        paths = [each["path"] for each in orjson.loads(body)["pings"]] if path == PATH_OF_BATCH else [path]
        try:
            await self.replicator.receive(paths)
        except Crash:
            return Answer(None, "connection reset")
        return Answer(204)

    def known(self) -> list[tuple[int, int]]:
        """The category and id of each value that the app could offer now."""
        assert self.process is not None
        return self.process.connection.look(
            f"SELECT category, id FROM replica_values WHERE {_SHOWN} ORDER BY category, id"
        )

    def documents(self) -> dict[int, tuple[int, str]]:
        """Category and state of each value that the replica shows, by id."""
        assert self.process is not None
        rows = self.process.connection.look(f"SELECT id, category, document FROM replica_values WHERE {_SHOWN}")
        return {id_: (category, document) for id_, category, document in rows}

    def quotes(self) -> list[tuple[int, int, int | None]]:
        """Id, category and value of each quote."""
        assert self.process is not None
        return self.process.connection.look("SELECT id, category, value FROM quotes ORDER BY id")

    def articles(self) -> dict[int, set[int]]:
        """The values of each article."""
        assert self.process is not None
        found: dict[int, set[int]] = {
            article: set() for (article,) in self.process.connection.look("SELECT id FROM articles ORDER BY id")
        }
        for article, value in self.process.connection.look(
            "SELECT article, value FROM article_values ORDER BY article, value"
        ):
            found[article].add(value)
        return found

    def next_id(self, table: str) -> int:
        """The id of the object to be added next."""
        assert self.process is not None
        rows = self.process.connection.look("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        return 1 + (rows[0][0] if rows else 0)

    def choices(
        self, object_: tuple[str, int], category: int, number: int, count: int, present: Set[int]
    ) -> frozenset[int]:
        """Up to *count* values to which the object may be pinned next; it is taken from all others of *present*."""
        left = self.left.setdefault(object_, set())
        offered = [value for of, value in self.known() if of == category and value not in left]
        start = number % len(offered) if offered else 0
        chosen = frozenset((offered[start:] + offered[:start])[:count])
        left |= present - chosen
        return chosen

    def delete_quote(self, quote: int) -> None:
        """As the app does by hand."""
        with self.app.database.write() as db:
            db.execute("DELETE FROM quotes WHERE id = ?", [quote])

    def by_hand(self, pinned: Pinned, act: Callable[[], object]) -> bool:
        """Let the app do *act*, which is *pinned*. Whether it came to that: the process may have died before."""
        before = len(self.events)
        self._pinning = pinned
        try:
            act()
        except Crash:
            pass
        finally:
            self._pinning = None
        return len(self.events) > before

    def _committed(self, connection: sqlite3.Connection) -> None:
        if self._pinning is not None:
            self.events.append(self._pinning)
            self._pinning = None
            return
        cursor = _cursor(connection)
        if cursor != self.cursor and cursor is not None:
            self.events.append(_moved(self.cursor, cursor, self._ats))
            self.cursor = cursor


def _moved(before: tuple[str, int] | None, after: tuple[str, int], ats: AtsSite) -> Moved:
    is_same = before is not None and before[0] == after[0]
    may_have_read = before is not None and is_same and after[1] > before[1]
    must_have_read = may_have_read and before is not None and after[0] == ats.epoch and ats.first_seq <= before[1] + 1
    if must_have_read:
        return Moved(before, after, True, ())
    settled = [(*after, ats.histories[after[0]].last)]
    if after[0] != ats.epoch:  # it was restored while this replica read
        settled.append((ats.epoch, ats.history.last, ats.history.last))
    return Moved(before, after, may_have_read, tuple(settled))


def _cursor(connection: Any) -> tuple[str, int] | None:
    rows = connection.look(
        "SELECT epoch, seq FROM replica_state JOIN replica_cursors ON replica = replica_state.id"
        " WHERE category = 0 AND epoch IS NOT NULL"
    )
    return rows[0] if rows else None


@cache
def app_pattern() -> bytes:
    """The database of an app that was never started."""
    with TemporaryDirectory() as folder:
        database = EmbeddedDatabase(f"sqlite:///{folder}/app.db")
        database.migrate(registry_migrations, migrations, app_migrations)
        with database.write() as db:
            db.execute("INSERT INTO tenants (tenant, name) VALUES (1, ?)", [TENANT_NAME])
        database.close()
        return image_of(database.path)
