"""What a measurement is given: a database, how much to measure, and servers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmarks.bare import kind_of
from scripts.benchmarks.machine import peak_megabytes
from scripts.benchmarks.serving import OURS, Server, prepare, serving


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

    @contextmanager
    def serving(self, measurement: str, tenant: str, command: tuple[str, ...] = OURS) -> Iterator[Server]:
        """The ATS, whose memory is noted for *measurement*."""
        with serving(self.database, tenant, command) as server:
            yield server
            peak = peak_megabytes(server.pid)
            if peak is not None:
                self.peaks[measurement] = max(peak, self.peaks.get(measurement, 0))
