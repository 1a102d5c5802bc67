"""The ASGI app of a service: its routes, the probes, the problem answers."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from catrelay.asgi.probes import Metrics, probes
from catrelay.asgi.problems import exception_handlers
from catrelay.settings import ServiceSettings
from catrelay.tokens import Registry

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def create_service(
    routes: Sequence[BaseRoute],
    *,
    settings: ServiceSettings,
    registry: Registry,
    lifespan: Lifespan,
    metrics: Metrics | None = None,
) -> Starlette:
    """A Starlette app that serves *routes* (whole paths, `/t/{tenant}/...`) and the probes."""
    metrics = metrics or Metrics()
    app = Starlette(
        routes=[*routes, *probes(registry, metrics)],
        exception_handlers=exception_handlers(),
        middleware=[Middleware(metrics.middleware)],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.max_body_bytes = settings.max_body_bytes
    return app
