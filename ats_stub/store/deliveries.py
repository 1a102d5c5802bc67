"""What deliverers read and record, across tenants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    String,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    union_all,
    update,
)

from ats_stub.domain.delivery import Health
from ats_stub.domain.pings import Ping, Place, collapse, joined
from ats_stub.store import schema
from ats_stub.store.subscriptions import topics_of
from ats_stub.store.windows import read_window
from catrelay.database import Database, UtcDateTime
from catrelay.lookup import Lookup

subscriptions = schema.subscriptions
failing = schema.failing_pings
counters = schema.counters
changes = schema.changes

LEASE = timedelta(seconds=10)
MAX_FAILING_PINGS = 1_000
"""A subscription with so many gets nothing new before some of them succeed."""
WORKING = ("active", "backing-off")


def _free(now: "datetime | BindParameter[datetime]", owner: str | BindParameter[str]) -> ColumnElement[bool]:
    """The condition on subscriptions that no other deliverer holds."""
    leased_by, leased_until = subscriptions.c.leased_by, subscriptions.c.leased_until
    return or_(leased_until.is_(None), leased_until <= now, leased_by == owner)


# Each commit of the ATS is followed by these three, in one.
_NOW = bindparam("now", type_=UtcDateTime)
_WORKING = or_(*(subscriptions.c.state == state for state in WORKING))
_FAILED = and_(failing.c.tenant == subscriptions.c.tenant, failing.c.subscription == subscriptions.c.id)
_READY = (
    select(subscriptions.c.tenant, subscriptions.c.id, cast(null(), UtcDateTime).label("next"))
    .join(counters, counters.c.tenant == subscriptions.c.tenant)
    .where(
        _WORKING,
        or_(subscriptions.c.next_attempt.is_(None), subscriptions.c.next_attempt <= _NOW),
        _free(_NOW, bindparam("owner", type_=String)),
        or_(
            subscriptions.c.cursor < counters.c.position,
            exists().where(_FAILED, failing.c.next_attempt <= _NOW),
        ),
    )
)
_NEXT_TRY = select(null(), null(), func.min(subscriptions.c.next_attempt)).where(
    _WORKING, subscriptions.c.next_attempt > _NOW
)
_NEXT_RETRY = (
    select(null(), null(), func.min(failing.c.next_attempt))
    .join(subscriptions, _FAILED)
    .where(subscriptions.c.state == "active", failing.c.next_attempt > _NOW)
)


@dataclass(frozen=True)
class Key:
    """Names a subscription."""

    tenant: int
    subscription: int


@dataclass(frozen=True)
class Work:
    """What there is to do for a subscription.

    pings: collapsed, in the order to send them. end: how far the change log was read. failing: paths of all pings
    that failed before.
    """

    key: Key
    tenant_name: str
    app: str
    url: str
    signing_secret: str
    batch: bool
    health: Health
    cursor: Place
    end: Place
    pings: list[Ping]
    failing: frozenset[str]


@dataclass(frozen=True)
class Failure:
    """A ping that failed, and when to send it again."""

    ping: Ping
    next_attempt: datetime


@dataclass(frozen=True)
class Result:
    """What came of a Work. settled: pings that were delivered or are void. retry_all: whatever failed is due now."""

    cursor: Place
    health: Health
    settled: Sequence[Ping]
    failures: Sequence[Failure]
    retry_all: bool


class DeliveryStore:
    """Subscriptions as deliverers see them. owner: names this deliverer in leases, which last for *lease*."""

    def __init__(self, database: Database, owner: str, *, lease: timedelta = LEASE) -> None:
        self._database = database
        self._owner = owner
        self._lease = lease
        self._ready = Lookup(database, union_all(_READY, _NEXT_TRY, _NEXT_RETRY))

    def ready(self, now: datetime) -> tuple[list[Key], datetime | None]:
        """The subscriptions with something to send that no other deliverer holds, and when the next retry is due."""
        ready: list[Key] = []
        moments: list[datetime] = []
        for tenant, subscription, moment in self._ready.rows(now=now, owner=self._owner):
            if tenant is not None:
                ready.append(Key(tenant, subscription))
            elif moment is not None:
                moments.append(moment)
        return ready, min(moments, default=None)

    def take(self, key: Key, now: datetime) -> Work | None:
        """What there is to do for the subscription, which is leased for at least half a lease from *now*.

        None when there is nothing, or another deliverer holds it.
        """
        with self._database.read() as connection:
            row = self._row(connection, key)
            work = None if row is None else _work(connection, row, now)
        if row is None or work is None:
            return None
        if row.leased_by == self._owner and row.leased_until > now + self._lease / 2:
            return work
        if not self._lease_where(key, _free(now, self._owner), now):
            return None
        # Whoever held it before may have moved the cursor since it was read.
        with self._database.read() as connection:
            row = self._row(connection, key)
            return None if row is None else _work(connection, row, now)

    def renew(self, key: Key, now: datetime) -> bool:
        """Lease the subscription from *now* on. False when it is no longer ours: what is under way will not count."""
        return self._lease_where(key, subscriptions.c.leased_by == self._owner, now)

    def release_all(self) -> None:
        """Let others take what this deliverer holds."""
        s, ours = subscriptions, subscriptions.c.leased_by == self._owner
        in_order = select(s.c.id).where(ours).order_by(s.c.tenant, s.c.id).with_for_update()
        with self._database.write() as connection:
            # In the order in which the removal of a tenant locks them: or each could wait for the other.
            connection.execute(in_order)
            connection.execute(update(s).where(ours).values(leased_by=None, leased_until=None))

    def record(self, key: Key, result: Result, now: datetime) -> bool:
        """Store what came of a work, all in one transaction.

        False, with nothing stored, when the subscription is no longer ours: then it is done again by whoever holds it.
        """
        health = result.health
        with self._database.write() as connection:
            # The subscription's row comes first, so that this and its removal wait for each other.
            still_ours = connection.execute(
                update(subscriptions)
                .where(_is(key), subscriptions.c.leased_by == self._owner, subscriptions.c.state.in_(WORKING))
                .values(
                    cursor=result.cursor.position,
                    cursor_object=result.cursor.object,
                    state=health.state,
                    attempts=health.attempts,
                    next_attempt=health.next_attempt,
                    failing_since=health.failing_since,
                    last_success=health.last_success,
                    last_error=health.last_error,
                    leased_until=now + self._lease,
                )
            )
            if still_ours.rowcount == 0:
                return False
            _forget(connection, key, [*result.settled, *(failure.ping for failure in result.failures)])
            if result.failures:
                connection.execute(insert(failing), [_columns(key, failure) for failure in result.failures])
            if health.state == "ended":
                connection.execute(delete(failing).where(_of(key)))
            elif result.retry_all:
                connection.execute(update(failing).where(_of(key)).values(next_attempt=now))
            return True

    def prune(self, before: datetime, *, limit: int) -> int:
        """Drop at most *limit* change log rows per tenant older than *before* that no subscription needs any more.

        Returns how many.
        """
        with self._database.read() as connection:
            tenants = list(connection.scalars(select(counters.c.tenant)))
        return sum(self._prune(tenant, before, limit) for tenant in tenants)

    def _prune(self, tenant: int, before: datetime, limit: int) -> int:
        s = subscriptions
        slowest = select(func.min(s.c.cursor)).where(s.c.tenant == tenant, s.c.state != "ended")
        oldest = (
            select(changes.c.position, changes.c.at)
            .where(changes.c.tenant == tenant)
            .order_by(changes.c.position)
            .limit(limit)
        )
        with self._database.read() as connection:
            bound = connection.scalar(slowest)
            droppable = [
                row.position
                for row in connection.execute(oldest)
                if row.at < before and (bound is None or row.position <= bound)
            ]
        if not droppable:
            return 0
        with self._database.write() as connection:
            dropped = connection.execute(
                delete(changes).where(changes.c.tenant == tenant, changes.c.position <= max(droppable))
            )
            return dropped.rowcount

    def _lease_where(self, key: Key, condition: ColumnElement[bool], now: datetime) -> bool:
        with self._database.write() as connection:
            leased = connection.execute(
                update(subscriptions)
                .where(_is(key), condition)
                .values(leased_by=self._owner, leased_until=now + self._lease)
            )
            return leased.rowcount == 1

    def _row(self, connection: Connection, key: Key) -> Row[tuple[object, ...]] | None:
        return connection.execute(
            select(subscriptions, schema.tenants.c.name.label("tenant_name"), counters.c.orgs_category)
            .join(schema.tenants, schema.tenants.c.tenant == subscriptions.c.tenant)
            .join(counters, counters.c.tenant == subscriptions.c.tenant)
            .where(_is(key), subscriptions.c.state.in_(WORKING))
        ).one_or_none()


def _work(connection: Connection, row: Row[tuple[object, ...]], now: datetime) -> Work | None:
    if row.next_attempt is not None and row.next_attempt > now:
        return None
    key = Key(row.tenant, row.id)
    cursor = end = Place(row.cursor, row.cursor_object)
    failed = {found.ping: found for found in connection.execute(select(failing).where(_of(key)))}
    fresh: list[Ping] = []
    if len(failed) < MAX_FAILING_PINGS:
        pings, end = read_window(
            connection, row.tenant, cursor, topics_of(row.topics), orgs_category=row.orgs_category, now=now
        )
        fresh = collapse(pings)
    # What is new comes first: a ping that always fails must not hold it up.
    superseding = [joined(_ping(failed[ping.path]), ping) if ping.path in failed else ping for ping in fresh]
    renewed = {ping.path for ping in fresh}
    due = sorted(
        (found for found in failed.values() if found.next_attempt <= now and found.ping not in renewed),
        key=lambda found: found.next_attempt,
    )
    all_pings = [*superseding, *map(_ping, due)]
    if not all_pings and end == cursor:
        return None
    return Work(
        key=key,
        tenant_name=row.tenant_name,
        app=row.app,
        url=row.url,
        signing_secret=row.secret,
        batch=row.batch,
        health=Health(
            state=row.state,
            attempts=row.attempts,
            next_attempt=row.next_attempt,
            failing_since=row.failing_since,
            last_success=row.last_success,
            last_error=row.last_error,
        ),
        cursor=cursor,
        end=end,
        pings=all_pings,
        failing=frozenset(failed),
    )


def _ping(row: Row[tuple[object, ...]]) -> Ping:
    return Ping(
        path=row.ping,
        subject=row.subject,
        object=row.object,
        operation=row.operation,
        position=row.position,
        attempts=row.attempts,
    )


def _columns(key: Key, failure: Failure) -> dict[str, object]:
    ping = failure.ping
    return {
        "tenant": key.tenant,
        "subscription": key.subscription,
        "ping": ping.path,
        "subject": ping.subject,
        "object": ping.object,
        "operation": ping.operation,
        "position": ping.position,
        "attempts": ping.attempts + 1,
        "next_attempt": failure.next_attempt,
    }


def _forget(connection: Connection, key: Key, pings: Sequence[Ping]) -> None:
    """Only pings that failed before are stored: mostly there is nothing to do."""
    for ping in pings:
        if ping.attempts > 0:
            connection.execute(delete(failing).where(_of(key), failing.c.ping == ping.path))


def _is(key: Key) -> ColumnElement[bool]:
    return and_(subscriptions.c.tenant == key.tenant, subscriptions.c.id == key.subscription)


def _of(key: Key) -> ColumnElement[bool]:
    return and_(failing.c.tenant == key.tenant, failing.c.subscription == key.subscription)
