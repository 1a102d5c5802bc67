"""Wiring of the career site."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from catrelay.asgi import Guard, create_service
from catrelay.asgi.discovery import discovery
from catrelay.asgi.probes import Metrics
from catrelay.logs import configure_logs
from replicator import ReplicaMetrics, replica_routes
from replicator.careersite.api import CareersiteApi
from replicator.careersite.page import CareersPage
from replicator.careersite.settings import CareersiteSettings
from replicator.careersite.store import open_store
from replicator.careersite.tenants import Tenants


def create_app(settings: CareersiteSettings, *, ats_transport: httpx.AsyncBaseTransport | None = None) -> Starlette:
    """The career site as an ASGI app. ats_transport: in place of sockets to the ATS."""
    store = open_store(settings.database)
    tenants = Tenants(store, settings, ats_transport)
    guard = Guard(store.registry)
    metrics = Metrics()
    metrics.registry.register(ReplicaMetrics(tenants.replicators))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(store.registry.check_schema)
        try:
            async with tenants.following():
                yield
        finally:
            store.registry.close()

    return create_service(
        [
            discovery(guard, "careersite", ()),
            *replica_routes(guard, tenants.replicator, ping_tolerance=settings.ping_tolerance),
            *CareersiteApi(store, tenants, guard).routes(),
            *CareersPage(store).routes(),
            Mount("/static", StaticFiles(directory=str(files("replicator.careersite") / "static"))),
        ],
        settings=settings,
        registry=store.registry,
        lifespan=lifespan,
        metrics=metrics,
        title="Career site",
    )


def serve() -> Starlette:
    """The app with the settings of the environment, for the server process."""
    settings = CareersiteSettings()
    configure_logs(settings.log_level)
    return create_app(settings)
