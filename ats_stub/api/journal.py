"""The journal of remaps, per category and per tenant."""

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.categories import category_in
from ats_stub.operations.categories import category_of
from ats_stub.store import Store
from catrelay.asgi import Guard, access_of, model_response, parse_query, resource
from catrelay.models import DEFAULT_PAGE_ENTRIES, MAX_ID, MAX_PAGE_ENTRIES
from catrelay.problems import LimitExceeded


class RemappedQuery(BaseModel):
    """seqGt: the cursor; entries above it are answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    seq_gt: int = Field(default=0, ge=0, le=MAX_ID, alias="seqGt")
    limit: int = Field(default=DEFAULT_PAGE_ENTRIES, ge=1)


class JournalApi:
    """`.../remapped`."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    def routes(self) -> list[Route]:
        of_category = self._guard.read(self.of_category)
        return [
            resource("/t/{tenant}/categories/remapped", get=self._guard.read(self.of_tenant)),
            resource("/t/{tenant}/categories/byID/{category}/values/remapped", get=of_category),
            resource("/t/{tenant}/orgs/values/remapped", get=of_category),
        ]

    def of_tenant(self, request: Request) -> Response:
        query = _query(request)
        with self._store.read(access_of(request).tenant_id) as unit:
            return model_response(unit.journal.after(query.seq_gt, limit=query.limit))

    def of_category(self, request: Request) -> Response:
        query = _query(request)
        with self._store.read(access_of(request).tenant_id) as unit:
            category = category_of(unit, category_in(request, unit)).id
            return model_response(unit.journal.after(query.seq_gt, limit=query.limit, category=category))


def _query(request: Request) -> RemappedQuery:
    query = parse_query(request, RemappedQuery)
    if query.limit > MAX_PAGE_ENTRIES:
        raise LimitExceeded(f"limit is at most {MAX_PAGE_ENTRIES}")
    return query
