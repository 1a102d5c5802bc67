"""The whole system in simulated runs that follow from their seeds: whatever fails, everything ends where it belongs."""

import os
from random import Random

import pytest

from tests.system.simulated_plan import draw
from tests.system.simulation import report, run

RUNS = int(os.environ.get("CATRELAY_SIMULATED_RUNS", "40"))
OPERATIONS = 500
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_everything_ends_where_it_belongs_whatever_fails(part: int) -> None:
    for seed in range(part, RUNS, PARTS):
        found = run(draw(Random(seed), OPERATIONS), seed)

        assert found is None, f"scripts/simulate --seed {seed} --operations {OPERATIONS}: {found.what}"


def test_a_seed_is_always_the_same_run() -> None:
    plan = draw(Random(1), OPERATIONS)

    assert report(plan, 1).digest == report(plan, 1).digest
