"""A small service of one resource, made as every service is."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import anyio
import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from catrelay.asgi import (
    AtMost,
    Guard,
    access_of,
    answers,
    create_service,
    json_response,
    model_response,
    path_id,
    resource,
)
from catrelay.asgi.discovery import discovery
from catrelay.embedded import EmbeddedDatabase, EmbeddedRegistry
from catrelay.models import CategoryValueUpload
from catrelay.settings import ServiceSettings
from tests.answers import ValidatingTransport

MAX_BODY_BYTES = 10_000
MAX_LIMIT = 20

Ask = Callable[..., httpx.Response]


class ValuesQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    gt_id: int = Field(default=0, ge=0, alias="gtID")
    include_all: bool = Field(default=False, alias="includeAll")
    limit: Annotated[int, Field(ge=1), AtMost(MAX_LIMIT)] = 10


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[EmbeddedRegistry]:
    registry = EmbeddedRegistry(EmbeddedDatabase(f"sqlite:///{tmp_path / 'test.db'}"))
    registry.migrate()
    registry.add_tenant("acme")
    yield registry
    registry.close()


@pytest.fixture
def token(registry: EmbeddedRegistry) -> str:
    return registry.add_token("acme", "catman", "write")


@pytest.fixture
def app(registry: EmbeddedRegistry) -> Starlette:
    guard = Guard(registry)

    @answers(None, 200)
    def show_query(_: Request, query: ValuesQuery) -> Response:
        """The query, as understood."""
        return json_response(query.model_dump_json(by_alias=True).encode())

    @answers(CategoryValueUpload, 201)
    def echo(request: Request, body: CategoryValueUpload) -> Response:
        """The body, as understood."""
        return model_response(body, status=201, headers={"x-app": access_of(request).app})

    @answers(None, 200)
    def show_id(request: Request) -> Response:
        """The id, as understood."""
        return json_response(b"%d" % path_id(request, "value"))

    @answers(None, 200, media_type="text/event-stream")
    async def stream(_: Request) -> Response:
        """One event after the other, without an end when nothing is sent."""

        async def events() -> AsyncIterator[bytes]:
            for _ in range(1_000):
                yield b"data: something that would shrink\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    @answers(None, 200)
    def unchanging(_: Request) -> Response:
        """What is known to everybody, without being made."""
        return Response(status_code=304, headers={"etag": '"always"'})

    def page(_: Request) -> Response:
        return HTMLResponse("<p>" + "a secret beside your words " * 100)

    def fail(_: Request) -> Response:
        raise RuntimeError("a secret of the database")

    def throttle(_: Request) -> Response:
        raise HTTPException(429, "Wait a moment", {"retry-after": "7"})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield

    return create_service(
        [
            discovery(guard, "echo", ("values.batch",)),
            resource("/t/{tenant}/echoes", get=guard.read(show_query), post=guard.write(echo)),
            resource("/t/{tenant}/echoes/byID/{value}", get=guard.read(show_id), delete=guard.admin(show_id)),
            resource("/stream", get=stream),
            resource("/unchanging", get=unchanging),
            resource("/page", page=True, get=page),
            resource("/fail", get=fail),
            resource("/throttle", get=throttle),
        ],
        settings=ServiceSettings(database="sqlite:///test.db", max_body_bytes=MAX_BODY_BYTES),
        registry=registry,
        lifespan=lifespan,
    )


@pytest.fixture
def ask(app: Starlette, token: str) -> Ask:
    """Send a request, by default with a token of scope write; every answer is validated on its way."""

    def send(method: str, path: str, **options: object) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = ValidatingTransport(httpx.ASGITransport(app, raise_app_exceptions=False))
            async with httpx.AsyncClient(base_url="http://test", transport=transport) as client:
                headers = httpx.Headers(options.pop("headers", None))  # type: ignore[arg-type]  # httpx checks them
                headers.setdefault("authorization", f"Bearer {token}")
                return await client.request(method, path, headers=headers, **options)  # type: ignore[arg-type]  # httpx checks them

        return anyio.run(answer)

    return send
