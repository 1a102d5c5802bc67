"""The journal of remaps, per category and per tenant, and taking a remap back."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.requests import Requests, category_in
from ats_stub.operations import undo as operations
from ats_stub.operations.categories import category_of
from catrelay.asgi import Guard, json_response, model_response, parse_query, read_model, resource
from catrelay.models import DEFAULT_PAGE_ENTRIES, MAX_ID, MAX_PAGE_ENTRIES, Undo
from catrelay.problems import LimitExceeded


class RemappedQuery(BaseModel):
    """seqGt: the cursor; entries above it are answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    seq_gt: int = Field(default=0, ge=0, le=MAX_ID, alias="seqGt")
    limit: int = Field(default=DEFAULT_PAGE_ENTRIES, ge=1)


class JournalApi:
    """`.../remapped` and `.../undo`."""

    def __init__(self, requests: Requests, guard: Guard) -> None:
        self._requests = requests
        self._guard = guard

    def routes(self) -> list[Route]:
        of_category, undo = self._guard.read(self.of_category), self._guard.write(self.undo)
        return [
            resource("/t/{tenant}/categories/remapped", get=self._guard.read(self.of_tenant)),
            resource("/t/{tenant}/categories/byID/{category}/values/remapped", get=of_category),
            resource("/t/{tenant}/categories/byID/{category}/values/undo", post=undo),
            resource("/t/{tenant}/orgs/values/remapped", get=of_category),
            resource("/t/{tenant}/orgs/values/undo", post=undo),
        ]

    def of_tenant(self, request: Request) -> Response:
        query = _query(request)
        with self._requests.read(request) as unit:
            return json_response(unit.journal.page(query.seq_gt, limit=query.limit))

    def of_category(self, request: Request) -> Response:
        query = _query(request)
        with self._requests.read(request) as unit:
            category = category_of(unit, category_in(request, unit)).id
            return json_response(unit.journal.page(query.seq_gt, limit=query.limit, category=category))

    async def undo(self, request: Request) -> Response:
        wanted = await read_model(request, Undo)
        return await self._requests.write(
            request, lambda unit: model_response(operations.undo(unit, category_in(request, unit), wanted.seq))
        )


def _query(request: Request) -> RemappedQuery:
    query = parse_query(request, RemappedQuery)
    if query.limit > MAX_PAGE_ENTRIES:
        raise LimitExceeded(f"limit is at most {MAX_PAGE_ENTRIES}")
    return query
