"""Resources: a path with its methods, and the answers they give."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from catrelay.asgi.auth import Endpoint
from catrelay.asgi.body import list_header
from catrelay.asgi.coding import MIN_GZIP_BYTES, compress
from catrelay.asgi.conditions import gzipped, is_known
from catrelay.asgi.negotiation import accepts, accepts_gzip
from catrelay.asgi.operation import ANY, Operation, operation_of
from catrelay.models.wire import Wire
from catrelay.problems import NotAcceptable

SyncEndpoint = Callable[[Request], Response]

_ETAG_CHARACTERS = 30
_GZIPPED = {"application/json", "text/css", "text/html", "text/plain"}
_THREAD_BYTES = 65_536
# What describes the body that a 304 does not have; everything else stays, so that a cache learns of it.
_OF_THE_BODY = {b"content-length", b"content-type", b"content-encoding"}


def resource(path: str, *, page: bool = False, middleware: Sequence[Middleware] = (), **methods: Endpoint) -> Route:
    """One route for *path*, an endpoint per method (`get=`, `post=`, ...), so that 405 names all of them in Allow.

    HEAD stands beside GET, and OPTIONS says the methods. page: it is for people, and not described in the API.
    middleware: of this path alone.
    """
    endpoints = {name.upper(): endpoint for name, endpoint in methods.items()}
    served = Resource(path, endpoints)
    return Route(path, served, methods=served.methods, include_in_schema=not page, middleware=middleware)


class Resource:
    """The endpoints of a path, as an ASGI app."""

    def __init__(self, path: str, endpoints: Mapping[str, Endpoint]) -> None:
        self.path = path
        self.endpoints = endpoints
        self.methods = sorted({*endpoints, "OPTIONS"} | ({"HEAD"} if "GET" in endpoints else set()))

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        if request.method == "OPTIONS":
            await Response(status_code=204, headers={"allow": ", ".join(self.methods)})(scope, receive, send)
        elif request.method == "HEAD":
            await _send_head(await self._answer(request, "GET"), send)
        else:
            await (await self._answer(request, request.method))(scope, receive, send)

    async def _answer(self, request: Request, method: str) -> Response:
        endpoint = self.endpoints[method]
        operation = operation_of(endpoint)
        if operation is not None:
            _check_accepted(request, operation)
        response = (
            await endpoint(request)
            if inspect.iscoroutinefunction(endpoint)
            else await run_in_threadpool(cast(SyncEndpoint, endpoint), request)
        )
        # Pages declare nothing: in theirs, compression could tell a stranger about what stands beside his words.
        wants_gzip = (
            operation is not None and _is_gzippable(response) and accepts_gzip(list_header(request, "accept-encoding"))
        )
        if wants_gzip and "etag" in response.headers:
            response.headers["etag"] = gzipped(response.headers["etag"])
        if method == "GET" and _is_known(request, response):
            return _not_modified(response)
        if response.status_code == 304:
            _name_as_known(request, response)
        return await _gzip(response) if wants_gzip else response


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
    # SHA-256, for which processors have instructions: a large answer is hashed at more than twice the speed of BLAKE2.
    return f'"{sha256(body).hexdigest()[:_ETAG_CHARACTERS]}"'


def _check_accepted(request: Request, operation: Operation) -> None:
    media_type = operation.media_type
    if media_type not in (None, ANY) and not accepts(list_header(request, "accept"), media_type):
        raise NotAcceptable(f"The answer is {media_type}, which the request's Accept excludes")


def _is_known(request: Request, response: Response) -> bool:
    """Whether If-None-Match says that the sender has *response*."""
    etag = response.headers.get("etag")
    return response.status_code == 200 and etag is not None and is_known(list_header(request, "if-none-match"), etag)


def _not_modified(response: Response) -> Response:
    not_modified = Response(status_code=304)
    not_modified.raw_headers = [each for each in response.raw_headers if each[0] not in _OF_THE_BODY]
    return not_modified


def _name_as_known(request: Request, response: Response) -> None:
    """Let a 304 that the endpoint made itself name the representation that the sender has."""
    etag = gzipped(response.headers["etag"])
    if etag in (list_header(request, "if-none-match") or ""):
        response.headers["etag"] = etag
    response.headers.add_vary_header("accept-encoding")


def _is_gzippable(response: Response) -> bool:
    """Whether *response* may be gzipped; a stream has no body here. Says in it that this depends on the request."""
    body = getattr(response, "body", None)
    if response.headers.get("content-type", "").partition(";")[0] not in _GZIPPED or not isinstance(body, bytes):
        return False
    response.headers.add_vary_header("accept-encoding")
    return len(body) >= MIN_GZIP_BYTES and "content-encoding" not in response.headers


async def _gzip(response: Response) -> Response:
    body = bytes(response.body)
    response.body = await run_in_threadpool(compress, body) if len(body) > _THREAD_BYTES else compress(body)
    response.headers["content-encoding"] = "gzip"
    response.headers["content-length"] = str(len(response.body))
    return response


async def _send_head(response: Response, send: Send) -> None:
    """The start of *response*. Its body is not even made, which for a stream may have no end."""
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": b""})
