"""The editor as an ASGI app."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from urllib.parse import quote

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from catman.neighbours import Switchboard
from catman.pages import Pages, SecurityHeaders
from catman.sessions import Sessions
from catman.settings import CatmanSettings
from catman.trees import Trees
from catman.views import Views
from catrelay.asgi import Guard, create_service, resource
from catrelay.asgi.discovery import discovery
from catrelay.embedded import EmbeddedDatabase, EmbeddedRegistry
from catrelay.logs import configure_logs
from catrelay.tokens import Registry


def serve() -> Starlette:
    """The app with its settings from the environment."""
    settings = CatmanSettings()
    configure_logs(settings.log_level)
    return create_app(settings)


def create_app(
    settings: CatmanSettings, *, transports: Mapping[str, httpx.AsyncBaseTransport] | None = None
) -> Starlette:
    """The app. transports: in place of sockets to the connected apps, by connection name."""
    registry = EmbeddedRegistry(EmbeddedDatabase(settings.database))
    switchboard = Switchboard(registry, timeout=settings.app_timeout, transports=transports)
    guard = Guard(registry)
    pages = Pages()
    sessions = Sessions(guard, pages, secure=settings.root_url.startswith("https:"))
    views = Views(sessions, pages, switchboard, Trees(time.monotonic))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        registry.check_schema()
        yield
        await switchboard.close()
        registry.close()

    app = create_service(
        [
            resource("/", page=True, get=_front_door(registry, pages)),
            discovery(guard, "catman", ()),
            *views.routes(),
            Mount("/static", StaticFiles(directory=str(files("catman") / "static"))),
        ],
        settings=settings,
        registry=registry,
        lifespan=lifespan,
        title="Category editor",
    )
    app.add_middleware(SecurityHeaders)
    return app


def _front_door(registry: Registry, pages: Pages) -> Callable[[Request], Response]:
    def front_door(request: Request) -> Response:
        """To the only tenant's editor; where there are more, their names are nobody's business."""
        tenants = registry.tenants()
        if len(tenants) == 1:
            return RedirectResponse(f"/t/{quote(tenants[0], safe='')}/edit", status_code=303)
        return pages.page(request, "front_door.html")

    return front_door
