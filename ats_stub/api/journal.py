"""The journal of remaps, per category and per tenant, and taking a remap back."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.requests import Requests, category_in, named_category
from ats_stub.operations import undo as operations
from ats_stub.store.journal_pages import JournalPages
from catrelay.asgi import AtMost, Guard, access_of, answers, json_response, model_response, resource
from catrelay.asgi.headers import IDEMPOTENCY_KEY, IF_JOURNAL_SEQ
from catrelay.models import DEFAULT_PAGE_ENTRIES, MAX_ID, MAX_PAGE_ENTRIES, JournalEntry, JournalPage, Undo
from catrelay.problems import CannotUndo, JournalCompacted, NotFound


class RemappedQuery(BaseModel):
    """seqGt: the cursor; entries above it are answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    seq_gt: int = Field(default=0, ge=0, le=MAX_ID, alias="seqGt")
    limit: Annotated[int, Field(ge=1), AtMost(MAX_PAGE_ENTRIES)] = DEFAULT_PAGE_ENTRIES


class JournalApi:
    """`.../remapped` and `.../undo`."""

    def __init__(self, requests: Requests, pages: JournalPages, guard: Guard) -> None:
        self._requests = requests
        self._pages = pages
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

    @answers(JournalPage, problems=[JournalCompacted])
    def of_tenant(self, request: Request, query: RemappedQuery) -> Response:
        """The journal of all categories after a cursor, the org tree's included."""
        tenant = access_of(request).tenant_id
        return json_response(self._pages.of_tenant(tenant, after=query.seq_gt, limit=query.limit))

    @answers(JournalPage, problems=[JournalCompacted, NotFound])
    def of_category(self, request: Request, query: RemappedQuery) -> Response:
        """The category's journal after a cursor."""
        tenant, category = access_of(request).tenant_id, named_category(request)
        return json_response(self._pages.of_category(tenant, category, after=query.seq_gt, limit=query.limit))

    @answers(
        JournalEntry,
        takes=[IF_JOURNAL_SEQ, IDEMPOTENCY_KEY],
        problems=[CannotUndo, JournalCompacted, NotFound],
    )
    async def undo(self, request: Request, body: Undo) -> Response:
        """Take a remap back.

        The value is available again where it was, and what this remap moved, and nobody changed since, returns to it.
        """
        return await self._requests.write(
            request, lambda unit: model_response(operations.undo(unit, category_in(request, unit), body.seq))
        )
