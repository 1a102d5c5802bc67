"""How far subscribers are behind."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from ats_stub.store import schema
from catrelay.database import Database

subscriptions = schema.subscriptions
failing = schema.failing_pings
changes = schema.changes

_FAILED = (failing.c.tenant == subscriptions.c.tenant) & (failing.c.subscription == subscriptions.c.id)
_OLDEST = (
    select(changes.c.position)
    .where(changes.c.tenant == subscriptions.c.tenant, changes.c.position > subscriptions.c.cursor)
    .order_by(changes.c.position)
    .limit(1)
)
LAG = (
    select(func.count()).where(_FAILED).scalar_subquery().label("failing"),
    select(func.min(failing.c.since)).where(_FAILED).scalar_subquery().label("oldest_failing_since"),
    _OLDEST.scalar_subquery().label("oldest"),
    _OLDEST.with_only_columns(changes.c.at).scalar_subquery().label("oldest_at"),
    select(schema.counters.c.position)
    .where(schema.counters.c.tenant == subscriptions.c.tenant)
    .scalar_subquery()
    .label("logged"),
)
"""What the lag of a subscription is made of, besides its own row."""


@dataclass(frozen=True)
class Lag:
    """changes: those not delivered yet. seconds: the age of the oldest of them. missed: those not kept any more."""

    changes: int
    seconds: int
    missed: int


@dataclass(frozen=True)
class Subscriber:
    """A subscription of any tenant, which is told by its name."""

    tenant: str
    subscription: int
    app: str
    state: str
    lag: Lag


def lag_of(row: Row[*tuple[Any, ...]], position: int, now: datetime) -> Lag:
    """The lag *now*. row: the subscription's, and `LAG`. position: the change log's last."""
    lag = position - row.cursor + row.failing
    # What others of the same transaction changed is numbered, but is logged right before the commit only.
    kept_from = row.logged + 1 if row.oldest is None else row.oldest
    missed = max(0, kept_from - row.cursor - 1)
    moments = [moment for moment in (row.oldest_at, row.oldest_failing_since) if moment is not None]
    if missed and not moments:  # all that is known is that it was later than this
        moments = [row.last_success or row.created]
    since = min(moments, default=now) if lag else now
    return Lag(lag, max(0, int((now - since).total_seconds())), missed)


_ALL = (
    select(
        schema.tenants.c.name,
        *(subscriptions.c[name] for name in ("id", "app", "state", "cursor", "last_success", "created")),
        *LAG,
    )
    .join(schema.tenants, schema.tenants.c.tenant == subscriptions.c.tenant)
    .order_by(schema.tenants.c.name, subscriptions.c.id)
)


def subscribers(database: Database, now: datetime) -> list[Subscriber]:
    """The subscriptions of all tenants, as they stand *now*; by tenant and id, from one statement."""
    with database.read() as connection:
        rows = connection.execute(_ALL).all()
    return [Subscriber(row.name, row.id, row.app, row.state, lag_of(row, row.logged, now)) for row in rows]
