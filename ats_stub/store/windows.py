"""Reading ahead in the change log, a bounded window at a time."""

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Connection, bindparam, select

from ats_stub.domain.pings import (
    JOB_TOPICS,
    TOPICS_OF,
    Change,
    ChangeKind,
    Ping,
    Place,
    add,
    pings_of,
    pings_of_moved,
    resynchronize,
)
from ats_stub.domain.references import Kind
from ats_stub.store import schema
from ats_stub.store.job_lists import is_in
from catrelay.models import Topic
from catrelay.statements import Statement

changes = schema.changes
links = schema.links
jobs = schema.jobs

PAGE_CHANGES = 1_000
MAX_WINDOW_CHANGES = 50_000
MAX_WINDOW_PINGS = 5_000
MAX_MOVED_OBJECTS = 1_000
"""Of all `moved-...` rows of a window together."""
MAX_AGE = timedelta(seconds=1)
"""How long a window serves others: which lists an object is in may change."""
MAX_WINDOWS = 8

_MOVED: Mapping[ChangeKind, Kind] = {"moved-jobs": "job", "moved-users": "user", "moved-candidates": "candidate"}

_PAGE = Statement(
    select(
        changes.c.position,
        changes.c.kind,
        changes.c.object,
        changes.c.operation,
        changes.c.category,
        changes.c.moved_by,
        changes.c.lists,
    )
    .where(changes.c.tenant == bindparam("of_tenant"), changes.c.position > bindparam("after"))
    .order_by(changes.c.position)
    .limit(PAGE_CHANGES)
)


@dataclass(frozen=True)
class Log:
    """What is known of a tenant's change log. position: its last."""

    tenant: int
    position: int
    orgs_category: int


@dataclass(frozen=True)
class Window:
    """The pings that a stretch of the log means, collapsed, in the order of their first changes.

    end: where the stretch ends. read: when.
    """

    pings: Sequence[Ping]
    end: Place
    read: datetime


class Windows:
    """The latest windows, for all subscriptions that are at the same place and want the same."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, Place, frozenset[Topic]], Window] = OrderedDict()
        self._mutex = threading.Lock()

    def after(
        self, connection: Connection, log: Log, cursor: Place, topics: Collection[Topic], now: datetime
    ) -> Window:
        """The window that begins after *cursor*."""
        key = (log.tenant, cursor, frozenset(topics))
        with self._mutex:
            known = self._known.get(key)
        if known is not None and _holds(known, log, now):
            return known
        window = _read(connection, log, cursor, key[2], now)
        with self._mutex:
            self._known[key] = window
            self._known.move_to_end(key)
            if len(self._known) > MAX_WINDOWS:
                self._known.popitem(last=False)
        return window


def _holds(window: Window, log: Log, now: datetime) -> bool:
    is_young = timedelta() <= now - window.read < MAX_AGE
    return is_young and (bool(window.pings) or window.end.position >= log.position)


def _read(connection: Connection, log: Log, cursor: Place, topics: Collection[Topic], now: datetime) -> Window:
    pings: dict[str, Ping] = {}
    end, scanned, moved_left = cursor, 0, MAX_MOVED_OBJECTS
    for change in _changes_after(connection, log.tenant, end.position):
        if change.position > end.position + 1:
            add(pings, resynchronize(end, change.position - 1))
        kind = _MOVED.get(change.kind)
        if kind is None:
            for ping in pings_of(change, topics, orgs_category=log.orgs_category):
                add(pings, ping)
        elif not set(topics).isdisjoint(TOPICS_OF[kind]):
            after = end.object if change.position == end.position + 1 else 0
            found = _moved(connection, log.tenant, change, kind, after=after, limit=moved_left, now=now)
            for moved, lists in found:
                for ping in pings_of_moved(change.position, kind, moved, lists, topics):
                    add(pings, ping)
            if len(found) == moved_left:
                return Window(tuple(pings.values()), Place(change.position - 1, found[-1][0]), now)
            moved_left -= len(found)
        end, scanned = Place(change.position), scanned + 1
        if len(pings) >= MAX_WINDOW_PINGS or scanned == MAX_WINDOW_CHANGES:
            break
    if not scanned and cursor.position < log.position:
        add(pings, resynchronize(cursor, log.position))
        end = Place(log.position)
    return Window(tuple(pings.values()), end, now)


def _changes_after(connection: Connection, tenant: int, position: int) -> Iterator[Change]:
    while True:
        rows = _PAGE.rows(connection, of_tenant=tenant, after=position)
        for row in rows:
            position, kind, changed, operation, category, moved_by, lists = row
            yield Change(
                position, kind, changed, operation, category, {} if lists is None else orjson.loads(lists), moved_by
            )
        if len(rows) < PAGE_CHANGES:
            return


def _moved(
    connection: Connection, tenant: int, change: Change, kind: Kind, *, after: int, limit: int, now: datetime
) -> list[tuple[int, Sequence[Topic]]]:
    """Objects that *change* moved, by id, with the lists that they are in *now*; of jobs, those that are open.

    Those that moved on since are told of by what moved them on.
    """
    moved = (
        select(links.c.object)
        .where(
            links.c.tenant == tenant,
            links.c.value == change.object,
            links.c.kind == kind,
            links.c.moved_by == change.moved_by,
            links.c.object > after,
        )
        .distinct()
        .order_by(links.c.object)
        .limit(limit)
    )
    if kind != "job":
        return [(each, TOPICS_OF[kind]) for each in connection.scalars(moved)]
    open_jobs = (
        moved.add_columns(is_in("jobs/open/externally", now).label("externally"))
        .join(jobs, (jobs.c.tenant == links.c.tenant) & (jobs.c.id == links.c.object))
        .where(is_in("jobs/open", now))
    )
    return [(row.object, JOB_TOPICS if row.externally else JOB_TOPICS[:1]) for row in connection.execute(open_jobs)]
