"""Reading ahead in the change log, a bounded window at a time."""

from collections.abc import Collection, Iterator
from datetime import datetime

import orjson
from sqlalchemy import Connection, Row, select

from ats_stub.domain.pings import JOB_TOPICS, Change, Ping, Place, pings_of, pings_of_moved_job
from ats_stub.store import schema
from ats_stub.store.job_lists import is_in
from catrelay.models import Topic

changes = schema.changes
links = schema.links
jobs = schema.jobs

MAX_WINDOW_CHANGES = 1_000
MAX_MOVED_JOBS = 1_000
"""Of all `moved-...` rows of a window together."""


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
    end, moved_jobs_left = cursor, MAX_MOVED_JOBS
    pinged_topics = [topic for topic in JOB_TOPICS if topic in topics]
    for change in _changes_after(connection, tenant, cursor.position):
        if change.kind == "moved-jobs" and pinged_topics:
            after = cursor.object if change.position == cursor.position + 1 else 0
            found = _moved_jobs(connection, tenant, change, after=after, limit=moved_jobs_left, now=now)
            for job, lists in found:
                pings.extend(pings_of_moved_job(change.position, job, lists, topics))
            if len(found) == moved_jobs_left:
                return pings, Place(change.position - 1, found[-1][0])
            moved_jobs_left -= len(found)
        else:
            pings.extend(pings_of(change, topics, orgs_category=orgs_category))
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


def _moved_jobs(
    connection: Connection, tenant: int, change: Change, *, after: int, limit: int, now: datetime
) -> list[tuple[int, list[Topic]]]:
    """Jobs that *change* moved and that are open now, by id, with the lists they are in.

    Those that moved on since are told of by what moved them on.
    """
    statement = (
        select(links.c.object, is_in("jobs/open/externally", now).label("externally"))
        .join(jobs, (jobs.c.tenant == links.c.tenant) & (jobs.c.id == links.c.object))
        .where(
            links.c.tenant == tenant,
            links.c.value == change.object,
            links.c.kind == "job",
            links.c.moved_by == change.moved_by,
            links.c.object > after,
            is_in("jobs/open", now),
        )
        .distinct()
        .order_by(links.c.object)
        .limit(limit)
    )
    return [
        (row.object, ["jobs/open", "jobs/open/externally"] if row.externally else ["jobs/open"])
        for row in connection.execute(statement)
    ]


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
