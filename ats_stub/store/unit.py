"""Units of work: one snapshot to read from, or one transaction to write in, for one tenant."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection, Row, insert, select, update

from ats_stub.store import schema
from ats_stub.store.categories import CategoryStore
from ats_stub.store.changes import ChangeLog
from ats_stub.store.jobs import JobStore
from ats_stub.store.journal import JournalStore
from ats_stub.store.subscriptions import SubscriptionStore
from ats_stub.store.values import ValueStore
from catrelay.database import Database
from catrelay.problems import Forbidden


class Store:
    """The ATS's database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @contextmanager
    def read(self, tenant: int) -> Iterator["Unit"]:
        """A snapshot of one tenant. Raises Forbidden when the tenant was removed meanwhile."""
        with self.database.read() as connection:
            yield Unit(connection, tenant, _counters(connection, tenant, lock=False))

    @contextmanager
    def write(self, tenant: int, *, app: str, now: datetime) -> Iterator["WriteUnit"]:
        """A transaction on one tenant, serialised with its other writes from the first statement on.

        app: who asks for it. Commits on a clean exit, rolls back on any exception.
        """
        with self.database.write() as connection:
            unit = WriteUnit(connection, tenant, _counters(connection, tenant, lock=True), app, now)
            yield unit
            unit.flush()


@dataclass
class Counters:
    """A tenant's numbers. next_id: the next id to give; seq: the journal's last; position: the change log's last."""

    next_id: int
    seq: int
    position: int
    epoch: str
    orgs_category: int


def _counters(connection: Connection, tenant: int, *, lock: bool) -> Counters:
    table = schema.counters
    statement = select(table).where(table.c.tenant == tenant)
    row: Row[tuple[object, ...]] | None = connection.execute(
        statement.with_for_update() if lock else statement
    ).one_or_none()
    if row is None:
        raise Forbidden("The tenant of this token is no longer there")
    return Counters(row.next_id, row.seq, row.position, row.epoch, row.orgs_category)


class Unit:
    """One tenant's data as of one snapshot."""

    def __init__(self, connection: Connection, tenant: int, counters: Counters) -> None:
        self.connection = connection
        self.tenant = tenant
        self.counters = counters

    @cached_property
    def categories(self) -> CategoryStore:
        """Categories, without their values."""
        return CategoryStore(self.connection, self.tenant)

    @cached_property
    def values(self) -> ValueStore:
        """Values of all categories."""
        return ValueStore(self.connection, self.tenant)

    @cached_property
    def jobs(self) -> JobStore:
        """Jobs with what they reference."""
        return JobStore(self.connection, self.tenant, self.counters.orgs_category)

    @cached_property
    def journal(self) -> JournalStore:
        """The journal of remaps."""
        return JournalStore(self.connection, self.tenant, self.counters)

    @cached_property
    def subscriptions(self) -> SubscriptionStore:
        """Subscriptions to pings."""
        return SubscriptionStore(self.connection, self.tenant, self.counters.position)


class WriteUnit(Unit):
    """One tenant's data within one transaction.

    Ids, journal entries and change log rows take their numbers from the locked counters; what is buffered is written
    by *flush*, right before the commit.
    """

    def __init__(self, connection: Connection, tenant: int, counters: Counters, app: str, now: datetime) -> None:
        super().__init__(connection, tenant, counters)
        self.app = app
        self.now = now
        self.changes = ChangeLog(tenant, now)

    def new_id(self) -> int:
        """An id that this tenant never had."""
        given = self.counters.next_id
        self.counters.next_id += 1
        return given

    def flush(self) -> None:
        """Write the buffered change log rows and the counters."""
        rows = self.changes.rows(after=self.counters.position)
        if rows:
            self.connection.execute(insert(schema.changes), rows)
            self.counters.position += len(rows)
        counters = self.counters
        self.connection.execute(
            update(schema.counters)
            .where(schema.counters.c.tenant == self.tenant)
            .values(next_id=counters.next_id, seq=counters.seq, position=counters.position)
        )
