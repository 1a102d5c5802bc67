"""Subscriptions to pings."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.requests import Requests
from ats_stub.operations import subscriptions as operations
from ats_stub.store import WriteUnit
from catrelay.asgi import AtMost, Guard, access_of, answers, etag_of, model_response, path_id, resource
from catrelay.asgi.conditions import with_moving
from catrelay.asgi.headers import IDEMPOTENCY_KEY, IF_MATCH, LOCATION
from catrelay.models import (
    MAX_ID,
    Applied,
    DeliveryList,
    Replay,
    SecretRotation,
    Subscription,
    SubscriptionCreate,
    SubscriptionList,
    SubscriptionUpdate,
)
from catrelay.problems import Conflict, ForbiddenTarget
from catrelay.targets import Targets

MAX_PAGE = 1_000
MAX_LOOKUPS = 4


class _ListQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    gt_id: int = Field(default=0, ge=0, le=MAX_ID, alias="gtID")
    limit: Annotated[int, Field(ge=1), AtMost(MAX_PAGE)] = MAX_PAGE


class SubscriptionsApi:
    """`/subscriptions`."""

    def __init__(self, requests: Requests, guard: Guard, targets: Targets, keep_secret: timedelta) -> None:
        self._requests = requests
        self._guard = guard
        self._targets = targets
        self._keep_secret = keep_secret
        # Names may take long to look up: that shall not keep threads from other requests.
        self._lookups = CapacityLimiter(MAX_LOOKUPS)

    def routes(self) -> list[Route]:
        read = self._guard.read
        one = "/t/{tenant}/subscriptions/byID/{subscription}"
        return [
            resource("/t/{tenant}/subscriptions", get=read(self.list), post=read(self.create)),
            resource(one, get=read(self.show), patch=read(self.update), delete=read(self.delete)),
            resource(f"{one}/pause", post=read(self.pause)),
            resource(f"{one}/resume", post=read(self.resume)),
            resource(f"{one}/replay", post=read(self.replay)),
            resource(f"{one}/rotateSecret", post=read(self.rotate_secret)),
            resource(f"{one}/deliveries", get=read(self.deliveries)),
            resource(f"{one}/applied", put=read(self.applied)),
        ]

    @answers(SubscriptionList)
    def list(self, request: Request, query: _ListQuery) -> Response:
        """The app's own subscriptions; to a token of scope `admin` all of the tenant's."""
        access = access_of(request)
        with self._requests.read(request) as unit:
            found = unit.subscriptions.listed(
                app=operations.reach(access), after=query.gt_id, limit=query.limit + 1, now=datetime.now(UTC)
            )
        page = tuple(found[: query.limit])
        more = _next(request, query, page[-1].id) if len(found) > query.limit else None
        return model_response(SubscriptionList(results=page, next=more))

    @answers(Subscription, 201, takes=[IDEMPOTENCY_KEY], sends=[LOCATION], problems=[ForbiddenTarget])
    async def create(self, request: Request, body: SubscriptionCreate) -> Response:
        """Ask for pings, from the present on. The answer alone carries the secret that signs them."""
        access = access_of(request)
        await to_thread.run_sync(self._targets.check_url, body.url, limiter=self._lookups)

        def act(unit: WriteUnit) -> Response:
            made = operations.subscribe(unit, access, body)
            location = f"/t/{quote(access.tenant, safe='')}/subscriptions/byID/{made.id}"
            return model_response(made, status=201, headers={"location": location})

        return await self._requests.write(request, act, reveal=_with_secret)

    @answers(Subscription)
    def show(self, request: Request) -> Response:
        """One subscription: how it stands, and how far it is behind."""
        access = access_of(request)
        with self._requests.read(request) as unit:
            return _answer(operations.subscription_of(unit, access, _id(request), now=datetime.now(UTC)))

    @answers(Subscription, takes=[IF_MATCH], problems=[ForbiddenTarget])
    async def update(self, request: Request, body: SubscriptionUpdate) -> Response:
        """Change a subscription, by a JSON Merge Patch."""
        await to_thread.run_sync(operations.check_update, body, self._targets, limiter=self._lookups)
        access, subscription = access_of(request), _id(request)
        return await self._requests.write(
            request, lambda unit: _answer(operations.update_subscription(unit, access, subscription, body))
        )

    @answers(None, takes=[IF_MATCH])
    async def delete(self, request: Request) -> Response:
        """End a subscription."""
        access, subscription = access_of(request), _id(request)

        def act(unit: WriteUnit) -> Response:
            operations.unsubscribe(unit, access, subscription)
            return Response(status_code=204)

        return await self._requests.write(request, act)

    @answers(Subscription, takes=[IDEMPOTENCY_KEY], problems=[Conflict])
    async def pause(self, request: Request) -> Response:
        """Send nothing until it is resumed. Its place is kept, and a repeat changes nothing."""
        access, subscription = access_of(request), _id(request)
        return await self._requests.write(request, lambda unit: _answer(operations.pause(unit, access, subscription)))

    @answers(Subscription, takes=[IDEMPOTENCY_KEY], problems=[Conflict])
    async def resume(self, request: Request) -> Response:
        """Try again at once, whether it was paused, suspended or waits."""
        access, subscription = access_of(request), _id(request)
        return await self._requests.write(request, lambda unit: _answer(operations.resume(unit, access, subscription)))

    @answers(Subscription, takes=[IDEMPOTENCY_KEY], problems=[Conflict])
    async def replay(self, request: Request, body: Replay) -> Response:
        """Send once more what changed after a place in the change log. One that is suspended stays so."""
        access, subscription = access_of(request), _id(request)
        return await self._requests.write(
            request, lambda unit: _answer(operations.replay(unit, access, subscription, body.since_cursor))
        )

    @answers(Subscription, takes=[IDEMPOTENCY_KEY])
    async def rotate_secret(self, request: Request, body: SecretRotation | None) -> Response:
        """Sign with a new secret, which the answer alone carries; for a time with the old one, too."""
        access, subscription = access_of(request), _id(request)
        seconds = None if body is None else body.keep_seconds
        keep = self._keep_secret if seconds is None else timedelta(seconds=seconds)
        return await self._requests.write(
            request,
            lambda unit: _answer(operations.rotate_secret(unit, access, subscription, keep)),
            reveal=_with_secret,
        )

    @answers(DeliveryList)
    def deliveries(self, request: Request, query: _ListQuery) -> Response:
        """The latest attempts to reach the subscriber, the oldest of them first."""
        access, subscription = access_of(request), _id(request)
        with self._requests.read(request) as unit:
            operations.subscription_of(unit, access, subscription, now=datetime.now(UTC))
            found = unit.subscriptions.deliveries(subscription, after=query.gt_id, limit=query.limit + 1)
        page = tuple(found[: query.limit])
        more = _next(request, query, page[-1].id) if len(found) > query.limit else None
        return model_response(DeliveryList(results=page, next=more))

    @answers(Subscription)
    async def applied(self, request: Request, body: Applied) -> Response:
        """Say how far the subscriber has applied the journal."""
        access, subscription = access_of(request), _id(request)
        return await self._requests.write(
            request, lambda unit: _answer(operations.set_applied(unit, access, subscription, body.seq))
        )


def _answer(subscription: Subscription, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # What an If-Match names does not change while pings are sent: or on a busy tenant it would never match.
    etag = with_moving(etag_of(operations.decided(subscription).to_json()), etag_of(subscription.to_json()))
    return model_response(subscription, status=status, headers=headers, etag=etag)


def _with_secret(unit: WriteUnit, response: Response) -> Response:
    """*response*, about a subscription, with its secret: that is nothing to be kept for repeats."""
    kept = Subscription.model_validate_json(bytes(response.body))
    told = kept.model_copy(update={"secret": unit.subscriptions.secret(kept.id)})
    headers = {name: text for name, text in response.headers.items() if name == "location"}
    return _answer(told, status=response.status_code, headers=headers)


def _next(request: Request, query: _ListQuery, last: int) -> str:
    return f"{quote(request.url.path)}?gtID={last}&limit={query.limit}"


def _id(request: Request) -> int:
    return path_id(request, "subscription")
