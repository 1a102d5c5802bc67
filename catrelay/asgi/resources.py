"""Resources: a path with its methods, and the answers they give."""

import inspect
from collections.abc import Callable, Mapping
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from catrelay.asgi.auth import Endpoint
from catrelay.models.wire import Wire

SyncEndpoint = Callable[[Request], Response]


def resource(path: str, **methods: Endpoint) -> Route:
    """One route for *path*, an endpoint per method (`get=`, `post=`, ...), so that 405 names all of them in Allow."""
    endpoints = {name.upper(): endpoint for name, endpoint in methods.items()}
    return Route(path, _Resource(path, endpoints), methods=list(endpoints))


class _Resource:
    def __init__(self, path: str, endpoints: Mapping[str, Endpoint]) -> None:
        self.path = path
        self._endpoints = endpoints

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        endpoint = self._endpoints["GET" if request.method == "HEAD" else request.method]
        response = (
            await endpoint(request)
            if inspect.iscoroutinefunction(endpoint)
            else await run_in_threadpool(cast(SyncEndpoint, endpoint), request)
        )
        await response(scope, receive, send)


def json_response(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer whose JSON is ready."""
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def model_response(model: Wire, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer made from a wire model."""
    return json_response(model.to_json(), status=status, headers=headers)
