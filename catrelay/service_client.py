"""The HTTP client for one service of any kind. Answers become models, problems become exceptions."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from catrelay.models import CategoryValueWrite, Discovery, RelatedData
from catrelay.problems import NotFound, Problem, ServiceUnreachable

Model = TypeVar("Model", bound=BaseModel)

REQUEST_TIMEOUT = timedelta(seconds=30)


class ServiceClient(AbstractAsyncContextManager["ServiceClient"]):
    """One service, for one tenant.

    url: the service's root. transport: for tests without sockets, `httpx.ASGITransport`.
    Every method raises the Problem that the service answers, or ServiceUnreachable.
    """

    def __init__(
        self,
        url: str,
        tenant: str,
        token: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: timedelta = REQUEST_TIMEOUT,
    ) -> None:
        self.url = url.rstrip("/")
        self.tenant = tenant
        # Not httpx's base_url, which would end the tenant's own path, that of discovery, with a slash.
        self._root = f"{self.url}/t/{quote(tenant, safe='')}"
        self._http = httpx.AsyncClient(
            headers={"authorization": f"Bearer {token}", "accept": "application/json"},
            transport=transport or _Transport(trust_env=False),
            timeout=timeout.total_seconds(),
            follow_redirects=False,
            trust_env=False,  # a proxy for the Internet is no way to a neighbour, and .netrc has no token for one
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def discover(self) -> Discovery | None:
        """What the service says of itself; None for one that does not (another vendor's ATS)."""
        try:
            return await self.get("", Discovery)
        except NotFound:
            return None

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: BaseModel | Mapping[str, object] | Sequence[object] | None = None,
        query: Mapping[str, str | int | bool | None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to *method* on *path* (below /t/{tenant}), one of 2xx. body: a model sends what was given."""
        content = None if body is None else _encode(body)
        given = {name: _query_text(value) for name, value in (query or {}).items() if value is not None}
        try:
            response = await self._http.request(
                method,
                self._root + path,
                content=content,
                params=given or None,
                headers={**({} if content is None else {"content-type": "application/json"}), **(headers or {})},
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnreachable(
                f"{self.url} gave no answer to {method} {path}: {str(error) or type(error).__name__}", url=self.url
            ) from error
        if response.is_success:
            return response
        raise _problem(response, f"{method} {self.url}{path}")

    async def get(
        self, path: str, model: type[Model], query: Mapping[str, str | int | bool | None] | None = None
    ) -> Model:
        """The answer to GET as *model*."""
        return self.parse(await self.request("GET", path, query=query), model)

    async def post(
        self,
        path: str,
        model: type[Model],
        body: BaseModel | Mapping[str, object] | None = None,
        query: Mapping[str, str | int | bool | None] | None = None,
    ) -> Model:
        """The answer to POST as *model*."""
        return self.parse(await self.request("POST", path, body=body, query=query), model)

    def parse(self, response: httpx.Response, model: type[Model]) -> Model:
        """An answer as *model*; members beyond it (a newer or another vendor's service) are passed over."""
        try:
            return model.model_validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise ServiceUnreachable(
                f"{self.url} answered {response.request.method} {response.request.url.path} with something else than"
                f" the contract says: {error.errors()[0]['msg']} at {error.errors()[0]['loc']}",
                url=self.url,
            ) from error

    async def summary(self, values_path: str, value: int) -> RelatedData | None:
        """What this app holds on the value; None when nothing. values_path: of `values_path()`."""
        try:
            return await self.get(f"{values_path}/byID/{value}/summary", RelatedData)
        except NotFound:
            return None

    async def change_impact(self, values_path: str, value: int, intended: CategoryValueWrite) -> RelatedData | None:
        """What the change would do at this app; None when nothing."""
        try:
            return await self.post(f"{values_path}/byID/{value}/changeImpact", RelatedData, intended)
        except NotFound:
            return None

    async def download(self, link: str) -> bytes:
        """The file behind *link*, a preSignedUri. It is asked for without the token, as it may be anywhere."""
        try:
            request = self._http.build_request("GET", link)
            del request.headers["authorization"]
            response = await self._http.send(request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise ServiceUnreachable(f"{link} gave no answer: {reason}", url=link) from error
        if response.is_success:
            return response.content
        raise _problem(response, f"GET {link}")


class _Transport(httpx.AsyncHTTPTransport):
    """By sockets. A connection that is lost in the moment it is made is a connection that failed."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            # uvloop has no socket any more when httpcore, through anyio, asks it for the one of a new connection.
            raise httpx.ConnectError(f"the connection was lost as it was made ({error})", request=request) from error


def _encode(body: BaseModel | Mapping[str, object] | Sequence[object]) -> bytes:
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True, exclude_unset=True).encode()
    return orjson.dumps(body)


def _query_text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _problem(response: httpx.Response, what: str) -> Problem:
    try:
        document = cast(Any, orjson.loads(response.content))
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        document = {"detail": f"{what} was answered {response.status_code}"}
    return Problem.from_document(document, status=response.status_code)
