"""Who may do what: bearer tokens against the tenant in the path."""

import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from catrelay.problems import Forbidden, Unauthorized
from catrelay.tokens import Access, KnownTokens, Scope, hash_token

Endpoint = Callable[[Request], Response] | Callable[[Request], Awaitable[Response]]


class Guard:
    """Wraps endpoints so that they run only for a token of the path's tenant with the scope they need.

    clock: gives the present moment, by which tokens expire.
    """

    def __init__(self, registry: KnownTokens, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._registry = registry
        self._clock = clock

    def read(self, endpoint: Endpoint) -> Endpoint:
        """Needs at least the scope `read`."""
        return self._wrap(endpoint, "read")

    def write(self, endpoint: Endpoint) -> Endpoint:
        """Needs at least the scope `write`."""
        return self._wrap(endpoint, "write")

    def admin(self, endpoint: Endpoint) -> Endpoint:
        """Needs the scope `admin`."""
        return self._wrap(endpoint, "admin")

    def intake(self, endpoint: Endpoint) -> Endpoint:
        """Needs the scope `intake`, which no other includes."""
        return self._wrap(endpoint, "intake")

    def admit(self, token: str, tenant: str, needed: Scope) -> Access:
        """What *token* stands for in *tenant*.

        Raises Unauthorized when it is none of ours or has expired, Forbidden when it is of another tenant (which is not
        told from a tenant that does not exist: no statement asks for the tenant in the path) or its scope does not
        reach.
        """
        token_hash, now = hash_token(token), self._clock()
        access = self._registry.access(token_hash)
        if access is None:
            raise Unauthorized("The bearer token is not known")
        if access.has_expired(now):
            raise Unauthorized(f"The bearer token expired at {access.expires:%Y-%m-%dT%H:%M:%SZ}")
        if access.tenant != tenant:
            raise Forbidden("The bearer token is not one of this tenant")
        if not access.allows(needed):
            raise Forbidden(f"The bearer token has scope {access.scope}, this needs {needed}")
        self._registry.note_use(token_hash, now)
        return access

    def _wrap(self, endpoint: Endpoint, needed: Scope) -> Endpoint:
        def admit(request: Request) -> None:
            token = bearer_token(request)
            request.state.access = self.admit(token, request.path_params["tenant"], needed)

        if inspect.iscoroutinefunction(endpoint):

            @wraps(endpoint)
            async def guarded_async(request: Request) -> Response:
                await run_in_threadpool(admit, request)
                return cast(Response, await endpoint(request))

            vars(guarded_async)["scope"] = needed  # which the API's description tells
            return guarded_async

        @wraps(endpoint)
        def guarded(request: Request) -> Response:
            admit(request)
            return cast(Response, endpoint(request))

        vars(guarded)["scope"] = needed
        return guarded


def bearer_token(request: Request) -> str:
    """The token of the Authorization header. Raises Unauthorized when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("Send the header `Authorization: Bearer <token>`")
    return token.strip()


def access_of(request: Request) -> Access:
    """What the token of a guarded request stands for."""
    state: Any = request.state
    return cast(Access, state.access)
