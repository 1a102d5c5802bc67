"""What deliverers read and record, across tenants."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, select, tuple_, update

from ats_stub.domain.delivery import LEASE, Health, Work, work_of
from ats_stub.domain.pings import Ping, Place
from ats_stub.store import schema
from ats_stub.store.attempts import MadeAttempt, store_attempts
from ats_stub.store.readiness import ADVANCE, MEMBERS, READY, WORKS, Behind, Group, free, members_of
from ats_stub.store.subscriptions import topics_of
from ats_stub.store.windows import Log, Windows, read_log
from catrelay.database import Database
from catrelay.lookup import Lookup

subscriptions = schema.subscriptions
failing = schema.failing_pings

ADVANCE_AFTER = timedelta(seconds=1)
"""Changes that do not concern a subscription bring it on so late, many of them at once."""


@dataclass(frozen=True, order=True)
class Key:
    """Names a subscription."""

    tenant: int
    subscription: int


@dataclass(frozen=True)
class Job:
    """What there is to do for a subscription, and where it is to be sent.

    secrets: what signs it, the newest first. attempted: how many attempts were made so far. is_all: that there is no
    more in the log.
    """

    key: Key
    tenant_name: str
    app: str
    url: str
    secrets: tuple[str, ...]
    batch: bool
    attempted: int
    work: Work
    is_all: bool

    def after(self, result: "Result") -> "Job":
        """What is left of it after its first part."""
        return replace(self, attempted=self.attempted + result.attempted)


@dataclass(frozen=True)
class Failure:
    """A ping that failed, since when, and when to send it again."""

    ping: Ping
    since: datetime
    next_attempt: datetime


@dataclass(frozen=True)
class Result:
    """What came of a Job, or of its first part.

    settled: pings that were delivered or are void. retry_all: whatever failed is due now. attempts: all that were made,
    or the latest of them; *attempted* counts them all.
    """

    key: Key
    cursor: Place
    health: Health
    settled: Sequence[Ping] = ()
    failures: Sequence[Failure] = ()
    retry_all: bool = False
    attempts: Sequence[MadeAttempt] = ()
    attempted: int = 0


class DeliveryStore:
    """Subscriptions as deliverers see them.

    owner: names this deliverer in leases, which last for *lease*. unseal: opens secrets.
    """

    def __init__(
        self, database: Database, owner: str, *, lease: timedelta = LEASE, unseal: Callable[[str], str] = str
    ) -> None:
        self._database = database
        self._owner = owner
        self._lease = lease
        self._unseal = unseal
        self._ready = Lookup(database, READY)
        self._windows = Windows()
        self._leases: dict[Key, datetime] = {}
        self._quiet: dict[Group, Place] = {}
        """Groups that nothing is to be sent to, and how far they were looked at."""
        self._advanced: datetime | None = None

    def ready(self, now: datetime) -> tuple[list[Key], datetime | None]:
        """The subscriptions with something to send that no other deliverer holds, and when to look again."""
        ready: list[Key] = []
        behind: list[Behind] = []
        moments: list[datetime] = []
        for tenant, cursor, cursor_object, topics, number, moment in self._ready.rows(now=now, owner=self._owner):
            if topics is not None:
                behind.append(Behind(Group(tenant, Place(cursor, cursor_object), topics), number))
            elif tenant is not None:
                ready.append(Key(tenant, number))
            elif moment is not None:
                moments.append(moment)
        ready.extend(self._members(behind, now))
        if self._quiet:
            moments.append(self._advance(now))
        return list(dict.fromkeys(ready)), min(moments, default=None)

    def _members(self, behind: Iterable[Behind], now: datetime) -> list[Key]:
        """Those of groups that something is to be sent to."""
        self._quiet = {each.group: self._quiet[each.group] for each in behind if each.group in self._quiet}
        unknown = [each for each in behind if self._quiet.get(each.group, each.group.cursor).position < each.position]
        if not unknown:
            return []
        found: list[Key] = []
        with self._database.read() as connection:
            logs = _logs(connection, {each.group.tenant for each in unknown})
            for group in (each.group for each in unknown if each.group.tenant in logs):
                log = logs[group.tenant]
                cursor = self._quiet.get(group, group.cursor)
                window = self._windows.after(connection, log, cursor, topics_of(group.topics), now)
                if window.pings:
                    self._quiet.pop(group, None)
                    members = MEMBERS.rows(connection, **members_of(group), now=now, owner=self._owner)
                    found.extend(Key(group.tenant, subscription) for (subscription,) in members)
                else:
                    self._quiet[group] = window.end
        return found

    def _advance(self, now: datetime) -> datetime:
        """Bring quiet groups on, if it is time. Returns when it will be."""
        due = now if self._advanced is None else self._advanced + ADVANCE_AFTER
        if self._advanced is not None and now < due:
            return due
        self._advanced = now
        with self._database.write() as connection:
            for group, end in sorted(self._quiet.items(), key=lambda quiet: quiet[0].tenant):
                ADVANCE.run(connection, {**members_of(group), "to": end.position, "now": now, "owner": self._owner})
        return now + ADVANCE_AFTER

    def take(self, keys: Collection[Key], now: datetime) -> dict[Key, Job]:
        """What there is to do for each of *keys*, which are leased for at least half a lease from *now*.

        Those for which there is nothing, or which another deliverer holds, are left out.
        """
        jobs: dict[Key, Job] = {}
        known = {key for key in keys if self._leases.get(key, now) > now + self._lease / 2}
        with self._database.read() as connection:
            lost, found = self._jobs(connection, known, now)
        jobs.update(found)
        claimed = {*keys} - known | lost
        if claimed:
            with self._database.write() as connection:
                held = self._claim(connection, claimed, now)
                jobs.update(self._jobs(connection, held, now)[1])
            self._leases.update(dict.fromkeys(held, now + self._lease))
        for key in claimed - set(jobs):
            self._leases.pop(key, None)
        return jobs

    def _jobs(self, connection: Connection, keys: Collection[Key], now: datetime) -> tuple[set[Key], dict[Key, Job]]:
        """The keys that are not ours any more, and what there is to do for the others."""
        if not keys:
            return set(), {}
        rows = connection.execute(
            select(subscriptions, schema.tenants.c.name.label("tenant_name"))
            .join(schema.tenants, schema.tenants.c.tenant == subscriptions.c.tenant)
            .where(_among(subscriptions.c.tenant, subscriptions.c.id, keys), WORKS)
        ).all()
        ours = [row for row in rows if row.leased_by == self._owner]
        due = [row for row in ours if row.next_attempt is None or row.next_attempt <= now]
        failed = _failed(connection, keys)
        logs = _logs(connection, {row.tenant for row in due})
        jobs = {
            key: job
            for row in due
            if row.tenant in logs
            for key in [Key(row.tenant, row.id)]
            for job in [self._job(connection, row, logs[row.tenant], failed.get(key, []), now)]
            if job is not None
        }
        return set(keys) - {Key(row.tenant, row.id) for row in ours}, jobs

    def _job(
        self,
        connection: Connection,
        row: Row[tuple[object, ...]],
        log: Log,
        failed: Sequence[Failure],
        now: datetime,
    ) -> Job | None:
        cursor = Place(row.cursor, row.cursor_object)
        window = self._windows.after(connection, log, cursor, topics_of(row.topics), now)
        work = work_of(
            _health(row),
            cursor,
            window.pings,
            window.end,
            [(each.ping, each.since, each.next_attempt) for each in failed],
            now=now,
        )
        if work is None:
            return None
        old = row.old_secret if row.old_secret_until is not None and row.old_secret_until > now else None
        return Job(
            key=Key(row.tenant, row.id),
            tenant_name=row.tenant_name,
            app=row.app,
            url=row.url,
            secrets=tuple(self._unseal(each) for each in (row.secret, old) if each is not None),
            batch=row.batch,
            attempted=row.attempted,
            work=work,
            is_all=window.end.position >= log.position,
        )

    def _claim(self, connection: Connection, keys: Collection[Key], now: datetime) -> set[Key]:
        """Lease those of *keys* that no other deliverer holds or is about to."""
        among = _among(subscriptions.c.tenant, subscriptions.c.id, keys)
        rows = connection.execute(
            select(subscriptions.c.tenant, subscriptions.c.id)
            .where(among, WORKS, free(now, self._owner))
            .order_by(subscriptions.c.tenant, subscriptions.c.id)
            .with_for_update(skip_locked=True)
        )
        held = {Key(*row) for row in rows}
        self._set(connection, held, leased_by=self._owner, leased_until=now + self._lease)
        return held

    def renew(self, keys: Collection[Key], now: datetime) -> None:
        """Lease those of *keys* that are still ours for longer, if they are not for long any more."""
        ending = {key for key in keys if self._leases.get(key, now) < now + self._lease * 2 / 3}
        if ending:
            with self._database.write() as connection:
                ours = self._locked(connection, ending)
                self._set(connection, ours, leased_until=now + self._lease)
            self._leases.update(dict.fromkeys(ours, now + self._lease))

    def release_all(self) -> None:
        """Let others take what this deliverer holds."""
        s, ours = subscriptions, subscriptions.c.leased_by == self._owner
        in_order = select(s.c.id).where(ours).order_by(s.c.tenant, s.c.id).with_for_update()
        with self._database.write() as connection:
            # In the order in which the removal of a tenant locks them: or each could wait for the other.
            connection.execute(in_order)
            connection.execute(update(s).where(ours).values(leased_by=None, leased_until=None))
        self._leases.clear()

    def record(self, results: Sequence[Result], now: datetime) -> set[Key]:
        """Store what came of jobs, all in one transaction. Returns those that are still ours.

        Nothing is stored of the others: whoever holds them does it again.
        """
        with self._database.write() as connection:
            # The subscriptions' rows come first, so that this and their removal wait for each other.
            kept = self._locked(connection, [result.key for result in results])
            counted = [result for result in results if result.key in kept]
            for values, keys in _alike(counted):
                self._set(connection, keys, **values, leased_until=now + self._lease)
            _store_failures(connection, counted, now)
            store_attempts(connection, [(each.key.tenant, each.key.subscription, each.attempts) for each in counted])
        self._leases.update(dict.fromkeys(kept, now + self._lease))
        return kept

    def _locked(self, connection: Connection, keys: Collection[Key]) -> set[Key]:
        rows = connection.execute(
            select(subscriptions.c.tenant, subscriptions.c.id)
            .where(
                _among(subscriptions.c.tenant, subscriptions.c.id, keys),
                subscriptions.c.leased_by == self._owner,
                WORKS,
            )
            .order_by(subscriptions.c.tenant, subscriptions.c.id)
            .with_for_update()
        )
        return {Key(*row) for row in rows}

    def _set(self, connection: Connection, keys: Collection[Key], **values: object) -> None:
        if keys:
            among = _among(subscriptions.c.tenant, subscriptions.c.id, keys)
            connection.execute(update(subscriptions).where(among).values(values))


def _alike(results: Iterable[Result]) -> Iterable[tuple[dict[str, object], list[Key]]]:
    """The new values of subscriptions, and of which: those that fare well mostly have the same."""
    alike: defaultdict[tuple[Place, Health, int], list[Key]] = defaultdict(list)
    for result in results:
        alike[result.cursor, result.health, result.attempted].append(result.key)
    for (cursor, health, attempted), keys in alike.items():
        values: dict[str, object] = {
            "cursor": cursor.position,
            "cursor_object": cursor.object,
            "attempted": subscriptions.c.attempted + attempted,
            "state": health.state,
            "attempts": health.attempts,
            "next_attempt": health.next_attempt,
            "failing_since": health.failing_since,
            "last_success": health.last_success,
            "last_error": health.last_error,
        }
        yield values, keys


def _store_failures(connection: Connection, results: Sequence[Result], now: datetime) -> None:
    gone = [
        (*_pair(result.key), ping.path)
        for result in results
        for ping in (*result.settled, *(failure.ping for failure in result.failures))
        if ping.attempts > 0  # others are not stored
    ]
    for row in gone:
        known = (failing.c.tenant, failing.c.subscription, failing.c.ping)
        connection.execute(delete(failing).where(*(column == cell for column, cell in zip(known, row, strict=True))))
    failures = [_columns(result.key, failure) for result in results for failure in result.failures]
    if failures:
        connection.execute(insert(failing), failures)
    ended = [result.key for result in results if result.health.state == "ended"]
    if ended:
        connection.execute(delete(failing).where(_among(failing.c.tenant, failing.c.subscription, ended)))
    retried = [result.key for result in results if result.retry_all]
    if retried:
        among = _among(failing.c.tenant, failing.c.subscription, retried)
        connection.execute(update(failing).where(among).values(next_attempt=now))


def _failed(connection: Connection, keys: Collection[Key]) -> Mapping[Key, list[Failure]]:
    failed: defaultdict[Key, list[Failure]] = defaultdict(list)
    among = _among(failing.c.tenant, failing.c.subscription, keys)
    for row in connection.execute(select(failing).where(among)):
        ping = Ping(
            path=row.ping,
            subject=row.subject,
            object=row.object,
            operation=row.operation,
            position=row.position,
            attempts=row.attempts,
        )
        failed[Key(row.tenant, row.subscription)].append(Failure(ping, row.since, row.next_attempt))
    return failed


def _logs(connection: Connection, tenants: Collection[int]) -> dict[int, Log]:
    logs = (read_log(connection, tenant) for tenant in tenants)
    return {log.tenant: log for log in logs if log is not None}


def _health(row: Row[tuple[object, ...]]) -> Health:
    return Health(
        state=row.state,
        attempts=row.attempts,
        next_attempt=row.next_attempt,
        failing_since=row.failing_since,
        last_success=row.last_success,
        last_error=row.last_error,
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
        "since": failure.since,
        "next_attempt": failure.next_attempt,
    }


def _among(tenant: ColumnElement[int], subscription: ColumnElement[int], keys: Iterable[Key]) -> ColumnElement[bool]:
    by_tenant: defaultdict[int, list[int]] = defaultdict(list)
    for key in keys:
        by_tenant[key.tenant].append(key.subscription)
    if len(by_tenant) == 1:
        ((of_tenant, ids),) = by_tenant.items()
        return and_(tenant == of_tenant, subscription.in_(sorted(ids)))
    return tuple_(tenant, subscription).in_(sorted(map(_pair, keys)))


def _pair(key: Key) -> tuple[int, int]:
    return key.tenant, key.subscription
