"""The statements about subscriptions that deliverers run for each ping or for many at once. All are of one tenant."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, ScalarSelect, Text, bindparam, delete, func, insert, select, update

from ats_stub.domain.delivery import Health
from ats_stub.domain.pings import Ping
from ats_stub.store import schema
from ats_stub.store.among import among
from ats_stub.store.readiness import WORKS, free
from ats_stub.store.windows import Log
from catrelay.statements import Statement

table = schema.subscriptions
failing = schema.failing_pings
counters = schema.counters


class Key(NamedTuple):
    """Names a subscription."""

    tenant: int
    subscription: int


@dataclass(frozen=True)
class Failure:
    """A ping that failed, since when, and when to send it again."""

    ping: Ping
    since: datetime
    next_attempt: datetime


class SubscriptionRow(NamedTuple):
    """A subscription as stored, in the order of its statement."""

    tenant: int
    tenant_name: str
    id: int
    app: str
    url: str
    topics: str
    batch: bool
    state: Any
    secret: str
    old_secret: str | None
    old_secret_until: datetime | None
    replays: int
    attempted: int
    cursor: int
    cursor_object: int
    attempts: int
    next_attempt: datetime | None
    next_retry: datetime | None
    failing_since: datetime | None
    last_success: datetime | None
    last_error: str | None
    leased_by: str | None
    log_position: int
    orgs_category: int

    @property
    def key(self) -> Key:
        """Its name."""
        return Key(self.tenant, self.id)

    @property
    def log(self) -> Log:
        """The log that it is told of."""
        return Log(self.tenant, self.log_position, self.orgs_category)

    @property
    def health(self) -> Health:
        """How it fares."""
        return Health(
            self.state, self.attempts, self.next_attempt, self.failing_since, self.last_success, self.last_error
        )


def first_retry() -> ScalarSelect[datetime]:
    """When the first of a subscription's pings that failed is due."""
    return (
        select(func.min(failing.c.next_attempt))
        .where(failing.c.tenant == table.c.tenant, failing.c.subscription == table.c.id)
        .scalar_subquery()
    )


_THESE = (table.c.tenant == bindparam("of_tenant"), among(table.c.id))
_OF_THESE = (failing.c.tenant == bindparam("of_tenant"), among(failing.c.subscription))

_ROWS = Statement(
    select(
        table.c.tenant,
        schema.tenants.c.name,
        *(table.c[name] for name in SubscriptionRow._fields[2:-2]),
        counters.c.position,
        counters.c.orgs_category,
    )
    .join(schema.tenants, schema.tenants.c.tenant == table.c.tenant)
    .join(counters, counters.c.tenant == table.c.tenant)
    .where(*_THESE, WORKS)
)
_FAILED = Statement(
    select(
        failing.c.subscription,
        failing.c.since,
        failing.c.next_attempt,
        failing.c.ping,
        failing.c.subject,
        failing.c.object,
        failing.c.operation,
        failing.c.position,
        failing.c.attempts,
    ).where(*_OF_THESE)
)
# In the order in which the removal of a tenant locks them: or each could wait for the other.
_FREE = Statement(
    select(table.c.id)
    .where(*_THESE, WORKS, free(bindparam("now", type_=table.c.leased_until.type), bindparam("owner", type_=Text)))
    .order_by(table.c.id)
    .with_for_update(skip_locked=True)
)
_OURS = Statement(
    select(table.c.id)
    .where(*_THESE, WORKS, table.c.leased_by == bindparam("owner"))
    .order_by(table.c.id)
    .with_for_update()
)
_LEASE = Statement(update(table).where(*_THESE).values(leased_by=bindparam("owner"), leased_until=bindparam("until")))
_RECORD = Statement(
    update(table)
    .where(*_THESE)
    .values(
        cursor=bindparam("to"),
        cursor_object=bindparam("to_object"),
        attempted=table.c.attempted + bindparam("made"),
        state=bindparam("state"),
        attempts=bindparam("attempts"),
        next_attempt=bindparam("next_attempt"),
        failing_since=bindparam("failing_since"),
        last_success=bindparam("last_success"),
        last_error=bindparam("last_error"),
        leased_until=bindparam("until"),
    )
)
_FORGET = Statement(
    delete(failing).where(
        failing.c.tenant == bindparam("of_tenant"),
        failing.c.subscription == bindparam("of_subscription"),
        failing.c.ping == bindparam("of_ping"),
    )
)
_FORGET_ALL = Statement(delete(failing).where(*_OF_THESE))
_RETRY_ALL = Statement(update(failing).where(*_OF_THESE).values(next_attempt=bindparam("now")))
_ADD_FAILURES = Statement(insert(failing))
_NOTE_RETRY = Statement(update(table).where(*_THESE).values(next_retry=first_retry()))


