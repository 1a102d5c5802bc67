"""Dropping changes that nobody needs any more."""

from datetime import datetime

from sqlalchemy import delete, func, select

from ats_stub.store import schema
from catrelay.database import Database

changes = schema.changes
counters = schema.counters
subscriptions = schema.subscriptions


def prune(database: Database, told_before: datetime, any_before: datetime, *, limit: int) -> int:
    """Drop at most *limit* of each tenant's changes: those that are older than *told_before* and that every subscriber
    was told of, and all that are older than *any_before*.

    Returns how many.
    """
    with database.read() as connection:
        tenants = list(connection.scalars(select(counters.c.tenant)))
    return sum(_prune(database, tenant, told_before, any_before, limit) for tenant in tenants)


def _prune(database: Database, tenant: int, told_before: datetime, any_before: datetime, limit: int) -> int:
    slowest = select(func.min(subscriptions.c.cursor)).where(
        subscriptions.c.tenant == tenant, subscriptions.c.state != "ended"
    )
    oldest = (
        select(changes.c.position, changes.c.at)
        .where(changes.c.tenant == tenant)
        .order_by(changes.c.position)
        .limit(limit)
    )
    with database.read() as connection:
        bound = connection.scalar(slowest)
        droppable = [
            row.position
            for row in connection.execute(oldest)
            if row.at < any_before or (row.at < told_before and (bound is None or row.position <= bound))
        ]
    if not droppable:
        return 0
    with database.write() as connection:
        dropped = connection.execute(
            delete(changes).where(changes.c.tenant == tenant, changes.c.position <= max(droppable))
        )
        return dropped.rowcount
