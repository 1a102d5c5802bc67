"""What memory it takes to tell of very many objects that one change moved."""

from collections.abc import Iterator

from scripts.benchmarks.bare import bare
from scripts.benchmarks.delivery_tenant import SETTINGS, Tenant
from scripts.benchmarks.line import Line
from scripts.benchmarks.machine import forget_peak, peak_megabytes, resident_megabytes
from scripts.benchmarks.receivers import receiving
from scripts.benchmarks.remap import wait_until_moved
from scripts.benchmarks.report import UNJUDGED, Growth, Row, at_most
from scripts.benchmarks.seeding import Seeded, seed_links, seed_values
from scripts.benchmarks.stage import Stage

GOAL_MEGABYTES = 50
FEW = 2_500
"""How many objects are moved first: what a process loads for its first remap is not the million's."""


def measure_memory(stage: Stage) -> list[Row]:
    """While it is sent out, and before, while the objects are moved. No row where the system does not tell."""
    dependents = stage.sizes.dependents
    tenant_name = stage.new_tenant()
    with receiving(1) as receivers, bare(stage.database) as database:
        seeded = seed_values(database, tenant_name, 4)
        seed_links(database, seeded, _references(seeded, dependents))
        database.settle("links")
        with stage.serving("memory", tenant_name, settings=SETTINGS) as server, Line(server.target) as line:
            tenant = Tenant(server.target, server.pid, receivers)
            tenant.subscribe(receivers.urls(1), ["candidates"], batch=True)
            few, few_target, many, many_target = seeded.ids
            _remap(line, seeded, few, few_target)
            receivers.wait_for({0: FEW})
            tenant.settle()
            idle = resident_megabytes(server.pid)
            if idle is None:
                return []
            forget_peak(server.pid)
            _remap(line, seeded, many, many_target)
            moving = peak_megabytes(server.pid)
            forget_peak(server.pid)
            receivers.wait_for({0: FEW + dependents})
            sending = peak_megabytes(server.pid)
    assert moving is not None
    assert sending is not None
    told = f"{dependents:,} objects"
    return [
        Growth(
            f"memory of the ATS while a remap of {told} is sent out / idle before",
            stage.kind,
            "MB",
            sending,
            idle,
            at_most(GOAL_MEGABYTES, f"<= +{GOAL_MEGABYTES} MB"),
        ),
        Growth("the same while the objects are moved, before that", stage.kind, "MB", moving, idle, UNJUDGED),
    ]


def _references(seeded: Seeded, dependents: int) -> Iterator[tuple[int, int]]:
    few, _, many, _ = seeded.ids
    yield from ((candidate, few) for candidate in range(1, FEW + 1))
    yield from ((candidate, many) for candidate in range(FEW + 1, FEW + 1 + dependents))


def _remap(line: Line, seeded: Seeded, value: int, target: int) -> None:
    answer = line.post(seeded.path, {"id": value, "available": False, "remappedTo": target})
    assert answer.status == 200, answer.body
    wait_until_moved(line)