def rows_of(connection: Connection, keys: Iterable[Key]) -> list[SubscriptionRow]:
    """Those of *keys* that are sent to."""
    return [SubscriptionRow(*row) for these in _by_tenant(keys) for row in _ROWS.rows(connection, **these)]


def failed_of(connection: Connection, keys: Iterable[Key]) -> dict[Key, list[Failure]]:
    """The pings that failed."""
    failed: defaultdict[Key, list[Failure]] = defaultdict(list)
    for these in _by_tenant(keys):
        for subscription, since, next_attempt, path, subject, subject_id, operation, position, attempts in _FAILED.rows(
            connection, **these
        ):
            ping = Ping(path, subject, subject_id, operation, position, attempts=attempts)
            failed[Key(these["of_tenant"], subscription)].append(Failure(ping, since, next_attempt))
    return failed


def lock_free(connection: Connection, keys: Iterable[Key], owner: str, now: datetime) -> set[Key]:
    """Those of *keys* that no deliverer but *owner* holds or is about to."""
    return {
        Key(these["of_tenant"], subscription)
        for these in _by_tenant(keys)
        for (subscription,) in _FREE.rows(connection, **these, owner=owner, now=now)
    }


def lock_held(connection: Connection, keys: Iterable[Key], owner: str) -> set[Key]:
    """Those of *keys* that *owner* holds."""
    return {
        Key(these["of_tenant"], subscription)
        for these in _by_tenant(keys)
        for (subscription,) in _OURS.rows(connection, **these, owner=owner)
    }


def lease(connection: Connection, keys: Iterable[Key], owner: str, until: datetime) -> None:
    """Let *owner* hold them, locked before."""
    for these in _by_tenant(keys):
        _LEASE.run(connection, {**these, "owner": owner, "until": until})


def record(connection: Connection, keys: Iterable[Key], **values: object) -> None:
    """Store the same values for all of *keys*, locked before. Which: those of the statement."""
    for these in _by_tenant(keys):
        _RECORD.run(connection, {**these, **values})


def forget(connection: Connection, gone: Iterable[tuple[Key, str]]) -> None:
    """Forget that pings to paths failed."""
    _FORGET.run(
        connection,
        *({"of_tenant": key.tenant, "of_subscription": key.subscription, "of_ping": path} for key, path in gone),
    )


def forget_all(connection: Connection, keys: Iterable[Key]) -> None:
    """Forget that any failed."""
    for these in _by_tenant(keys):
        _FORGET_ALL.run(connection, these)


def retry_all(connection: Connection, keys: Iterable[Key], now: datetime) -> None:
    """Let all that failed be due."""
    for these in _by_tenant(keys):
        _RETRY_ALL.run(connection, {**these, "now": now})


def add_failures(connection: Connection, failures: Iterable[tuple[Key, Failure]]) -> None:
    """Remember pings that failed once more."""
    rows = [
        {
            "tenant": key.tenant,
            "subscription": key.subscription,
            "ping": failure.ping.path,
            "subject": failure.ping.subject,
            "object": failure.ping.object,
            "operation": failure.ping.operation,
            "position": failure.ping.position,
            "attempts": failure.ping.attempts + 1,
            "since": failure.since,
            "next_attempt": failure.next_attempt,
        }
        for key, failure in failures
    ]
    _ADD_FAILURES.run(connection, *rows)


def note_retry(connection: Connection, keys: Iterable[Key]) -> None:
    """Note when the first of those that failed is due."""
    for these in _by_tenant(keys):
        _NOTE_RETRY.run(connection, these)


def _by_tenant(keys: Iterable[Key]) -> Iterator[dict[str, Any]]:
    by_tenant: defaultdict[int, list[int]] = defaultdict(list)
    for key in keys:
        by_tenant[key.tenant].append(key.subscription)
    for tenant in sorted(by_tenant):
        yield {"of_tenant": tenant, "ids": orjson.dumps(by_tenant[tenant]).decode()}
