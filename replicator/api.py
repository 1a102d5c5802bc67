"""What an app serves for its replicator: pings in; replica, status and related data out."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from catrelay.asgi import (
    Guard,
    answers,
    json_response,
    model_response,
    parse_body,
    path_id,
    read_body,
    resource,
)
from catrelay.asgi.headers import WEBHOOK_HEADERS
from catrelay.models import (
    MAX_ID,
    CategoryValues,
    CategoryValueWrite,
    PingBatch,
    ReceivedPings,
    RelatedData,
    ReplicaStatus,
)
from catrelay.problems import Conflict, InvalidRequest, NotFound, PayloadTooLarge, Unauthorized, UnsupportedMediaType
from catrelay.receiving import PingReceiver
from catrelay.signing import TOLERANCE
from catrelay.trees import nested
from replicator.bindings import policy_of
from replicator.domain.related import MAX_LABELS, Holding, change_impact, summary
from replicator.moving import TABLE_BINDINGS
from replicator.page import StatusPage
from replicator.unit import MAX_PINGS_KEPT, Unit

if TYPE_CHECKING:
    from replicator.app import Replicator

Find = Callable[[str], "Replicator | None"]

PINGED = (
    "/categories/byID/{category}/values/byID/{value}",
    "/categories/byID/{category}",
    "/categories",
    "/orgs/values/byID/{value}",
    "/jobs/open/byID/{job}",
    "/jobs/open/externally/byID/{job}",
    "/users/byID/{user}",
    "/candidates/byID/{candidate}",
)
NOT_TAKEN = (Unauthorized, Conflict, PayloadTooLarge, UnsupportedMediaType)
VALUES = ("/categories/byID/{category}/values", "/orgs/values")


class PingsQuery(BaseModel):
    """gtID: pings with greater ids are answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    gt_id: int = Field(default=0, ge=0, le=MAX_ID, alias="gtID")
    limit: int = Field(default=MAX_PINGS_KEPT, ge=1, le=MAX_PINGS_KEPT)


def replica_routes(guard: Guard, find: Find, *, ping_tolerance: timedelta = TOLERANCE) -> list[Route]:
    """The routes of all tenants' replicators. find: the replicator of a tenant.

    ping_tolerance: how old a ping may be, or how far ahead its sender's clock.
    """
    api = _ReplicaApi(find)
    read = guard.read
    for_people = [Middleware(StatusPage, guard, api.of)]
    signed = [Middleware(PingReceiver(api.secrets, tolerance=ping_tolerance, max_body_bytes=None))]
    return [
        *(resource(f"/t/{{tenant}}{path}/deltaPings", post=api.ping, middleware=signed) for path in PINGED),
        resource("/t/{tenant}/deltaPings", post=api.ping_batch, middleware=signed),
        *(
            resource(f"/t/{{tenant}}{path}/byID/{{value}}/summary", get=read(api.summary), post=read(api.summary))
            for path in VALUES
        ),
        *(
            resource(f"/t/{{tenant}}{path}/byID/{{value}}/changeImpact", post=read(api.change_impact))
            for path in VALUES
        ),
        resource("/t/{tenant}/replica/categories/byID/{category}/values", get=read(api.values)),
        resource("/t/{tenant}/replica/status", get=read(api.status), middleware=for_people),
        resource("/t/{tenant}/replica/pings", get=read(api.pings)),
    ]


