"""The lists of jobs against plain Python that knows nothing of SQL, on both databases, for every mix of filters."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ats_stub.api.jobs import JobsQuery, job_query
from ats_stub.domain.jobs import Job, JobList, is_in
from ats_stub.domain.words import words
from ats_stub.store import Store
from catrelay.models import Availability, CloseDates, JobWrite, PublishDates
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LISTS: tuple[JobList, ...] = ("jobs", "jobs/open", "jobs/open/externally", "jobs/template")
MAX_JOBS = 8

# Few moments, so that many jobs share one; some differ by the least that is stored.
moments = st.sampled_from([NOW + timedelta(days=d, microseconds=m) for d in (-1, 0, 1) for m in (-1, 0, 1)])
zones = st.sampled_from([UTC, timezone(timedelta(hours=13))])
optional = st.none() | moments
flags = st.none() | st.booleans()
titles = st.sampled_from([None, "North", "north east", "Nørth", "東京", "x-9"])

availabilities = st.builds(
    Availability,
    available_externally=flags,
    job_publish_dates=st.none()
    | st.builds(PublishDates, publishDate=moments, internal_publish_date=optional, external_publish_date=optional),
    application_close_dates=st.none() | st.builds(CloseDates, closeDate=moments, external_close_date=optional),
)
states = st.builds(
    JobWrite,
    status=st.sampled_from(["active", "active", "complete", None]),
    template_flag=flags,
    availability=st.none() | availabilities,
    title=titles,
)


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    """Parameters; ids count from 1, as the jobs do."""
    ids = st.integers(0, MAX_JOBS + 1)
    dates = st.builds(lambda moment, zone: moment.astimezone(zone).isoformat(), moments, zones)
    by = draw(
        st.sampled_from([[], ["gtPublishDate"], ["ltPublishDate"], ["gtPublishDate", "ltPublishDate"]])
        | st.sampled_from([["gtInternalPublishDate"], ["gtExternalPublishDate"]])
    )
    bounds = draw(st.fixed_dictionaries(dict.fromkeys(by, dates), optional={"gtID": ids, "ltID": ids}))
    keywords = draw(st.sampled_from(["", "", "NOR", "nor ea", "京", "9 x", "..."]))
    return bounds | {"keywords": keywords, "limit": draw(st.integers(1, MAX_JOBS))}


def date_of(state: JobWrite, query: dict[str, Any]) -> datetime | None:
    """The date that the query filters and orders by; internal and external dates default to the publish date."""
    dates = state.availability.job_publish_dates if state.availability else None
    if dates is None:
        return None
    if "gtInternalPublishDate" in query:
        return dates.internal_publish_date or dates.publish_date
    if "gtExternalPublishDate" in query:
        return dates.external_publish_date or dates.publish_date
    return dates.publish_date


def expected(which: JobList, jobs: dict[int, JobWrite], query: dict[str, Any]) -> list[int]:
    """The ids on the page, as the contract says it."""
    above_date = next((d for name, d in query.items() if name.startswith("gt") and name.endswith("Date")), None)
    below_date = query.get("ltPublishDate")
    dated = above_date is not None or below_date is not None
    found = []
    for job, state in jobs.items():
        date = date_of(state, query)
        wanted = words([query["keywords"]])
        if not is_in(which, state, NOW) or (dated and date is None):
            continue
        if not all(any(word.startswith(keyword) for word in words([state.title])) for keyword in wanted):
            continue
        if beyond(above_date, query.get("gtID"), date, job, +1) and beyond(
            below_date, query.get("ltID"), date, job, -1
        ):
            found.append((date if dated else None, job))
    descending = "ltID" in query or below_date is not None
    in_order = sorted(found, key=lambda pair: (pair[0] or NOW, pair[1]), reverse=descending)
    return [job for _, job in in_order][: query["limit"]]


def beyond(bound: str | None, bound_id: int | None, date: datetime | None, job: int, direction: int) -> bool:
    """Above the bound, or below it: by date, and among equal dates by id; by id alone where there is no date."""

    def past(one: Any, other: Any) -> bool:
        return bool(one > other if direction > 0 else one < other)

    if bound is None or date is None:
        return bound_id is None or past(job, bound_id)
    end = datetime.fromisoformat(bound)
    if bound_id is None:
        return past(date, end)
    return past(date, end) or (date == end and past(job, bound_id))


class Discarded(Exception):
    """Ends a transaction that nobody shall see."""


def test_a_page_has_the_jobs_that_the_contract_says_in_its_order(store: Store, access: Access) -> None:
    @settings(max_examples=60)
    @given(st.lists(states, max_size=MAX_JOBS), st.sampled_from(LISTS), queries())
    def holds(jobs: list[JobWrite], which: JobList, query: dict[str, Any]) -> None:
        known = dict(enumerate(jobs, start=1))
        with suppress(Discarded), store.write(access.tenant_id, app="tests", now=NOW) as unit:
            for job, state in known.items():
                unit.jobs.insert(Job(job, state, NOW))
            asked = JobsQuery.model_validate(query, strict=False, by_alias=True, by_name=False)

            found = [job.id for job in unit.jobs.page(job_query(which, asked), NOW)]

            assert found == expected(which, known, query)
            raise Discarded

    holds()
