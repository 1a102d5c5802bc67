"""What a write takes longer because there are subscriptions."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from scripts.benchmarks.delivery_tenant import SETTINGS, VALUES, Tenant
from scripts.benchmarks.line import Line
from scripts.benchmarks.receivers import Receivers, receiving
from scripts.benchmarks.report import UNJUDGED, Goal, Result, Row, at_most
from scripts.benchmarks.serving import Server
from scripts.benchmarks.stage import Stage

PORTS = 200
"""Each has several subscribers: a thousand listening sockets are more than many machines allow."""
GOAL = at_most(1.1)
OTHER_TOPIC = "users"


@dataclass
class _Pairs:
    """Milliseconds with subscriptions and without."""

    medians: list[tuple[float, float]] = field(default_factory=list)
    p95s: list[tuple[float, float]] = field(default_factory=list)

    def add(self, ours: Sequence[float], baseline: Sequence[float]) -> None:
        self.medians.append((median(ours) * 1_000, median(baseline) * 1_000))
        self.p95s.append((_p95(ours) * 1_000, _p95(baseline) * 1_000))

    def rows(self, what: str, database: str, goal: Goal) -> list[Row]:
        return [
            Result(f"{what} / with none, median", database, "ms", self.medians, goal),
            Result("the same, 95th percentile", database, "ms", self.p95s, goal),
        ]


def measure_write(stage: Stage) -> list[Row]:
    """Of subscriptions to another topic, and of those that are told."""
    sizes = stage.sizes
    deaf, told, alone = (stage.new_tenant() for _ in range(3))
    others, listeners, rested = _Pairs(), _Pairs(), _Pairs()
    with receiving(PORTS) as receivers, stage.serving("write", deaf, settings=SETTINGS) as server:
        with_others, with_listeners, without = (_Writes(stage, server, receivers, name) for name in (deaf, told, alone))
        with_others.tenant.subscribe(receivers.urls(sizes.listeners), [OTHER_TOPIC])
        with_listeners.tenant.subscribe(receivers.urls(sizes.listeners))
        for writes in (with_others, with_listeners, without):
            writes.seconds(sizes.writes_told)
            writes.tenant.settle()
        for _ in range(sizes.repetitions):
            ours = with_others.seconds(sizes.writes_alone)
            with_others.tenant.settle()
            others.add(ours, without.seconds(sizes.writes_alone))
            for pairs, rests in ((listeners, False), (rested, True)):
                ours, pauses = with_listeners.seconds_when_told(sizes.writes_told, sizes.listeners, rests=rests)
                with_listeners.tenant.settle()
                pairs.add(ours, without.seconds(sizes.writes_told, pauses))
    return [
        *others.rows(f"write with {sizes.listeners:,} subscriptions to another topic", stage.kind, GOAL),
        *listeners.rows(f"write with {sizes.listeners:,} subscriptions that are told", stage.kind, GOAL),
        *rested.rows("the same, when the telling of the former is recorded", stage.kind, UNJUDGED),
    ]


class _Writes:
    """Writes one value again and again, by one client."""

    def __init__(self, stage: Stage, server: Server, receivers: Receivers, tenant: str) -> None:
        self.tenant = Tenant(stage.target(server, tenant), server.pid, receivers)
        self.tenant.make_values(1)
        self._receivers = receivers
        self._written = 0

    def seconds(self, count: int, pauses: Sequence[float] = ()) -> list[float]:
        """How long each write took. Begun at once when the former is answered, or after *pauses* in seconds."""
        taken = []
        with Line(self.tenant.target) as line:
            for index in range(count):
                if pauses:
                    time.sleep(pauses[index])  # what rests is slower for a while: the baseline shall have rested, too
                taken.append(self._write(line))
        return taken

    def seconds_when_told(self, count: int, listeners: int, *, rests: bool) -> tuple[list[float], list[float]]:
        """How long each write took, begun when all pings of the former had arrived; and the waits for those.

        rests: they are also recorded then, and the deliverer is idle.
        """
        taken, waits = [], []
        each = [len(range(port, listeners, PORTS)) for port in range(PORTS)]
        with Line(self.tenant.target) as line:
            for _ in range(count):
                before = self._receivers.counts()
                taken.append(self._write(line))
                began = time.monotonic()
                self._receivers.wait_for({port: before[port] + each[port] for port in range(PORTS)})
                if rests:
                    self.tenant.settle()
                waits.append(time.monotonic() - began)
        return taken, waits

    def _write(self, line: Line) -> float:
        self._written += 1
        answer = line.post(VALUES, {"id": self.tenant.values[0], "name": f"Renamed {self._written:010}"})
        assert answer.status == 200, answer.body
        return answer.seconds


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1]
