"""An app with its lifespan entered, called without sockets from plain (synchronous) tests."""

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import httpx
import orjson
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.applications import Starlette

from tests.answers import ValidatingTransport


class Running:
    """The app of one service, seen by one tenant's token. Every answer is validated on its way."""

    def __init__(self, portal: BlockingPortal, http: httpx.AsyncClient, tenant: str, token: str) -> None:
        self._portal = portal
        self._http = http
        self.tenant = tenant
        self.token = token

    def with_token(self, token: str, *, tenant: str | None = None) -> "Running":
        """The same app, seen by another token."""
        return Running(self._portal, self._http, tenant or self.tenant, token)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """The answer to *method* on *path* below /t/{tenant}. body: sent as JSON; content: sent as it is."""
        sent = orjson.dumps(body) if content is None and body is not None else content
        given = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if sent is not None:
            given["content-type"] = "application/json"

        async def ask() -> httpx.Response:
            return await self._http.request(
                method, f"/t/{self.tenant}{path}", content=sent, headers=given | dict(headers or {}), params=query
            )

        return self._portal.call(ask)

    def send(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request as it is."""
        return self._portal.call(self._http.send, request)

    def root(self, path: str) -> Any:
        """The JSON that a GET outside of the tenant is answered with."""
        return self.send(self._http.build_request("GET", path)).json()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON that a GET is answered with; anything but 200 fails the test."""
        response = self.call("GET", path, query=query or None)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: object) -> Any:
        """The JSON that a POST is answered with; anything but 2xx fails the test."""
        response = self.call("POST", path, body)
        assert response.is_success, response.text
        return response.json()

    def refused(self, method: str, path: str, body: object = None, **options: Any) -> tuple[int, str]:
        """Status and problem type (its last part) of an answer that reports a problem."""
        response = self.call(method, path, body, **options)
        assert response.headers["content-type"] == "application/problem+json", response.text
        return response.status_code, response.json()["type"].rpartition(":")[2]


@contextmanager
def running(app: Starlette, *, tenant: str, token: str, raise_errors: bool = True) -> Iterator[Running]:
    """*app* started. raise_errors: what the app did not foresee fails the test instead of being answered 500."""
    transport = ValidatingTransport(httpx.ASGITransport(app, raise_app_exceptions=raise_errors))
    with start_blocking_portal() as portal:
        stack = AsyncExitStack()

        async def start() -> httpx.AsyncClient:
            await stack.enter_async_context(app.router.lifespan_context(app))
            return await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://service"))

        http = portal.call(start)
        try:
            yield Running(portal, http, tenant, token)
        finally:
            portal.call(stack.aclose)
