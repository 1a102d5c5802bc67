"""A tenant with values of its org tree, and subscribers that are told when they change."""

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scripts.benchmarks.line import Line, Target
from scripts.benchmarks.machine import TICK_SECONDS, cpu_seconds
from scripts.benchmarks.receivers import Receivers

VALUES = "/orgs/values"
VALUES_PER_COMMIT = 1_000
POLL_SECONDS = 0.05
SETTLE_SECONDS = 120

SETTINGS = {"CATRELAY_ALLOW_TARGETS": "127.0.0.0/8"}
"""Of an ATS whose subscribers are all on this machine."""


@dataclass(frozen=True)
class Burst:
    """What was sent from the moment at which all receivers answered again. cpu_seconds: of the ATS."""

    objects: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Objects a second."""
        return self.objects / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Objects per second that the processor worked for the ATS."""
        return self.objects / max(self.cpu_seconds, TICK_SECONDS)


@dataclass
class Tenant:
    """Changes go to values of the org tree. ports: indices of those at which its subscribers listen, one at each."""

    target: Target
    server_pid: int
    receivers: Receivers
    ports: Sequence[int] = ()
    values: Sequence[int] = ()
    _renamed: int = field(default=0)

    def make_values(self, count: int) -> None:
        """Have so many values to change."""
        with Line(self.target) as line:
            for first in range(0, count, VALUES_PER_COMMIT):
                some = range(first, min(count, first + VALUES_PER_COMMIT))
                nodes = [{"name": f"Value {index}"} for index in some]
                results = line.post(f"{VALUES}/batch", {"values": nodes}).json()["results"]
                self.values = [*self.values, *(result["value"]["id"] for result in results)]

    def subscribe(self, urls: Iterable[str], topics: Sequence[str] = ("orgs",), *, batch: bool = False) -> list[int]:
        """The ids of new subscriptions."""
        with Line(self.target) as line:
            wanted = [{"url": url, "topics": topics, "batch": batch} for url in urls]
            return [line.post("/subscriptions", each).json()["id"] for each in wanted]

    def subscribe_ports(self, ports: Sequence[int], *, batch: bool = False) -> list[int]:
        """One subscription at each of the ports with these indices."""
        self.ports = ports
        urls = self.receivers.urls(max(ports) + 1)
        return self.subscribe([urls[port] for port in ports], batch=batch)

    def change(self, line: Line, values: Sequence[int]) -> None:
        """Rename *values*, which may name one again and again."""
        for first in range(0, len(values), VALUES_PER_COMMIT):
            nodes = []
            for value in values[first : first + VALUES_PER_COMMIT]:
                self._renamed += 1
                nodes.append({"id": value, "name": f"Renamed {self._renamed:010}"})
            answer = line.post(f"{VALUES}/batch", {"values": nodes, "atomic": True})
            assert answer.status == 200, answer.body

    def settle(self) -> None:
        """Wait until everybody was told of everything and that is recorded: the deliverer is idle again."""
        end = time.monotonic() + SETTLE_SECONDS
        with Line(self.target) as line:
            while any(each["lag"] for each in line.get("/subscriptions").json()["results"]):
                if time.monotonic() > end:
                    raise TimeoutError(f"there was still something to be sent after {SETTLE_SECONDS} s")
                time.sleep(POLL_SECONDS)  # nothing tells of it by itself; to ask all the time would slow it down

    def burst(self, objects: int, stalled: Sequence[int] = ()) -> Burst:
        """Send *objects* to each subscriber from a backlog, as fast as the ATS can.

        Nobody answers while the changes are made, so that what is measured is the sending and not the writing: from
        when the receivers answer until they have all. Those at *stalled* never answer, and are not waited for.
        """
        held, *others = self.values[:objects]
        healthy = [port for port in self.ports if port not in stalled]
        before = self.receivers.counts()
        wanted = {port: before[port] + objects for port in healthy}
        self.receivers.hold(*self.ports)
        with Line(self.target) as line:
            self.change(line, [held])
            self.change(line, others)
        early = sum(self.receivers.counts()[port] - before[port] for port in healthy)
        used = cpu_seconds(self.server_pid)
        began = self.receivers.release(*healthy)
        ended = self.receivers.wait_for(wanted)
        burst = Burst(len(healthy) * objects - early, ended - began, cpu_seconds(self.server_pid) - used)
        if not stalled:
            self.settle()
        surplus = sum(self.receivers.counts()[port] - count for port, count in wanted.items())
        if surplus:
            sys.stderr.write(f"{surplus} pings came more than once\n")
        return burst
