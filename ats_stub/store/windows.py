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
receipts = schema.receipts
jobs = schema.jobs

MAX_WINDOW_CHANGES = 1_000
MAX_MOVED_JOBS = 1_000
"""Of all `moved` rows of a window together."""


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
        if change.kind == "moved" and pinged_topics:
            after = cursor.object if change.position == cursor.position + 1 else 0
            found = _moved_jobs(connection, tenant, change.object, after=after, limit=moved_jobs_left, now=now)
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
    connection: Connection, tenant: int, seq: int, *, after: int, limit: int, now: datetime
) -> list[tuple[int, list[Topic]]]:
    """Jobs that *seq* moved and that are open now, by id, with the lists they are in."""
    statement = (
        select(receipts.c.object, is_in("jobs/open/externally", now).label("externally"))
        .join(jobs, (jobs.c.tenant == receipts.c.tenant) & (jobs.c.id == receipts.c.object))
        .where(
            receipts.c.tenant == tenant,
            receipts.c.seq == seq,
            receipts.c.kind == "job",
            receipts.c.object > after,
            is_in("jobs/open", now),
        )
        .order_by(receipts.c.object)
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
        lists={} if row.lists is None else orjson.loads(row.lists),
    )
