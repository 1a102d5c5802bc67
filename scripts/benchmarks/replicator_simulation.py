"""How much of the whole system's life can be simulated in a second."""

import sys
import time

from scripts.benchmarks.load import elsewhere
from scripts.benchmarks.report import Result, Row, at_least
from scripts.benchmarks.stage import Stage

OPERATIONS = 500
GOAL_PER_SECOND = 2_000


def measure_simulation(stage: Stage) -> list[Row]:
    """The row; none on PostgreSQL, as the simulation has databases of its own."""
    if stage.kind != "sqlite":
        return []
    rate = elsewhere(operations_per_second, stage.sizes.seeds)
    what = f"simulated operations per second of one core, seeds 1 to {stage.sizes.seeds} / goal"
    return [Result(what, stage.kind, "/s", [(rate, GOAL_PER_SECOND)], at_least(1))]


def operations_per_second(seeds: int) -> float:
    """By the time that the processor worked for it."""
    from random import Random

    from tests.system.simulated_plan import draw
    from tests.system.simulation import report

    began = time.process_time()
    done = 0
    for seed in range(1, seeds + 1):
        found = report(draw(Random(seed), OPERATIONS), seed)
        if found.difference is not None:  # which is not what is measured here
            sys.stderr.write(f"scripts/simulate --seed {seed} fails\n")
        done += found.counts["operations"]
    return done / (time.process_time() - began)
