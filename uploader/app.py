"""Wiring of the uploader."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from catrelay.asgi import Guard, create_service
from catrelay.asgi.discovery import discovery
from catrelay.logs import configure_logs
from catrelay.waking import Waker
from uploader.api import UploadsApi
from uploader.settings import UploaderSettings
from uploader.store import Store, open_database, registry_of
from uploader.worker import Worker

CAPABILITIES = ("uploads.plan", "uploads.guard")


def _now() -> datetime:
    return datetime.now(UTC)


def create_app(
    settings: UploaderSettings,
    *,
    ats_transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] = _now,
) -> Starlette:
    """The uploader as an ASGI app. Its lifespan refuses a schema that is not this version's, and works uploads off.

    ats_transport and clock: for tests, which without the lifespan use app.state.worker and close app.state.database.
    """
    database = open_database(settings.database)
    registry = registry_of(database)
    store = Store(database)
    guard = Guard(registry)
    waker = Waker(database)
    worker = Worker(store, registry, settings, waker, clock=clock, transport=ats_transport)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(registry.check_schema)
        try:
            async with waker.running():
                working = asyncio.create_task(worker.run())
                try:
                    yield
                finally:
                    working.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await working
        finally:
            database.close()

    app = create_service(
        [
            discovery(guard, "uploader", CAPABILITIES),
            *UploadsApi(store, registry, guard, waker, settings, clock, ats_transport).routes(),
        ],
        settings=settings,
        registry=registry,
        lifespan=lifespan,
        title="Uploader",
    )
    app.state.worker, app.state.database = worker, database
    return app


def serve() -> Starlette:
    """The app with the settings of the environment, for the server process."""
    settings = UploaderSettings()
    configure_logs(settings.log_level)
    return create_app(settings)
