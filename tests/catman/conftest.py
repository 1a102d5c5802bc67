"""The editor with its neighbours, without sockets, visited by somebody with a cookie jar."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx
import orjson
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.types import Receive, Scope, Send

from catman.app import create_app
from catman.settings import CatmanSettings
from catrelay.client import AtsClient
from catrelay.models import CategoryValue, CategoryValueWrite, CategoryWrite
from catrelay.tokens import Connection
from tests.answers import ValidatingTransport
from tests.catman.stage import TENANT, CareerSite, new_ats, new_editor_database

Answer = TypeVar("Answer")

EDITOR = "http://editor"
# Long enough that an app which does answer is not taken for silent on a busy machine.
PATIENCE_SECONDS = 3


class Unplugged(httpx.AsyncBaseTransport):
    """The way to an app that is switched off."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody listens there", request=request)


class Interruptible(httpx.AsyncBaseTransport):
    """A way to the ATS. breaks_after_writes: nothing gets through any more once something was written."""

    def __init__(self, way: httpx.AsyncBaseTransport) -> None:
        self._way = way
        self.breaks_after_writes = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._way.handle_async_request(request)
        if self.breaks_after_writes and request.method == "POST":
            self._way = Unplugged()
        return response


async def silence(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that takes requests and never answers."""
    await anyio.sleep_forever()


@dataclass
class House:
    """The editor and the ATS, of the tenant acme. category: one with values to edit."""

    portal: BlockingPortal
    ats: AtsClient
    site: CareerSite
    category: int
    http: httpx.AsyncClient
    line: Interruptible
    writer: str
    reader: str

    @property
    def base(self) -> str:
        """Path of the category's page."""
        return f"/t/{TENANT}/edit/{self.category}"

    def run(self, function: Callable[..., Awaitable[Answer]], *given: Any) -> Answer:
        """The result of a coroutine function."""
        return self.portal.call(function, *given)

    def add(self, name: str, parent: CategoryValue | None = None, **members: Any) -> CategoryValue:
        """A new value, made at the ATS."""
        if parent is not None:
            members["parent"] = parent.id
        return self.run(self.ats.write_value, self.category, CategoryValueWrite(name=name, **members))

    def value(self, value: CategoryValue) -> CategoryValue:
        """The value as the ATS has it now."""
        return self.run(self.ats.value, self.category, value.id)

    def get(self, path: str, **query: Any) -> httpx.Response:
        """What the editor answers."""
        return self.portal.call(lambda: self.http.get(path, params=query or None))

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """What the editor answers to its own page's script."""
        sent = {"origin": EDITOR, "content-type": "application/json"} | headers
        return self.portal.call(lambda: self.http.post(path, content=orjson.dumps(body), headers=sent))

    def submit(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """What the editor answers to a form."""
        return self.portal.call(lambda: self.http.post(path, data=fields, headers={"origin": EDITOR} | headers))

    def sign_in(self, token: str) -> httpx.Response:
        """Sign in by the form."""
        return self.submit(f"/t/{TENANT}/sign-in", {"token": token})

    def change(self, **members: Any) -> httpx.Response:
        """Ask for a change."""
        return self.post(f"{self.base}/changes", members)

    def lines(self, path: str, **query: Any) -> list[dict[str, str]]:
        """The lines of an answer that comes line by line."""
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        return [orjson.loads(line) for line in response.content.splitlines()]


@pytest.fixture
def anybody(tmp_path: Path) -> Iterator[House]:
    """The editor visited by somebody who has not signed in."""
    ats, site = new_ats(tmp_path), CareerSite()
    url, (writer, reader) = new_editor_database(
        tmp_path,
        Connection("ats", "http://ats", ats.token),
        Connection("careersite", "http://careersite", "token"),
        Connection("onboarding", "http://onboarding", "token"),
        Connection("payroll", "http://payroll", "token"),
        scopes=("write", "read"),
    )
    ats_transport = ValidatingTransport(httpx.ASGITransport(ats.app))
    line = Interruptible(ats_transport)
    transports = {
        "ats": line,
        "careersite": ValidatingTransport(httpx.ASGITransport(site.app())),
        "onboarding": Unplugged(),
        "payroll": httpx.ASGITransport(silence),
    }
    editor = create_app(CatmanSettings(database=url, app_timeout_seconds=PATIENCE_SECONDS), transports=transports)
    with start_blocking_portal() as portal:
        stack = AsyncExitStack()

        async def start() -> tuple[AtsClient, httpx.AsyncClient, int]:
            await stack.enter_async_context(ats.app.router.lifespan_context(ats.app))
            await stack.enter_async_context(editor.router.lifespan_context(editor))
            client = AtsClient("http://ats", TENANT, ats.token, transport=ats_transport)
            stack.push_async_callback(client.close)
            http = httpx.AsyncClient(transport=httpx.ASGITransport(editor), base_url=EDITOR)
            category = await client.create_category(CategoryWrite(name="Expertise"))
            return client, await stack.enter_async_context(http), category.id

        client, http, category = portal.call(start)
        try:
            yield House(portal, client, site, category, http, line, writer, reader)
        finally:
            portal.call(stack.aclose)


@pytest.fixture
def house(anybody: House) -> House:
    """The editor visited by somebody who may change things."""
    assert anybody.sign_in(anybody.writer).status_code == 303
    return anybody


@pytest.fixture
def looking_on(anybody: House) -> House:
    """The editor visited by somebody who may only look."""
    assert anybody.sign_in(anybody.reader).status_code == 303
    return anybody
