"""What deliverers read and record, across tenants."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from ats_stub.domain.delivery import LEASE, Health, Work, work_of
from ats_stub.domain.pings import Ping, Place
from ats_stub.store import schema
from ats_stub.store.attempts import MadeAttempt, store_attempts
from ats_stub.store.readiness import ADVANCE, MEMBERS, READY, Behind, Group, members_of
from ats_stub.store.subscription_rows import (
    Failure,
    Key,
    SubscriptionRow,
    add_failures,
    failed_of,
    forget,
    forget_all,
    lease,
    lock_free,
    lock_held,
    note_retry,
    record,
    retry_all,
    rows_of,
)
from ats_stub.store.subscriptions import topics_of
from ats_stub.store.windows import Log, Windows
from catrelay.database import Database

subscriptions = schema.subscriptions

ADVANCE_AFTER = timedelta(seconds=1)
"""Changes that do not concern a subscription bring it on so late, many of them at once."""


@dataclass(frozen=True)
class Job:
    """What there is to do for a subscription, and where it is to be sent.

    secrets: what signs it, the newest first. replays, attempted: how many of them were made so far. is_all: that there
    is no more in the log.
    """

    key: Key
    tenant_name: str
    app: str
    url: str
    secrets: tuple[str, ...]
    batch: bool
    replays: int
    attempted: int
    work: Work
    is_all: bool

    def after(self, result: "Result") -> "Job":
        """What is left of it after its first part."""
        return replace(self, attempted=self.attempted + result.attempted)


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
        with self._database.look() as connection:
            for row in READY.rows(connection, now=now, owner=self._owner):
                tenant, cursor, cursor_object, topics, position, orgs_category, members, number, moment = row
                if topics is not None:
                    group = Group(tenant, Place(cursor, cursor_object), topics)
                    only = number if members == 1 else None
                    behind.append(Behind(group, Log(tenant, position, orgs_category), only))
                elif tenant is not None:
                    ready.append(Key(tenant, number))
                elif moment is not None:
                    moments.append(moment)
            ready.extend(self._members(connection, behind, now))
        if self._quiet:
            moments.append(self._advance(now))
        return list(dict.fromkeys(ready)), min(moments, default=None)

    def _members(self, connection: Connection, behind: Iterable[Behind], now: datetime) -> list[Key]:
        """Those of groups that something is to be sent to."""
        self._quiet = {each.group: self._quiet[each.group] for each in behind if each.group in self._quiet}
        found: list[Key] = []
        for each in behind:
            cursor = self._quiet.get(each.group, each.group.cursor)
            if cursor.position >= each.log.position:
                continue
            window = self._windows.after(connection, each.log, cursor, topics_of(each.group.topics), now)
            if window.pings:
                self._quiet.pop(each.group, None)
                found.extend(self._members_of(connection, each, now))
            else:
                self._quiet[each.group] = window.end
        return found

    def _members_of(self, connection: Connection, behind: Behind, now: datetime) -> Iterable[Key]:
        tenant = behind.group.tenant
        if behind.only is not None:
            return [Key(tenant, behind.only)]
        members = MEMBERS.rows(connection, **members_of(behind.group), now=now, owner=self._owner)
        return [Key(tenant, subscription) for (subscription,) in members]

    def _advance(self, now: datetime) -> datetime:
        """Bring quiet groups on, if it is time. Returns when it will be."""
        due = now if self._advanced is None else self._advanced + ADVANCE_AFTER
        if self._advanced is not None and now < due:
            return due
        self._advanced = now
        with self._database.write() as connection:
            for group, end in sorted(self._quiet.items(), key=lambda quiet: quiet[0].tenant):
                to = {"to": end.position, "to_object": end.object}
                ADVANCE.run(connection, {**members_of(group), **to, "now": now, "owner": self._owner})
        return now + ADVANCE_AFTER

    def take(self, keys: Collection[Key], now: datetime) -> dict[Key, Job]:
        """What there is to do for each of *keys*, which are leased for at least half a lease from *now*.

        Those for which there is nothing, or which another deliverer holds, are left out.
        """
        jobs: dict[Key, Job] = {}
        known = {key for key in keys if self._leases.get(key, now) > now + self._lease / 2}
        with self._database.look() as connection:
            lost, found = self._jobs(connection, known, now)
        jobs.update(found)
        claimed = {*keys} - known | lost
        if claimed:
            with self._database.write() as connection:
                held = lock_free(connection, claimed, self._owner, now)
                lease(connection, held, self._owner, now + self._lease)
                jobs.update(self._jobs(connection, held, now)[1])
            self._leases.update(dict.fromkeys(held, now + self._lease))
        for key in claimed - set(jobs):
            self._leases.pop(key, None)
        return jobs

    def _jobs(self, connection: Connection, keys: Collection[Key], now: datetime) -> tuple[set[Key], dict[Key, Job]]:
        """The keys that are not ours any more, and what there is to do for the others."""
        if not keys:
            return set(), {}
        ours = [row for row in rows_of(connection, keys) if row.leased_by == self._owner]
        due = [row for row in ours if row.next_attempt is None or row.next_attempt <= now]
        failed = failed_of(connection, [row.key for row in due if row.next_retry is not None])
        jobs = {
            row.key: job
            for row in due
            for job in [self._job(connection, row, failed.get(row.key, []), now)]
            if job is not None
        }
        return set(keys) - {row.key for row in ours}, jobs

    def _job(
        self,
        connection: Connection,
        row: SubscriptionRow,
        failed: Sequence[Failure],
        now: datetime,
    ) -> Job | None:
        cursor = Place(row.cursor, row.cursor_object)
        window = self._windows.after(connection, row.log, cursor, topics_of(row.topics), now)
        work = work_of(
            row.health,
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
            key=row.key,
            tenant_name=row.tenant_name,
            app=row.app,
            url=row.url,
            secrets=tuple(self._unseal(each) for each in (row.secret, old) if each is not None),
            batch=row.batch,
            replays=row.replays,
            attempted=row.attempted,
            work=work,
            is_all=window.end.position >= row.log_position,
        )

    def renew(self, keys: Collection[Key], now: datetime) -> None:
        """Lease those of *keys* that are still ours for longer, if they are not for long any more."""
        ending = {key for key in keys if self._leases.get(key, now) < now + self._lease * 2 / 3}
        if ending:
            with self._database.write() as connection:
                ours = lock_held(connection, ending, self._owner)
                lease(connection, ours, self._owner, now + self._lease)
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
            kept = lock_held(connection, [result.key for result in results], self._owner)
            counted = [result for result in results if result.key in kept]
            for values, keys in _alike(counted):
                record(connection, keys, **values, until=now + self._lease)
            _store_failures(connection, counted, now)
            store_attempts(connection, [(each.key.tenant, each.key.subscription, each.attempts) for each in counted])
        self._leases.update(dict.fromkeys(kept, now + self._lease))
        return kept


def _alike(results: Iterable[Result]) -> Iterable[tuple[dict[str, object], list[Key]]]:
    """The new values of subscriptions, and of which: those that fare well mostly have the same."""
    alike: defaultdict[tuple[Place, Health, int], list[Key]] = defaultdict(list)
    for result in results:
        alike[result.cursor, result.health, result.attempted].append(result.key)
    for (cursor, health, attempted), keys in alike.items():
        values: dict[str, object] = {
            "to": cursor.position,
            "to_object": cursor.object,
            "made": attempted,
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
        (result.key, ping.path)
        for result in results
        for ping in (*result.settled, *(failure.ping for failure in result.failures))
        if ping.attempts > 0  # others are not stored
    ]
    failures = [(result.key, failure) for result in results for failure in result.failures]
    ended = [result.key for result in results if result.health.state == "ended"]
    retried = [result.key for result in results if result.retry_all]
    forget(connection, gone)
    add_failures(connection, failures)
    forget_all(connection, ended)
    retry_all(connection, retried, now)
    note_retry(connection, {*ended, *retried, *(key for key, _ in (*gone, *failures))})
