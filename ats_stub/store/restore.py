"""Putting a backup in the place of what is in a database. Source: docs/contract/, "Backup and restore"."""

import uuid
from pathlib import Path

from sqlalchemy import Connection, delete, select, update

from ats_stub.store import schema
from ats_stub.store.backup import Backup, readable
from ats_stub.store.bulk import copy, go_on_numbering, keep_writers_out, tables
from ats_stub.store.reindexing import index_all
from catrelay.database import Database

IDS_LEFT_OUT = 1_000_000
"""Ids go on so much higher after a restore: those given since the backup are known elsewhere, and not given again."""


class HasData(Exception):
    """The database has tenants already, and nobody said that they shall go. tenants: their names."""

    def __init__(self, tenants: list[str]) -> None:
        super().__init__(f"the database has data: {', '.join(tenants)}")
        self.tenants = tenants


def restore(database: Database, file: Path, *, replace: bool) -> Backup:
    """Make *database*, whose schema is this version's, what the backup *file* holds; all of it or nothing.

    Others may read meanwhile, and see the former state to the end. Each tenant gets a new epoch.
    Raises NotABackup, and HasData unless *replace*.
    """
    with readable(file) as (source, backup), database.write() as target:
        keep_writers_out(target)
        names = list(target.scalars(select(schema.tenants.c.name).order_by(schema.tenants.c.name)))
        if names and not replace:
            raise HasData(names)
        ids = _next_ids(target)
        for table in reversed(tables()):
            target.execute(delete(table))
        for table in tables():
            copy(table, source, target)
        go_on_numbering(target)
        index_all(target)
        _begin_history(target, ids)
        return backup


def _next_ids(connection: Connection) -> dict[str, int]:
    tenants, counters = schema.tenants, schema.counters
    statement = select(tenants.c.name, counters.c.next_id).join(counters, counters.c.tenant == tenants.c.tenant)
    return {row.name: row.next_id for row in connection.execute(statement)}


def _begin_history(connection: Connection, ids: dict[str, int]) -> None:
    """Give no id twice, let replicators notice, and let nobody go on with what he had begun in the former history."""
    tenants, counters, subscriptions = schema.tenants, schema.counters, schema.subscriptions
    restored = _next_ids(connection)
    for tenant, name in connection.execute(select(tenants.c.tenant, tenants.c.name)).all():
        next_id = max(restored[name] + IDS_LEFT_OUT, ids.get(name, 0))
        connection.execute(
            update(counters).where(counters.c.tenant == tenant).values(epoch=str(uuid.uuid4()), next_id=next_id)
        )
    connection.execute(update(subscriptions).values(leased_by=None, leased_until=None))
