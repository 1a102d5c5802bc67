"""What operators and supervisors ask: is it up, can it serve, what has it counted."""

import time

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from catrelay.asgi.operation import answers
from catrelay.asgi.resources import model_response, resource
from catrelay.models import Text, Wire
from catrelay.problems import Unavailable
from catrelay.tokens import Registry, SchemaMismatch

log = structlog.get_logger()

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class Standing(Wire):
    """How the service stands."""

    status: Text


class Metrics:
    """An app's own Prometheus registry, and the middleware that counts its requests by route."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "catrelay_http_requests",
            "Requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "catrelay_http_request_seconds", "Seconds until answered", ["route"], registry=self.registry
        )

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Count what passes through *app*."""

        async def counted(scope: AsgiScope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            started = time.perf_counter()
            status = 500

            async def noting_status(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            try:
                await app(scope, receive, noting_status)
            finally:
                route = _route_of(scope)
                method = scope["method"] if scope["method"] in METHODS else "other"
                self.requests.labels(method, route, str(status)).inc()
                self.seconds.labels(route).observe(time.perf_counter() - started)

        return counted


def _route_of(scope: AsgiScope) -> str:
    """The path's template. Unmatched paths share one label, as odd methods do: a stranger must not make labels."""
    path = getattr(scope.get("endpoint"), "path", None)
    return path if isinstance(path, str) else "other"


def probes(registry: Registry, metrics: Metrics) -> list[Route]:
    """`/healthz`, `/readyz` and `/metrics`."""

    @answers(Standing)
    def healthz(_: Request) -> Response:
        """Whether the process is up."""
        return model_response(Standing(status="up"))

    @answers(Standing, problems=[Unavailable])
    def readyz(_: Request) -> Response:
        """Whether it can serve: database reachable, schema right."""
        try:
            registry.check_schema()
        except SchemaMismatch as error:
            raise Unavailable(f"The database cannot be used: {error}") from error
        except Exception as error:  # whatever the driver raises means the same here
            log.warning("the database cannot be used", exc_info=error)
            raise Unavailable("The database cannot be used; the log says why") from error  # it may name host and user
        return model_response(Standing(status="ready"))

    @answers(None, 200, media_type="text/plain")
    def exposition(_: Request) -> Response:
        """What it has counted, in Prometheus' text format."""
        return Response(generate_latest(metrics.registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return [
        resource("/healthz", get=healthz),
        resource("/readyz", get=readyz),
        resource("/metrics", get=exposition),
    ]
