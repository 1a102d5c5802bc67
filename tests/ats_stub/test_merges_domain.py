"""Choices in a tree are put as briefly as possible, and select the same leaves."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.merges import Surroundings, normalised

# At the top are 1, 6 and 8.
TREE = {2: 1, 5: 1, 3: 2, 4: 2, 7: 6}


def surroundings(parents: dict[int, int]) -> Surroundings:
    return Surroundings(parents, Counter(parents.values()))


@st.composite
def forests(draw: st.DrawFn) -> dict[int, int]:
    """The parents of the values 1 to 12; those that have none are at the top."""
    return {
        value: parent for value in range(2, 13) if (parent := draw(st.none() | st.integers(1, value - 1))) is not None
    }


choices = st.sets(st.integers(1, 12))


def leaves(chosen: set[int], parents: dict[int, int]) -> set[int]:
    around = surroundings(parents)
    return {
        leaf
        for leaf in range(1, 13)
        if leaf not in parents.values() and not chosen.isdisjoint([leaf, *around.above(leaf)])
    }


def one_step(chosen: set[int], parents: dict[int, int], order: random.Random) -> set[int] | None:
    """*chosen* after one application of one of the two rules, whichever comes first; None when neither applies."""
    around = surroundings(parents)
    below = [({value}, set[int]()) for value in chosen if not chosen.isdisjoint(around.above(value))]
    full = [
        (children, {folder})
        for folder in set(parents.values())
        if (children := {child for child, parent in parents.items() if parent == folder}) <= chosen
    ]
    if not below + full:
        return None
    gone, come = order.choice(below + full)
    return chosen - gone | come


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (set(), set()),
        ({3}, {3}),
        ({3, 4}, {2}),
        ({3, 4, 5}, {1}),
        ({2, 3}, {2}),
        ({1, 3}, {1}),
        ({2, 5}, {1}),
        ({7}, {6}),
        ({1, 6, 8}, {1, 6, 8}),
    ],
)
def test_folders_take_the_place_of_what_is_below_them(chosen: set[int], expected: set[int]) -> None:
    assert normalised(chosen, surroundings(TREE)) == expected


@given(forests(), choices)
def test_the_same_leaves_are_selected(parents: dict[int, int], chosen: set[int]) -> None:
    assert leaves(normalised(chosen, surroundings(parents)), parents) == leaves(chosen, parents)


@given(forests(), choices)
def test_what_is_brief_stays_as_it_is(parents: dict[int, int], chosen: set[int]) -> None:
    once = normalised(chosen, surroundings(parents))

    assert normalised(once, surroundings(parents)) == once


@given(forests(), choices, st.randoms(use_true_random=False))
def test_the_rules_applied_one_at_a_time_in_any_order_come_to_the_same(
    parents: dict[int, int], chosen: set[int], order: random.Random
) -> None:
    last, step = chosen, one_step(chosen, parents, order)
    while step is not None:
        last, step = step, one_step(step, parents, order)

    assert normalised(chosen, surroundings(parents)) == last


@given(forests(), choices, choices)
def test_merging_what_is_brief_already_is_merging_all(parents: dict[int, int], one: set[int], other: set[int]) -> None:
    around = surroundings(parents)

    assert normalised(normalised(one, around) | other, around) == normalised(one | other, around)
