"""Templates made into answers, with the headers that keep a page to itself."""

from collections.abc import Mapping
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from catman.domain.impacts import app_title, counted, total_sentence
from catman.markdown import render
from catrelay.problems import Problem
from catrelay.tokens import Access

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not no-referrer: browsers would then send `Origin: null` with the forms.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
}


class Pages:
    """The editor's templates. All text is escaped; what is not was sanitised by `catman.markdown`."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("catman"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"markdown": render, "app_title": app_title, "total": total_sentence}
        self._environment.globals["counted"] = counted

    def render(self, template: str, context: Mapping[str, object]) -> str:
        """The template's HTML."""
        return self._environment.get_template(template).render(context)

    def page(
        self, request: Request, template: str, context: Mapping[str, object] | None = None, *, status: int = 200
    ) -> Response:
        """A page, or a part of one. Every template knows tenant, home and access (None when not signed in)."""
        known: dict[str, object] = {
            "tenant": request.path_params.get("tenant"),
            "home": home(request),
            "access": _access(request),
        }
        return HTMLResponse(
            self.render(template, known | dict(context or {})), status, headers={"cache-control": "no-store"}
        )

    def sign_in(self, request: Request, onward: str, *, refused: bool = False) -> Response:
        """The sign-in form. onward: where to go afterwards."""
        context = {"onward": onward, "refused": refused}
        return self.page(request, "sign_in.html", context, status=403 if refused else 200)

    def problem(self, request: Request, problem: Problem) -> Response:
        """A problem for people to read."""
        return self.page(request, "problem.html", {"problem": problem}, status=problem.status)


class SecurityHeaders:
    """Middleware that adds SECURITY_HEADERS to every answer, and lets no static file grow old."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def home(request: Request) -> str:
    """The tenant's root path; empty for a page of no tenant."""
    tenant = request.path_params.get("tenant")
    return "" if tenant is None else "/t/" + quote(tenant, safe="")


def _access(request: Request) -> Access | None:
    access = getattr(request.state, "access", None)
    return access if isinstance(access, Access) else None
