"""Dropping what is old. Source: docs/contract/, "Compaction"."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from ats_stub.store import schema
from ats_stub.store.answers import forget_before
from ats_stub.store.unit import Store, WriteUnit
from catrelay.tokens import UnknownTenant

ROWS_AT_ONCE = 1_000
"""Dropped in one transaction: others write between two of them."""
ANSWERS_KEPT = timedelta(days=14)
"""So long after a request, its repeat is given the same answer."""

journal = schema.journal


@dataclass(frozen=True)
class Compacted:
    """What is left of a tenant's journal. dropped: entries. answers: dropped ones, kept for repeats of requests."""

    dropped: int
    first_seq: int
    last_seq: int
    answers: int


def tenants(store: Store, name: str | None) -> list[tuple[str, int]]:
    """Names and numbers of all tenants, or of the one called *name*. Raises UnknownTenant."""
    table = schema.tenants
    with store.database.read() as connection:
        rows = connection.execute(select(table.c.name, table.c.tenant).order_by(table.c.name)).all()
    found = [(row.name, row.tenant) for row in rows if name in (None, row.name)]
    if name is not None and not found:
        raise UnknownTenant(name)
    return found


def compact(store: Store, tenant: int, *, app: str, now: datetime, keep_since: datetime) -> Compacted:
    """Drop the tenant's journal entries up to the first that is not older than *keep_since*.

    An entry whose links have not all followed stays, and all after it.
    """
    dropped = answers = 0
    while True:
        with store.write(tenant, app=app, now=now) as unit:
            answers_now = forget_before(unit.connection, tenant, now - ANSWERS_KEPT, limit=ROWS_AT_ONCE)
            dropped_now = _drop(unit, keep_since)
            dropped, answers = dropped + dropped_now, answers + answers_now
            left = Compacted(dropped, unit.journal.first_seq(), unit.counters.seq, answers)
        if not dropped_now and not answers_now:
            return left


def _drop(unit: WriteUnit, keep_since: datetime) -> int:
    oldest = (
        select(journal.c.seq, journal.c.at)
        .where(journal.c.tenant == unit.tenant)
        .order_by(journal.c.seq)
        .limit(ROWS_AT_ONCE)
    )
    moving = {move.seq for move in unit.moves.pending}
    last = dropped = 0
    for seq, at in unit.connection.execute(oldest):
        if at >= keep_since or seq in moving:
            break
        last, dropped = seq, dropped + 1
    if dropped:
        unit.connection.execute(delete(journal).where(journal.c.tenant == unit.tenant, journal.c.seq <= last))
    return dropped
