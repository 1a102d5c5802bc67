"""How soon an idle ATS tells of a change."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from scripts.benchmarks.bare import Bare, bare
from scripts.benchmarks.delivery_tenant import SETTINGS, VALUES, Tenant
from scripts.benchmarks.line import Line, Target
from scripts.benchmarks.receivers import Receivers, receiving
from scripts.benchmarks.report import UNJUDGED, Result, Row, at_most
from scripts.benchmarks.stage import Stage

MAKE_TABLE = "CREATE TABLE bare_commits (name TEXT NOT NULL)"
BARE_COMMIT = "INSERT INTO bare_commits (name) VALUES (?)"
IDLE_SECONDS = 0.05
"""After the ping is recorded, so that whatever the deliverer looks at afterwards is done, too."""


@dataclass(frozen=True)
class _Trip:
    """When a change was begun, when that was done for its client, and when the receiver had heard of it."""

    began: float
    done: float
    arrived: float


def measure_wake(stage: Stage) -> list[Row]:
    """From the request that changes something, and from its answer."""
    sizes = stage.sizes
    tenant_name = stage.new_tenant()
    from_requests, from_commits = [], []
    with (
        receiving(1) as receivers,
        bare(stage.database) as database,
        stage.serving("wake", tenant_name, settings=SETTINGS) as server,
    ):
        tenant = Tenant(server.target, server.pid, receivers)
        tenant.make_values(1)
        tenant.subscribe_ports([0])
        tenant.burst(1)
        database.seconds_of(MAKE_TABLE)
        trips = _Trips(tenant, receivers, database)
        for _ in range(sizes.repetitions):
            ours, baseline = zip(*[(trips.ours(), trips.bare()) for _ in range(sizes.wakes)], strict=True)
            bare_milliseconds = _milliseconds(trip.arrived - trip.began for trip in baseline)
            from_requests.append((_milliseconds(trip.arrived - trip.began for trip in ours), bare_milliseconds))
            bare_commit = _milliseconds(trip.done - trip.began for trip in baseline)
            from_answer = _milliseconds(trip.arrived - trip.done for trip in ours)
            from_commits.append((from_answer + bare_commit, bare_milliseconds))
    return [
        Result(
            "idle: commit until ping received / bare commit, bare POST",
            stage.kind,
            "ms",
            from_commits,
            at_most(3),
        ),
        Result("idle: change requested until ping received / the same", stage.kind, "ms", from_requests, UNJUDGED),
    ]


class _Trips:
    def __init__(self, tenant: Tenant, receivers: Receivers, database: Bare) -> None:
        self._tenant = tenant
        self._receivers = receivers
        self._database = database
        self._ping = receivers.sample().request
        self._changes = Line(tenant.target)
        self._pings = Line(Target(receivers.urls(1)[0]))
        self._number = 0

    def ours(self) -> _Trip:
        """A change of one value."""
        self._tenant.settle()
        self._number += 1
        node = {"id": self._tenant.values[0], "name": f"Changed {self._number:010}"}

        def change() -> float:
            answer = self._changes.post(VALUES, node)
            answered = time.monotonic()
            assert answer.status == 200, answer.body
            return answered

        return self._trip(change)

    def bare(self) -> _Trip:
        """The commit of one row, and then a POST of the same bytes over a connection of long standing."""

        def commit_and_post() -> float:
            self._database.seconds_of(BARE_COMMIT, f"Changed {self._number:010}")
            committed = time.monotonic()
            self._pings.send(self._ping)
            return committed

        return self._trip(commit_and_post)

    def _trip(self, act: Callable[[], float]) -> _Trip:
        time.sleep(IDLE_SECONDS)
        (before,) = self._receivers.counts()
        began = time.monotonic()
        done = act()
        return _Trip(began, done, self._receivers.wait_for({0: before + 1}))


def _milliseconds(seconds: Iterable[float]) -> float:
    """Their median."""
    return median(seconds) * 1_000
