"""What the deliverer counts."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from ats_stub.domain.delivery import OUTCOMES


class DeliveryMetrics:
    """Pings by what became of them, and how long subscribers took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        pings = Counter("catrelay_pings", "Pings by what became of them", ["outcome"], registry=registry)
        self.pings = {outcome: pings.labels(outcome) for outcome in OUTCOMES}
        self.seconds = Histogram("catrelay_ping_seconds", "Seconds until a subscriber answered", registry=registry)
