"""Candidates: the list, single ones, writing them, and merging what they reference with a choice."""

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.lists import MAX_PAGE_OBJECTS, CategoriesFilter, IdBound, Keywords, Limit, Patch
from ats_stub.api.requests import Requests
from ats_stub.operations import candidates as operations
from ats_stub.store import WriteUnit
from ats_stub.store.candidates import CandidateQuery
from ats_stub.store.pages import Bound
from catrelay.asgi import Guard, access_of, answers, json_response, model_response, path_id, resource
from catrelay.asgi.headers import IDEMPOTENCY_KEY, IF_MATCH, LOCATION
from catrelay.models import CandidateRead, CandidatesRead, CandidateWrite, CategoriesActual
from catrelay.problems import ReferenceBroken, UnknownFile, UnsupportedFile

WRITE_PROBLEMS = (ReferenceBroken, UnknownFile, UnsupportedFile)


class CandidatesQuery(BaseModel):
    """The filters of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    categories: CategoriesFilter | None = None
    keywords: Keywords = ""
    gt_id: IdBound | None = Field(default=None, alias="gtID")
    lt_id: IdBound | None = Field(default=None, alias="ltID")
    limit: Limit = MAX_PAGE_OBJECTS


class CandidatesApi:
    """`/candidates...`."""

    def __init__(self, requests: Requests, guard: Guard) -> None:
        self._requests = requests
        self._guard = guard

    def routes(self) -> list[Route]:
        guard, one = self._guard, "/t/{tenant}/candidates/byID/{candidate}"
        return [
            resource("/t/{tenant}/candidates", get=guard.read(self.list), post=guard.write(self.create)),
            resource(one, get=guard.read(self.show), patch=guard.write(self.patch)),
            # It only reads.
            resource(f"{one}/categories/merges", post=guard.read(self.merge_categories)),
        ]

    @answers(CandidatesRead)
    def list(self, request: Request, query: CandidatesQuery) -> Response:
        """All candidates."""
        wanted = CandidateQuery(
            categories=query.categories,
            keywords=query.keywords,
            above=Bound(query.gt_id),
            below=Bound(query.lt_id),
            descending=query.lt_id is not None,
            limit=query.limit + 1,
        )
        with self._requests.read(request) as unit:
            found = unit.candidates.page(wanted)
            page = tuple(operations.answered(unit, each, _now()) for each in found[: query.limit])
        more = _next(request, wanted, page[-1].id) if len(found) > query.limit else None
        return model_response(CandidatesRead(results=page, next=more))

    @answers(CandidateRead)
    def show(self, request: Request) -> Response:
        """One candidate."""
        candidate_id = path_id(request, "candidate")
        with self._requests.read(request) as unit:
            candidate = operations.candidate_of(unit, candidate_id)
            return model_response(operations.answered(unit, candidate, _now()))

    @answers(
        CandidateRead, 201, reads=CandidateWrite, takes=[IDEMPOTENCY_KEY], sends=[LOCATION], problems=WRITE_PROBLEMS
    )
    async def create(self, request: Request, body: Patch) -> Response:
        """Make a candidate."""
        tenant = access_of(request).tenant

        def act(unit: WriteUnit) -> Response:
            candidate = operations.create_candidate(unit, body.root)
            location = f"/t/{quote(tenant, safe='')}/candidates/byID/{candidate.id}"
            return model_response(candidate, status=201, headers={"location": location})

        return await self._requests.write(request, act)

    @answers(CandidateRead, reads=CandidateWrite, takes=[IF_MATCH], problems=WRITE_PROBLEMS)
    async def patch(self, request: Request, body: Patch) -> Response:
        """Change a candidate by JSON Merge Patch."""
        candidate_id = path_id(request, "candidate")

        def act(unit: WriteUnit) -> Response:
            return model_response(operations.patch_candidate(unit, candidate_id, body.root))

        return await self._requests.write(request, act)

    @answers(CategoriesActual, problems=[ReferenceBroken])
    def merge_categories(self, request: Request, body: CategoriesActual) -> Response:
        """A choice, merged with what the candidate references. Changes nothing."""
        with self._requests.read(request) as unit:
            merged = operations.merged_categories(unit, path_id(request, "candidate"), body)
        return json_response(merged.model_dump_json(by_alias=True).encode())


def _next(request: Request, wanted: CandidateQuery, last: int) -> str:
    """The path of the page after the one that ends with *last*."""
    bound = {"ltID" if wanted.descending else "gtID": str(last)}
    return f"{quote(request.url.path)}?{urlencode(dict(request.query_params) | bound)}"


def _now() -> datetime:
    return datetime.now(UTC)
