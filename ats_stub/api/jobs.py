"""Jobs: the four lists, single jobs, and writing them."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, Json, RootModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.requests import Requests
from ats_stub.domain.jobs import JobList
from ats_stub.operations import jobs as operations
from ats_stub.store import WriteUnit
from ats_stub.store.job_lists import DateColumn, JobQuery
from ats_stub.store.pages import Bound
from catrelay.asgi import Guard, access_of, model_response, parse_query, path_id, read_model, resource
from catrelay.models import MAX_ID, CategoriesActual, JobsRead, Moment, Text
from catrelay.problems import FieldError, InvalidRequest, LimitExceeded, NotFound

MAX_PAGE_JOBS = 100
MAX_KEYWORDS_CHARACTERS = 500
MAX_FILTER_CATEGORIES = 20
MAX_FILTER_VALUES = 1_000


class JobPatch(RootModel[dict[str, Any]]):
    """A JSON Merge Patch of a job, not yet applied."""


class JobsQuery(BaseModel):
    """The filters of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    categories: Json[CategoriesActual] | None = None
    keywords: Text = ""
    gt_id: int | None = Field(default=None, ge=0, le=MAX_ID, alias="gtID")
    lt_id: int | None = Field(default=None, ge=0, le=MAX_ID, alias="ltID")
    gt_publish_date: Moment | None = Field(default=None, alias="gtPublishDate")
    lt_publish_date: Moment | None = Field(default=None, alias="ltPublishDate")
    gt_internal_publish_date: Moment | None = Field(default=None, alias="gtInternalPublishDate")
    gt_external_publish_date: Moment | None = Field(default=None, alias="gtExternalPublishDate")
    limit: int = Field(default=MAX_PAGE_JOBS, ge=1)


class JobsApi:
    """`/jobs...`."""

    def __init__(self, requests: Requests, guard: Guard) -> None:
        self._requests = requests
        self._guard = guard

    def routes(self) -> list[Route]:
        guard = self._guard
        return [
            resource("/t/{tenant}/jobs", get=guard.read(self.list), post=guard.write(self.create)),
            resource("/t/{tenant}/jobs/byID/{job}", get=guard.read(self.show), patch=guard.write(self.patch)),
            *self._list_routes("jobs/open"),
            *self._list_routes("jobs/open/externally"),
            *self._list_routes("jobs/template"),
        ]

    def _list_routes(self, which: JobList) -> list[Route]:
        def list_jobs(request: Request) -> Response:
            return self._page(request, which)

        def show(request: Request) -> Response:
            job_id = path_id(request, "job")
            with self._requests.read(request) as unit:
                job = unit.jobs.in_list(which, job_id, _now())
            if job is None:
                raise NotFound(f"Job {job_id} is not in /{which}")
            return model_response(job.as_answered())

        return [
            resource(f"/t/{{tenant}}/{which}", get=self._guard.read(list_jobs)),
            resource(f"/t/{{tenant}}/{which}/byID/{{job}}", get=self._guard.read(show)),
        ]

    def list(self, request: Request) -> Response:
        return self._page(request, "jobs")

    def _page(self, request: Request, which: JobList) -> Response:
        query = _job_query(which, parse_query(request, JobsQuery))
        with self._requests.read(request) as unit:
            jobs = unit.jobs.page(query, _now())
        return model_response(JobsRead(results=tuple(job.as_answered() for job in jobs)))

    def show(self, request: Request) -> Response:
        """Any job, templates included."""
        job_id = path_id(request, "job")
        with self._requests.read(request) as unit:
            job = operations.job_of(unit, job_id)
        return model_response(job.as_answered())

    async def create(self, request: Request) -> Response:
        patch = await read_model(request, JobPatch)
        tenant = access_of(request).tenant

        def act(unit: WriteUnit) -> Response:
            job = operations.create_job(unit, patch.root)
            location = f"/t/{quote(tenant, safe='')}/jobs/byID/{job.id}"
            # 200, not 201: as the documented API answers.
            return model_response(job.as_answered(), headers={"location": location})

        return await self._requests.write(request, act)

    async def patch(self, request: Request) -> Response:
        patch = await read_model(request, JobPatch)
        job = path_id(request, "job")
        return await self._requests.write(
            request, lambda unit: model_response(operations.patch_job(unit, job, patch.root).as_answered())
        )


def _job_query(which: JobList, query: JobsQuery) -> JobQuery:
    _check_bounds(query)
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
            errors=[FieldError(name, f"filters by {column}") for name, column in given.items()],
        )
    return next(iter(given.values()), None)


def _check_bounds(query: JobsQuery) -> None:
    if query.limit > MAX_PAGE_JOBS:
        raise LimitExceeded(f"limit is at most {MAX_PAGE_JOBS}", errors=[FieldError("limit", "is too large")])
    if len(query.keywords) > MAX_KEYWORDS_CHARACTERS:
        raise LimitExceeded(
            f"keywords has at most {MAX_KEYWORDS_CHARACTERS} characters", errors=[FieldError("keywords", "is too long")]
        )
    entries = query.categories.root if query.categories is not None else ()
    if len(entries) > MAX_FILTER_CATEGORIES or sum(len(entry.values) for entry in entries) > MAX_FILTER_VALUES:
        raise LimitExceeded(
            f"categories names at most {MAX_FILTER_CATEGORIES} categories and {MAX_FILTER_VALUES} values",
            errors=[FieldError("categories", "names too many")],
        )


def _now() -> datetime:
    return datetime.now(UTC)
