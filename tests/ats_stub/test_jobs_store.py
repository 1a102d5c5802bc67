"""The lists of jobs, on both databases: pages and membership for any dates."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from ats_stub.domain.jobs import Job, JobList, is_in
from ats_stub.operations import jobs as operations
from ats_stub.operations.users import create_user
from ats_stub.store import Store, WriteUnit, schema
from ats_stub.store.job_lists import DateColumn, JobQuery
from ats_stub.store.pages import Bound
from catrelay.models import MAX_ID, Availability, CloseDates, JobWrite, PublishDates
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
LISTS: tuple[JobList, ...] = ("jobs", "jobs/open", "jobs/open/externally", "jobs/template")
BY: tuple[DateColumn | None, ...] = (None, "publish_date", "internal_publish_date", "external_publish_date")

# Few different moments, so that many jobs share one; some differ by the least that is stored.
moments = st.sampled_from([NOW + timedelta(days=d, microseconds=m) for d in (-1, 0, 1) for m in (-1, 0, 1)])
optional = st.none() | moments
flags = st.none() | st.booleans()


@st.composite
def publish_dates(draw: st.DrawFn) -> PublishDates:
    return PublishDates(
        publish_date=draw(moments),
        internal_publish_date=draw(optional),
        external_publish_date=draw(optional),
    )


@st.composite
def close_dates(draw: st.DrawFn) -> CloseDates:
    return CloseDates(close_date=draw(moments), internal_close_date=draw(optional), external_close_date=draw(optional))


@st.composite
def availabilities(draw: st.DrawFn) -> Availability:
    return Availability(
        available_externally=draw(flags),
        job_publish_dates=draw(st.none() | publish_dates()),
        application_close_dates=draw(st.none() | close_dates()),
    )


@st.composite
def states(draw: st.DrawFn) -> JobWrite:
    return JobWrite(
        status=draw(st.sampled_from(["active", "complete", None])),
        template_flag=draw(flags),
        availability=draw(st.none() | availabilities()),
    )


class Discarded(Exception):
    """Ends a transaction that nobody shall see."""


@pytest.fixture
def tenant(access: Access) -> int:
    return access.tenant_id


@contextmanager
def holding(store: Store, tenant: int, jobs: list[JobWrite]) -> Iterator[tuple[WriteUnit, dict[int, JobWrite]]]:
    """The jobs by id in a transaction that is discarded at the end, so that each example finds an empty table."""
    with suppress(Discarded), store.write(tenant, app="tests", now=NOW) as unit:
        known = {unit.new_id(): state for state in jobs}
        for job_id, state in known.items():
            unit.jobs.insert(Job(job_id, state, NOW))
        yield unit, known
        raise Discarded


def date_of(state: JobWrite, by: DateColumn | None) -> datetime | None:
    dates = state.availability.job_publish_dates if state.availability else None
    if dates is None or by is None:
        return None
    return getattr(dates, by) or dates.publish_date


def pages(unit: WriteUnit, by: DateColumn | None, *, descending: bool, limit: int) -> Iterator[list[Job]]:
    """All pages, each from the last record of the one before."""
    bound = Bound(MAX_ID if descending else 0, None if by is None else LAST if descending else FIRST)
    while True:
        query = JobQuery(
            "jobs",
            by=by,
            above=Bound() if descending else bound,
            below=bound if descending else Bound(),
            descending=descending,
            limit=limit,
        )
        page = unit.jobs.page(query, NOW)
        yield page
        if len(page) < limit:
            return
        bound = Bound(page[-1].id, date_of(page[-1].state, by))


def test_pages_of_every_order_have_each_job_exactly_once_whatever_its_dates(store: Store, tenant: int) -> None:
    @settings(max_examples=25)
    @given(st.lists(states(), max_size=8), st.sampled_from(BY), st.booleans(), st.integers(1, 4))
    def holds(jobs: list[JobWrite], by: DateColumn | None, descending: bool, limit: int) -> None:
        with holding(store, tenant, jobs) as (unit, known):
            found = [job.id for page in pages(unit, by, descending=descending, limit=limit) for job in page]

            listed = [i for i, state in known.items() if not state.template_flag]
            dated = [i for i in listed if by is None or date_of(known[i], by) is not None]
            assert found == sorted(dated, key=lambda i: (date_of(known[i], by) or NOW, i), reverse=descending)

    holds()


def test_the_database_and_the_rules_agree_which_lists_a_job_is_in(store: Store, tenant: int) -> None:
    @settings(max_examples=25)
    @given(st.lists(states(), min_size=1, max_size=8), moments)
    def holds(jobs: list[JobWrite], now: datetime) -> None:
        with holding(store, tenant, jobs) as (unit, known):
            for which in LISTS:
                found = [job.id for job in unit.jobs.page(JobQuery(which), now)]

                assert found == [i for i, state in known.items() if is_in(which, state, now)]
                assert found == [i for i in known if unit.jobs.in_list(which, i, now)]

    holds()


def test_a_job_is_read_as_it_was_stored(store: Store, tenant: int) -> None:
    @settings(max_examples=25)
    @given(states())
    def holds(state: JobWrite) -> None:
        with holding(store, tenant, [state]) as (unit, known):
            for job_id in known:
                assert unit.jobs.get(job_id) == Job(job_id, state, NOW)

    holds()


def test_a_write_is_told_once_for_the_lists_that_the_job_is_or_was_in(store: Store, access: Access) -> None:
    public = {"status": "active", "availability": {"availableExternally": True}}
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        job = operations.create_job(unit, public).id
        for patch in (
            {"title": "New"},
            {"title": "New"},
            {"availability": None},
            {"status": "complete"},
            {"title": "x"},
        ):
            operations.patch_job(unit, job, patch)

    with store.read(access.tenant_id) as unit:
        rows = unit.connection.execute(select(schema.changes).order_by(schema.changes.c.position)).all()

    assert [(row.kind, row.object, row.operation, row.lists) for row in rows] == [
        ("job", job, "insert", '{"jobs/open":"insert","jobs/open/externally":"insert"}'),
        ("job", job, "update", '{"jobs/open":"update","jobs/open/externally":"update"}'),
        ("job", job, "update", '{"jobs/open":"update","jobs/open/externally":"delete"}'),
        ("job", job, "update", '{"jobs/open":"delete"}'),
    ]


def test_a_page_takes_as_many_statements_however_many_jobs_users_and_files_it_has(store: Store, tenant: int) -> None:
    file = {"data": "aGVsbG8=", "fileName": "hello.txt", "via": "device"}

    def statements_for(count: int) -> int:
        with store.write(tenant, app="tests", now=NOW) as unit:
            for _ in range(count):
                boss, recruiter = (create_user(unit, {}).id for _ in range(2))
                items = [{"type": "file", "name": "Letter", "value": file}]
                operations.create_job(unit, {"manager": {"id": boss}, "recruiter": {"id": recruiter}, "items": items})
        with store.read(tenant) as unit:
            statements: list[str] = []
            event.listen(unit.connection, "before_execute", lambda *_: statements.append("executed"))
            page = operations.all_answered(unit, unit.jobs.page(JobQuery("jobs"), NOW), NOW)
            assert all(job.manager and job.recruiter and job.items for job in page)
        return len(statements)

    assert statements_for(1) == statements_for(20)
