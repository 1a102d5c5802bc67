"""What a measurement is given: a database, how much to measure, and servers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmarks.bare import kind_of
from scripts.benchmarks.line import Target
from scripts.benchmarks.machine import peak_megabytes
from scripts.benchmarks.report import Row
from scripts.benchmarks.serving import NO_SETTINGS, OURS, Server, prepare, serving, target_of


@dataclass(frozen=True)
class Sizes:
    """How much is measured. The names say of what; repetitions are of everything that can be repeated at will."""

    dependents: int = 1_000_000
    moves: int = 5
    moves_with_a_writer: int = 3
    nodes: int = 100_000
    entries: int = 100_000
    load_seconds: float = 4.0
    repetitions: int = 5
    writes_per_client: int = 150
    tenant_values: int = 10_000
    subscribers: int = 200
    burst_objects: int = 100
    batch_subscribers: int = 20
    single_objects: int = 500
    batch_objects: int = 5_000
    listeners: int = 1_000
    writes_alone: int = 100
    writes_told: int = 10
    wakes: int = 40
    changes: int = 1_000_000
    prune_seconds: float = 240
    catch_ups: int = 3
    long_catch_ups: int = 1
    seeds: int = 20


QUICK = Sizes(
    dependents=3_000,
    moves=1,
    moves_with_a_writer=1,
    nodes=500,
    entries=2_000,
    load_seconds=0.2,
    repetitions=1,
    writes_per_client=5,
    tenant_values=100,
    subscribers=10,
    burst_objects=10,
    batch_subscribers=2,
    single_objects=10,
    batch_objects=20,
    listeners=20,
    writes_alone=5,
    writes_told=2,
    wakes=3,
    changes=2_000,
    prune_seconds=0,
    catch_ups=1,
    seeds=1,
)
"""Shows that everything works; measures nothing."""


@dataclass
class Stage:
    """One database on which measurements are made, each in a tenant of its own.

    peaks: the most memory in megabytes that a server held, by measurement.
    """

    database: str
    sizes: Sizes
    folder: Path
    peaks: dict[str, float] = field(default_factory=dict)
    _tenants: int = 0

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return kind_of(self.database)

    def new_tenant(self) -> str:
        """A tenant that no other measurement has."""
        self._tenants += 1
        name = f"bench{self._tenants}"
        prepare(self.database, name)
        return name

    def target(self, server: Server, tenant: str) -> Target:
        """The part of *server* that belongs to one more tenant."""
        return target_of(server.url, self.database, tenant)

    @contextmanager
    def serving(
        self,
        measurement: str,
        tenant: str,
        command: tuple[str, ...] = OURS,
        settings: Mapping[str, str] = NO_SETTINGS,
    ) -> Iterator[Server]:
        """The ATS, whose memory is noted for *measurement*."""
        with serving(self.database, tenant, command, settings) as server:
            yield server
            peak = peak_megabytes(server.pid)
            if peak is not None:
                self.peaks[measurement] = max(peak, self.peaks.get(measurement, 0))


Measurement = Callable[[Stage], list[Row]]
