"""Who is signed in: a cookie holds the person's catman token, so revoking the token ends the session.

Browsers send a cookie to every port of a host. So that no other service there gets the token, the cookie has the path
of the editor's pages alone; so that two editors there do not sign each other out, its name has the port.

Other sites can make the browser send requests here. The cookie is SameSite=Strict, and every POST must besides come
from a page of this origin.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from catman.neighbours import refusals_told_apart
from catman.pages import Pages, home
from catrelay.asgi import Guard
from catrelay.problems import BadRequest, Forbidden, PayloadTooLarge, Problem, Unauthorized
from catrelay.tokens import Access, Scope

MAX_FORM_BYTES = 16_384
MAX_FORM_FIELDS = 20

View = Callable[[Request], Awaitable[Response]]


class Sessions:
    """Signing in and out, and wrappers for what needs it. secure: whether browsers reach the editor by https."""

    def __init__(self, guard: Guard, pages: Pages, *, secure: bool) -> None:
        self._guard = guard
        self._pages = pages
        self._secure = secure

    def page(self, view: View) -> View:
        """A page for people: without a session it leads to the sign-in, and problems are shown as a page."""

        @wraps(view)
        async def page(request: Request) -> Response:
            try:
                await self._admit(request, "read")
            except (Unauthorized, Forbidden):
                return RedirectResponse(f"{home(request)}/sign-in?next={quote(request.url.path)}", status_code=303)
            try:
                with refusals_told_apart():
                    return await view(request)
            except Problem as problem:
                return self._pages.problem(request, problem)

        return page

    def part(self, view: View) -> View:
        """What a page's script fetches: problems stay problem documents."""
        return self._script(view, "read")

    def change(self, view: View) -> View:
        """What a page's script changes: needs the scope `write`."""
        return self._script(view, "write")

    async def sign_in_form(self, request: Request) -> Response:
        """The page with the form. Whether the tenant exists is not told."""
        return self._pages.sign_in(request, next_page(request.query_params.get("next", ""), request))

    async def sign_in(self, request: Request) -> Response:
        """Check the token and keep it in the cookie."""
        check_origin(request)
        form = await _read_form(request)
        onward = next_page(form.get("next", ""), request)
        token = form.get("token", "").strip()
        try:
            await run_in_threadpool(self._guard.admit, token, request.path_params["tenant"], "read")
        except (Unauthorized, Forbidden):
            return self._pages.sign_in(request, onward, refused=True)
        response = RedirectResponse(onward, status_code=303)
        secure = self._secure or request.url.scheme == "https"
        response.set_cookie(
            cookie_name(request), token, path=cookie_path(request), secure=secure, httponly=True, samesite="strict"
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """Forget the cookie."""
        check_origin(request)
        response = RedirectResponse(f"{home(request)}/sign-in", status_code=303)
        response.delete_cookie(cookie_name(request), path=cookie_path(request), httponly=True, samesite="strict")
        return response

    def _script(self, view: View, needed: Scope) -> View:
        @wraps(view)
        async def part(request: Request) -> Response:
            if request.method == "POST":
                check_origin(request)
            await self._admit(request, needed)
            with refusals_told_apart():
                return await view(request)

        return part

    async def _admit(self, request: Request, needed: Scope) -> None:
        token = request.cookies.get(cookie_name(request))
        if token is None:
            raise Unauthorized("You are not signed in")
        admit: Callable[[str, str, Scope], Access] = self._guard.admit
        request.state.access = await run_in_threadpool(admit, token, request.path_params["tenant"], needed)


def cookie_name(request: Request) -> str:
    """The cookie of the editor at the port that the browser sees."""
    return f"catman-{request.url.port}" if request.url.port else "catman"


def cookie_path(request: Request) -> str:
    """Where the cookie is sent: the tenant's pages, and what they fetch."""
    return f"{home(request)}/edit"


def next_page(wanted: str, request: Request) -> str:
    """*wanted* if it is a page of the tenant's editor, else the editor's first page."""
    first = f"{home(request)}/edit"
    is_ours = wanted == first or wanted.startswith(f"{first}/")
    return wanted if is_ours and "\\" not in wanted and wanted.isprintable() else first


def check_origin(request: Request) -> None:
    """Raise Forbidden unless a page of this origin sent the request. Browsers say so in one header at least."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        is_ours = site == "same-origin"
    else:
        is_ours = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if not is_ours:
        raise Forbidden("The request does not come from a page of this editor")


async def _read_form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise PayloadTooLarge(f"The form is larger than {MAX_FORM_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS))
    except ValueError as error:
        raise BadRequest(f"The form has more than {MAX_FORM_FIELDS} fields") from error
