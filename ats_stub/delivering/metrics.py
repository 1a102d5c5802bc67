"""What operators see of delivery."""

from collections import Counter as Tally
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import get_args

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from ats_stub.domain.delivery import OUTCOMES, State
from ats_stub.store.lags import Subscriber, subscribers
from catrelay.database import Database

log = structlog.get_logger()

_OF_ONE = ["tenant", "subscription", "app"]


class DeliveryMetrics:
    """Pings by what became of them, and how long subscribers took; of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        pings = Counter("catrelay_pings", "Pings by what became of them", ["outcome"], registry=registry)
        self.pings = {outcome: pings.labels(outcome) for outcome in OUTCOMES}
        self.seconds = Histogram("catrelay_ping_seconds", "Seconds until a subscriber answered", registry=registry)


class SubscriptionMetrics(Collector):
    """How subscriptions stand, read whenever somebody asks: so each process tells the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Nothing while the database cannot be read: what is counted in memory is then needed all the more."""
        try:
            found = subscribers(self._database, datetime.now(UTC))
        except SQLAlchemyError:
            log.exception("cannot see how subscriptions stand")
            return
        yield from _lags([each for each in found if each.state != "ended"])
        yield _states(found)


def _lags(found: list[Subscriber]) -> Iterator[GaugeMetricFamily]:
    lag = GaugeMetricFamily("catrelay_subscription_lag", "Changes not delivered yet", labels=_OF_ONE)
    seconds = GaugeMetricFamily(
        "catrelay_subscription_lag_seconds", "Age of the oldest change not delivered yet", labels=_OF_ONE
    )
    for each in found:
        labels = [each.tenant, str(each.subscription), each.app]
        lag.add_metric(labels, each.lag.changes)
        seconds.add_metric(labels, each.lag.seconds)
    yield from (lag, seconds)


def _states(found: list[Subscriber]) -> GaugeMetricFamily:
    states = GaugeMetricFamily("catrelay_subscriptions", "Subscriptions by state", labels=["state"])
    counted = Tally(each.state for each in found)
    for state in get_args(State):
        states.add_metric([state], counted[state])
    return states
