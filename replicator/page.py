"""The status for people: `/t/{tenant}/replica/status` as a page, for who asks for HTML."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catrelay.asgi import Guard
from catrelay.asgi.negotiation import accepts
from catrelay.asgi.problems import problem_response
from catrelay.problems import Unauthorized

if TYPE_CHECKING:
    from replicator.app import Replicator

PINGS_SHOWN = 20
STALE_INTERVALS = 3
"""After so many intervals without a look at the ATS, something is wrong that nobody could note."""

_TEMPLATES = Environment(
    loader=PackageLoader("replicator"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_STYLE = _TEMPLATES.get_template("status.css").render()
# The style stands in the page, so that it has one wherever the app is mounted; nothing else may be brought or run.
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
SECURITY_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
_CHALLENGE = {"www-authenticate": 'Basic realm="replica", charset="UTF-8"'}


class StatusPage:
    """ASGI middleware of the status: answers who asks for HTML, and lets all others through.

    Browsers cannot send a bearer token: they may send it as the password of `Authorization: Basic`, for the page alone.
    """

    def __init__(self, app: ASGIApp, guard: Guard, find: "Callable[[Request], Replicator]") -> None:
        self._app = app
        self._find = find
        self._guarded = guard.read(self._page)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD") and wants_html(Headers(scope=scope).getlist("accept")):
            await (await self._answer(scope))(scope, receive, send)
        else:
            await self._app(scope, receive, _varying(send))

    async def _answer(self, scope: Scope) -> Response:
        request = Request({**scope, "headers": _with_bearer(scope["headers"])})
        try:
            return await run_in_threadpool(self._guarded, request)  # type: ignore[arg-type]  # it is no coroutine
        except Unauthorized as problem:
            return problem_response(request, problem, _CHALLENGE | {"vary": "accept"})

    def _page(self, request: Request) -> Response:
        headers = {**SECURITY_HEADERS, "vary": "accept"}
        return HTMLResponse(rendered(self._find(request)), headers=headers)


def rendered(replicator: "Replicator") -> str:
    """The page."""
    status = replicator.status()
    with replicator.store.read() as unit:
        pings = unit.pings_after(max(status.pings - PINGS_SHOWN, 0), limit=PINGS_SHOWN)
    now, seen = replicator.now(), status.last_catch_up
    return _TEMPLATES.get_template("status.html").render(
        tenant=replicator.tenant,
        status=status,
        is_stale=seen is not None and now - seen > STALE_INTERVALS * replicator.interval,
        pings=pings[::-1],
        now=now,
        style=_STYLE,
    )


def wants_html(accept: list[str]) -> bool:
    """Whether the Accept headers name HTML, and not JSON as well: who says nothing, or takes anything, gets JSON."""
    header = ",".join(accept)
    named = {each.partition(";")[0].strip().lower() for each in header.split(",")}
    return all(
        (kind in named and accepts(header, kind)) is wanted
        for kind, wanted in (("text/html", True), ("application/json", False))
    )


def since(moment: datetime, now: datetime) -> str:
    """How long ago *moment* was, as people say it. A clock that went back says "now"."""
    seconds = max(int((now - moment) / timedelta(seconds=1)), 0)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds >= length * (1 if length == 1 else 2):
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "now"


_TEMPLATES.filters["since"] = since


def _with_bearer(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """*headers*, the password of Basic as a bearer token. What is not understood stays, and is refused by the guard."""
    return [(name, _as_bearer(value) if name == b"authorization" else value) for name, value in headers]


def _as_bearer(value: bytes) -> bytes:
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return value
    try:
        _, _, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except binascii.Error:
        return value
    return b"Bearer " + password


def _varying(send: Send) -> Send:
    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).add_vary_header("accept")
        await send(message)

    return noting
