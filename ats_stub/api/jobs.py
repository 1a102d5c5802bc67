"""Jobs: the four lists, single jobs, and writing them."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.lists import MAX_PAGE_OBJECTS, CategoriesFilter, IdBound, Keywords, Limit, Patch
from ats_stub.api.requests import Requests
from ats_stub.domain.jobs import JobList
from ats_stub.operations import jobs as operations
from ats_stub.store import WriteUnit
from ats_stub.store.job_lists import DateColumn, JobQuery
from ats_stub.store.pages import Bound
from catrelay.asgi import Guard, access_of, answers, model_response, path_id, resource
from catrelay.asgi.headers import IDEMPOTENCY_KEY, IF_MATCH, LOCATION
from catrelay.models import JobRead, JobsRead, JobWrite, Moment
from catrelay.problems import (
    ExternalIdImmutable,
    ExternalIdTaken,
    FieldError,
    InvalidRequest,
    NotFound,
    ReferenceBroken,
    UnknownFile,
    UnknownUser,
    UnsupportedFile,
)

WRITE_PROBLEMS = (ExternalIdImmutable, ExternalIdTaken, ReferenceBroken, UnknownFile, UnknownUser, UnsupportedFile)


class JobsQuery(BaseModel):
    """The filters of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    categories: CategoriesFilter | None = None
    keywords: Keywords = ""
    gt_id: IdBound | None = Field(default=None, alias="gtID")
    lt_id: IdBound | None = Field(default=None, alias="ltID")
    gt_publish_date: Moment | None = Field(default=None, alias="gtPublishDate")
    lt_publish_date: Moment | None = Field(default=None, alias="ltPublishDate")
    gt_internal_publish_date: Moment | None = Field(default=None, alias="gtInternalPublishDate")
    gt_external_publish_date: Moment | None = Field(default=None, alias="gtExternalPublishDate")
    limit: Limit = MAX_PAGE_OBJECTS


class JobsApi:
    """`/jobs...`."""

    def __init__(self, requests: Requests, guard: Guard) -> None:
        self._requests = requests
        self._guard = guard

    def routes(self) -> list[Route]:
        guard = self._guard
        return [
            resource("/t/{tenant}/jobs", get=guard.read(self._lister("jobs")), post=guard.write(self.create)),
            resource("/t/{tenant}/jobs/byID/{job}", get=guard.read(self.show), patch=guard.write(self.patch)),
            *self._list_routes("jobs/open"),
            *self._list_routes("jobs/open/externally"),
            *self._list_routes("jobs/template"),
        ]

    def _list_routes(self, which: JobList) -> list[Route]:
        @answers(JobRead)
        def show(request: Request) -> Response:
            """One job of this list."""
            job_id, now = path_id(request, "job"), _now()
            with self._requests.read(request) as unit:
                job = unit.jobs.in_list(which, job_id, now)
                if job is None:
                    raise NotFound(f"Job {job_id} is not in /{which}")
                return model_response(operations.answered(unit, job, now))

        return [
            resource(f"/t/{{tenant}}/{which}", get=self._guard.read(self._lister(which))),
            resource(f"/t/{{tenant}}/{which}/byID/{{job}}", get=self._guard.read(show)),
        ]

    def _lister(self, which: JobList) -> Callable[[Request], Response]:
        @answers(JobsRead)
        def list_jobs(request: Request, query: JobsQuery) -> Response:
            """The jobs of this list."""
            wanted, now = job_query(which, query), _now()
            with self._requests.read(request) as unit:
                found = operations.all_answered(unit, unit.jobs.page(wanted, now), now)
            return model_response(JobsRead(results=found))

        return list_jobs

    @answers(JobRead)
    def show(self, request: Request) -> Response:
        """One job, templates included."""
        job_id = path_id(request, "job")
        with self._requests.read(request) as unit:
            return model_response(operations.answered(unit, operations.job_of(unit, job_id), _now()))

    @answers(JobRead, reads=JobWrite, takes=[IDEMPOTENCY_KEY], sends=[LOCATION], problems=WRITE_PROBLEMS)
    async def create(self, request: Request, body: Patch) -> Response:
        """Make a job."""
        tenant = access_of(request).tenant

        def act(unit: WriteUnit) -> Response:
            job = operations.create_job(unit, body.root)
            location = f"/t/{quote(tenant, safe='')}/jobs/byID/{job.id}"
            # 200, not 201: as the documented API answers.
            return model_response(job, headers={"location": location})

        return await self._requests.write(request, act)

    @answers(JobRead, reads=JobWrite, takes=[IF_MATCH], problems=WRITE_PROBLEMS)
    async def patch(self, request: Request, body: Patch) -> Response:
        """Change a job by JSON Merge Patch."""
        job_id = path_id(request, "job")

        def act(unit: WriteUnit) -> Response:
            return model_response(operations.patch_job(unit, job_id, body.root))

        return await self._requests.write(request, act)


def job_query(which: JobList, query: JobsQuery) -> JobQuery:
    """The page of the list that *query* asks for. Raises InvalidRequest when it names two kinds of dates."""
    return JobQuery(
        which=which,
        categories=query.categories,
        keywords=query.keywords,
        by=_date_column(query),
        above=Bound(
            query.gt_id, query.gt_publish_date or query.gt_internal_publish_date or query.gt_external_publish_date
        ),
        below=Bound(query.lt_id, query.lt_publish_date),
        descending=query.lt_id is not None or query.lt_publish_date is not None,
        limit=query.limit,
    )


def _date_column(query: JobsQuery) -> DateColumn | None:
    """The date that the list is filtered and ordered by. There cannot be two."""
    filters: list[tuple[str, datetime | None, DateColumn]] = [
        ("gtPublishDate", query.gt_publish_date, "publish_date"),
        ("ltPublishDate", query.lt_publish_date, "publish_date"),
        ("gtInternalPublishDate", query.gt_internal_publish_date, "internal_publish_date"),
        ("gtExternalPublishDate", query.gt_external_publish_date, "external_publish_date"),
    ]
    given = {name: column for name, date, column in filters if date is not None}
    if len(set(given.values())) > 1:
        raise InvalidRequest(
            "Filter by one kind of date at a time",
            errors=[FieldError(name, f"filters by {to_camel(column)}") for name, column in given.items()],
        )
    return next(iter(given.values()), None)


def _now() -> datetime:
    return datetime.now(UTC)