class _ReplicaApi:
    def __init__(self, find: Find) -> None:
        self._find = find

    @answers(None, takes=WEBHOOK_HEADERS, problems=NOT_TAKEN)
    async def ping(self, request: Request) -> Response:
        """Hear that something changed.

        It needs no token but a signature. Its body is a hint: the present state is fetched from the ATS.
        """
        return await _received(self.of(request), [_path_below_tenant(request)])

    @answers(None, takes=WEBHOOK_HEADERS, reads=PingBatch, problems=[Unauthorized, Conflict])
    async def ping_batch(self, request: Request) -> Response:
        """Hear of many changes at once."""
        batch = parse_body(await read_body(request, media_types=None), PingBatch)
        return await _received(self.of(request), [ping.path for ping in batch.pings])

    @answers(RelatedData)
    def summary(self, request: Request) -> Response:
        """What this app holds on the value, as Markdown and as counts. 404: nothing."""
        replicator = self.of(request)
        with replicator.store.read() as unit:
            category, value = _value_in(request, unit)
            found = summary(_name(unit, category, value), _holdings(unit, replicator, category, value))
        return _related(found, "This app holds nothing on the value")

    @answers(RelatedData)
    def change_impact(self, request: Request, body: CategoryValueWrite) -> Response:
        """What making the value as the body says would do here. 404: nothing. Changes nothing."""
        replicator = self.of(request)
        with replicator.store.read() as unit:
            category, value = _value_in(request, unit)
            if body.id not in (None, value):
                raise InvalidRequest(f"The body is about value {body.id}, the path about {value}")
            target = None if body.remapped_to is None else _name(unit, category, body.remapped_to)
            holdings = _holdings(unit, replicator, category, value)
            found = change_impact(_name(unit, category, value), body, target, holdings)
        return _related(found, "The change would do nothing to what this app holds")

    @answers(CategoryValues)
    def values(self, request: Request) -> Response:
        """The replica's tree of available values."""
        category = path_id(request, "category")
        with self.of(request).store.read() as unit:
            if category != unit.state().orgs_category and category not in {each.id for each in unit.categories()}:
                raise NotFound(f"The replica has no category {category}")
            return json_response(orjson.dumps(nested(value.to_document() for value in unit.available_values(category))))

    @answers(ReplicaStatus, problems=[NotFound])
    def status(self, request: Request) -> Response:
        """How the replica stands; as a page for who asks for `text/html`."""
        return model_response(self.of(request).status())

    @answers(ReceivedPings, problems=[NotFound])
    def pings(self, request: Request, query: PingsQuery) -> Response:
        """The pings that are still remembered, by id."""
        with self.of(request).store.read() as unit:
            found = unit.pings_after(query.gt_id, limit=query.limit + 1)
        page, more = tuple(found[: query.limit]), len(found) > query.limit
        path = f"{request.url.path}?gtID={page[-1].id}&limit={query.limit}" if more else None
        return model_response(ReceivedPings(results=page, next=path))

    def secrets(self, request: Request) -> list[str]:
        """Of the subscription by which the tenant is pinged. A stranger is not told which tenants there are."""
        replicator = self._find(request.path_params["tenant"])
        if replicator is None:
            return []
        with replicator.store.read() as unit:
            subscription = unit.subscription()
        return [subscription.secret] if subscription else []

    def of(self, request: Request) -> "Replicator":
        """The replicator of the path's tenant."""
        tenant = request.path_params["tenant"]
        replicator = self._find(tenant)
        if replicator is None:
            raise NotFound(f"Nothing is replicated for the tenant {tenant!r} here")
        return replicator


async def _received(replicator: "Replicator", paths: list[str]) -> Response:
    """Answered once the pings are written down; what they are about is fetched afterwards."""
    await replicator.receive(paths)
    return Response(status_code=204)


def _path_below_tenant(request: Request) -> str:
    """The ping's path as the contract has it, wherever the app is mounted."""
    _, _, path = request.url.path.partition(f"/t/{request.path_params['tenant']}/")
    return f"/{path}"


def _value_in(request: Request, unit: Unit) -> tuple[int, int]:
    """Category and value that the path names."""
    value = path_id(request, "value")
    if "category" in request.path_params:
        return path_id(request, "category"), value
    orgs_category = unit.state().orgs_category
    if orgs_category is None:
        raise NotFound("No org tree is replicated here")
    return orgs_category, value


def _name(unit: Unit, category: int, value: int) -> str:
    known = unit.value(category, value)
    return f"value {value}" if known is None else known.name


def _holdings(unit: Unit, replicator: "Replicator", category: int, value: int) -> list[Holding]:
    return [
        Holding(
            binding.kind,
            binding.singular or binding.kind.removesuffix("s"),
            unit.pinned_objects(binding, category, value),
            policy_of(binding) or "keep",
            unit.labels(binding, category, value, limit=MAX_LABELS),
        )
        for binding in replicator.bindings
        if isinstance(binding, TABLE_BINDINGS) and binding.covers(category)
    ]


def _related(found: RelatedData | None, otherwise: str) -> Response:
    if found is None:
        raise NotFound(otherwise)
    return model_response(found)
