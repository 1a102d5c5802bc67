"""The whole system in simulated runs that follow from their seeds: whatever fails, everything ends where it belongs."""

import os
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.system.simulated_plan import KINDS, MOST, Step, draw
from tests.system.simulation import report, run

RUNS = int(os.environ.get("CATRELAY_SIMULATED_RUNS", "48"))
OPERATIONS = 500
PARTS = 8
NUMBERS = st.integers(0, MOST - 1)
STEPS = st.builds(Step, st.sampled_from(sorted(KINDS)), NUMBERS, NUMBERS, NUMBERS)


@pytest.mark.parametrize("part", range(PARTS))
def test_everything_ends_where_it_belongs_whatever_fails(part: int) -> None:
    for seed in range(part, RUNS, PARTS):
        found = run(draw(Random(seed), OPERATIONS), seed)

        assert found is None, f"scripts/simulate --seed {seed} --operations {OPERATIONS}: {found.what}"


@settings(max_examples=20)
@given(st.lists(STEPS, max_size=60), st.integers(0, 2**32 - 1))
def test_any_plan_ends_where_it_belongs(plan: list[Step], seed: int) -> None:
    assert run(plan, seed) is None


def test_a_seed_is_always_the_same_run() -> None:
    plan = draw(Random(1), OPERATIONS)

    assert report(plan, 1).digest == report(plan, 1).digest
