"""What operators see of replicas."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from catrelay.asgi import Guard, answers, resource
from catrelay.asgi.auth import bearer_token
from catrelay.models import ReplicaStatus

if TYPE_CHECKING:
    from replicator.app import Replicator

log = structlog.get_logger()

_OF_ONE = ["tenant"]


class ReplicaMetrics(Collector):
    """How replicas stand, read whenever somebody asks: so each process with their database tells the same.

    replicators: those to tell of, asked for each time. Register it with any `prometheus_client` registry:

        REGISTRY.register(ReplicaMetrics(lambda: [replicator]))
    """

    def __init__(self, replicators: "Callable[[], Iterable[Replicator]]") -> None:
        self._replicators = replicators

    def describe(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        """The metrics without a value: to register it reads nothing."""
        return list(_families().values())

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Nothing of a replica whose database cannot be read."""
        families = _families()
        for replicator in self._replicators():
            families["failures"].add_metric([replicator.tenant], replicator.failures)
            try:
                status = replicator.status()
            except (SQLAlchemyError, sqlite3.Error) as error:
                log.warning("cannot see how the replica stands", tenant=replicator.tenant, error=str(error))
                continue
            for name, value in _values(status).items():
                if value is not None:
                    families[name].add_metric([replicator.tenant], value)
        yield from families.values()


def metrics_route(replicator: "Replicator", guard: Guard) -> Route:
    """`/metrics` of an app that serves one replicator: it tells of that, to who may read the replica."""
    registry = CollectorRegistry()
    registry.register(ReplicaMetrics(lambda: [replicator]))

    @answers(None, 200, media_type="text/plain")
    def exposition(request: Request) -> Response:
        """How the replica stands, in Prometheus' text format."""
        guard.admit(bearer_token(request), replicator.tenant, "read")
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return resource("/metrics", get=exposition)


def _values(status: ReplicaStatus) -> dict[str, float | None]:
    return {
        "cursor": status.cursor,
        "head": status.head,
        "lag": status.lag,
        "pings": status.pings,
        "moved": status.moved,
        "last_catch_up": None if status.last_catch_up is None else status.last_catch_up.timestamp(),
        "failing": status.last_error is not None,
        "leads": status.leads,
    }


def _families() -> dict[str, GaugeMetricFamily | CounterMetricFamily]:
    def gauge(name: str, meaning: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"catrelay_replica_{name}", meaning, labels=_OF_ONE)

    def counter(name: str, meaning: str) -> CounterMetricFamily:
        return CounterMetricFamily(f"catrelay_replica_{name}", meaning, labels=_OF_ONE)

    return {
        "cursor": gauge("cursor", "The seq up to which the journal is applied"),
        "head": gauge("head", "The newest seq seen"),
        "lag": gauge("lag", "Entries of the journal that were seen and not applied yet"),
        "pings": counter("pings", "Pings received"),
        "moved": counter("moved_objects", "Objects of the app moved"),
        "last_catch_up": gauge("last_catch_up_seconds", "When the replica was last up to date, in seconds since 1970"),
        "failing": gauge("failing", "1 while something is wrong, as the status' lastError says"),
        "leads": gauge("leads", "1 at the process that does the work"),
        "failures": counter("failures", "Attempts to catch up that failed, of this process"),
    }
