"""Resources: a path with its methods, and the answers they give."""

import inspect
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from catrelay.asgi.auth import Endpoint
from catrelay.asgi.body import list_header
from catrelay.asgi.conditions import is_known
from catrelay.models.wire import Wire

SyncEndpoint = Callable[[Request], Response]

_ETAG_BYTES = 15
# What describes the body that a 304 does not have; everything else stays, so that a cache learns of it.
_OF_THE_BODY = {b"content-length", b"content-type", b"content-encoding"}


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
        if request.method in ("GET", "HEAD"):
            response = _unless_known(request, response)
        await response(scope, receive, send)


def json_response(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None, etag: str | None = None
) -> Response:
    """An answer whose JSON is ready. etag: the representation's, when it is not that of *body*."""
    response = Response(body, status_code=status, media_type="application/json", headers=headers)
    if status in (200, 201):
        response.headers.setdefault("etag", etag or etag_of(body))
    return response


def model_response(
    model: Wire, *, status: int = 200, headers: Mapping[str, str] | None = None, etag: str | None = None
) -> Response:
    """An answer made from a wire model."""
    return json_response(model.to_json(), status=status, headers=headers, etag=etag)


def etag_of(body: bytes) -> str:
    """The strong entity-tag of *body*, quotes included."""
    return f'"{blake2b(body, digest_size=_ETAG_BYTES).hexdigest()}"'


def _unless_known(request: Request, response: Response) -> Response:
    """*response*, or 304 when If-None-Match says that the sender has it."""
    etag = response.headers.get("etag")
    if response.status_code != 200 or etag is None or not is_known(list_header(request, "if-none-match"), etag):
        return response
    not_modified = Response(status_code=304)
    not_modified.raw_headers = [each for each in response.raw_headers if each[0] not in _OF_THE_BODY]
    return not_modified
