"""The ASGI app of a service: its routes, the probes, the problem answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from catrelay.asgi.description import description
from catrelay.asgi.probes import Metrics, probes
from catrelay.asgi.problems import exception_handlers
from catrelay.settings import ServiceSettings
from catrelay.tokens import Registry

log = structlog.get_logger()

USES_POLL_SECONDS = 1

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def create_service(
    routes: Sequence[BaseRoute],
    *,
    settings: ServiceSettings,
    registry: Registry,
    lifespan: Lifespan,
    metrics: Metrics | None = None,
    title: str = "An app of catrelay",
) -> Starlette:
    """A Starlette app that serves *routes* (whole paths, `/t/{tenant}/...`), the probes and the API's description.

    title: what the description calls it.
    """
    metrics = metrics or Metrics()
    served = [*routes, *probes(registry, metrics)]
    app = Starlette(
        routes=[*served, *description(served, title=title)],
        exception_handlers=exception_handlers(),
        middleware=[Middleware(metrics.middleware)],
        lifespan=_recording_uses(registry, lifespan),
    )
    app.router.redirect_slashes = False
    app.state.max_body_bytes = settings.max_body_bytes
    return app


def _recording_uses(registry: Registry, lifespan: Lifespan) -> Lifespan:
    """*lifespan*, and while it lasts the last uses of tokens are written down, which no request waits for."""

    @asynccontextmanager
    async def recording(app: Starlette) -> AsyncIterator[None]:
        async with lifespan(app):
            stop = asyncio.Event()
            task = asyncio.create_task(_record_uses(registry, stop))
            try:
                yield
            finally:
                stop.set()  # not cancelled: its thread would go on while the database is closed
                await task

    return recording


async def _record_uses(registry: Registry, stop: asyncio.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), USES_POLL_SECONDS)
        try:
            await run_in_threadpool(registry.record_uses)
        except Exception as error:
            # The loop goes on: that a use is not told fails nobody.
            log.warning("last uses of tokens were not recorded", exc_info=error)
