"""Reading ahead in the change log, a bounded window at a time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

import orjson
from sqlalchemy import Connection, Row, select

from ats_stub.domain.pings import JOB_TOPICS, TOPICS_OF, Change, ChangeKind, Ping, Place, pings_of, pings_of_moved
from ats_stub.domain.references import Kind
from ats_stub.store import schema
from ats_stub.store.job_lists import is_in
from catrelay.models import Topic

changes = schema.changes
links = schema.links
jobs = schema.jobs

MAX_WINDOW_CHANGES = 1_000
MAX_MOVED_OBJECTS = 1_000
"""Of all `moved-...` rows of a window together."""

_MOVED: Mapping[ChangeKind, Kind] = {"moved-jobs": "job", "moved-users": "user", "moved-candidates": "candidate"}


def read_window(
    connection: Connection,
    tenant: int,
    cursor: Place,
    topics: Collection[Topic],
    *,
    orgs_category: int,
    now: datetime,
) -> tuple[list[Ping], Place]:
    """The pings that the changes after *cursor* mean, in their order and not yet collapsed; and how far it was read."""
    pings: list[Ping] = []
    end, moved_left = cursor, MAX_MOVED_OBJECTS
    for change in _changes_after(connection, tenant, cursor.position):
        kind = _MOVED.get(change.kind)
        if kind is None:
            pings.extend(pings_of(change, topics, orgs_category=orgs_category))
        elif not set(topics).isdisjoint(TOPICS_OF[kind]):
            after = cursor.object if change.position == cursor.position + 1 else 0
            found = _moved(connection, tenant, change, kind, after=after, limit=moved_left, now=now)
            for moved, lists in found:
                pings.extend(pings_of_moved(change.position, kind, moved, lists, topics))
            if len(found) == moved_left:
                return pings, Place(change.position - 1, found[-1][0])
            moved_left -= len(found)
        end = Place(change.position)
    return pings, end


def _changes_after(connection: Connection, tenant: int, position: int) -> Iterator[Change]:
    rows = connection.execute(
        select(changes)
        .where(changes.c.tenant == tenant, changes.c.position > position)
        .order_by(changes.c.position)
        .limit(MAX_WINDOW_CHANGES)
    )
    return map(_change, rows.all())


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


def _change(row: Row[tuple[object, ...]]) -> Change:
    return Change(
        position=row.position,
        kind=row.kind,
        object=row.object,
        operation=row.operation,
        category=row.category,
        moved_by=row.moved_by,
        lists={} if row.lists is None else orjson.loads(row.lists),
    )
