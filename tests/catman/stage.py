"""The editor between real neighbours: the ATS, and a career site that says what it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ats_stub.app import create_app as create_ats
from ats_stub.settings import AtsSettings
from ats_stub.store import open_registry as open_ats_registry
from catman.cli import open_registry
from catrelay.models import RelatedData
from catrelay.problems import NotFound
from catrelay.tokens import Connection, Scope

TENANT = "acme"
VALUE = "/t/{tenant}/categories/byID/{category}/values/byID/{value}"


@dataclass
class CareerSite:
    """What a connected app answers. held: on each value; impacts: of changing it; asked: the bodies it was sent."""

    held: dict[int, RelatedData] = field(default_factory=dict)
    impacts: dict[int, RelatedData] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)

    def app(self) -> Starlette:
        async def summary(request: Request) -> Response:
            return _answer(self.held.get(int(request.path_params["value"])))

        async def impact(request: Request) -> Response:
            self.asked.append(await request.json())
            return _answer(self.impacts.get(int(request.path_params["value"])))

        return Starlette(
            routes=[Route(f"{VALUE}/summary", summary), Route(f"{VALUE}/changeImpact", impact, methods=["POST"])]
        )


def _answer(data: RelatedData | None) -> Response:
    if data is None:
        nothing = NotFound("This app holds nothing on the value")
        return JSONResponse(nothing.document(), nothing.status, media_type="application/problem+json")
    return JSONResponse(data.to_document())


@dataclass(frozen=True)
class Ats:
    """A new ATS with one tenant. token: an admin's."""

    app: Starlette
    token: str


def new_ats(folder: Path) -> Ats:
    """An ATS on a database file in *folder*."""
    url = f"sqlite:///{folder / 'ats.db'}"
    registry = open_ats_registry(url)
    registry.migrate()
    registry.add_tenant(TENANT)
    token = registry.add_token(TENANT, "catman", "admin")
    registry.close()
    return Ats(create_ats(AtsSettings(database=url)), token)


def new_editor_database(folder: Path, *connections: Connection, scopes: tuple[Scope, ...]) -> tuple[str, list[str]]:
    """The URL of an editor's database with one tenant, and a token for each of *scopes*."""
    url = f"sqlite:///{folder / 'catman.db'}"
    registry = open_registry(url)
    registry.migrate()
    registry.add_tenant(TENANT)
    for connection in connections:
        registry.connect(TENANT, connection)
    tokens = [registry.add_token(TENANT, "tests", scope) for scope in scopes]
    registry.close()
    return url, tokens


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """The root URL of *app*, served on a free port of the loopback interface by a thread."""
    server = _Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    server.ready.wait()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, *given: object, **named: object) -> None:
        await super().startup(*given, **named)  # type: ignore[arg-type] # passed through as it came
        self.ready.set()
