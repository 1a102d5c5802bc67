"""Rules of the replicator that need no database."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catrelay.journal import Place
from catrelay.models import MAX_ID, CategoryValue, CategoryValueWrite
from replicator.domain.pace import jittered, retry_after
from replicator.domain.pings import ANY_CATEGORY, meant_by
from replicator.domain.related import MAX_SUMMARY_CHARACTERS, Holding, change_impact, summary
from replicator.domain.transfers import settlement
from replicator.domain.trees import subtree


def gone(id_: int, to: int | None = None) -> CategoryValue:
    return CategoryValue(id=id_, available=False, name="x", remapped_to=to)


def test_a_chain_that_changed_while_it_was_read_is_settled_the_next_time() -> None:
    nodes = {1: gone(1, 2), 2: gone(2, 1), 3: gone(3, 4)}

    moves = settlement(17, [1, 2, 3], available=frozenset(), nodes=nodes, later=frozenset())

    assert not moves


def test_a_chain_ends_at_an_available_value_at_a_lost_one_or_where_the_journal_goes_on() -> None:
    nodes = {1: gone(1, 2), 2: gone(2, 3), 4: gone(4, 5), 5: gone(5), 6: gone(6, 7), 7: gone(7, 3), 8: None}

    moves = settlement(17, nodes, available=frozenset({3}), nodes=nodes, later=frozenset({7}))

    assert moves.places == {
        1: Place(3),
        2: Place(3),
        4: Place(None, 5),
        5: Place(None, 5),
        6: Place(7),
        8: Place(None, 8),
    }


@given(st.floats(0, 1), st.integers(1, 100))
def test_waits_are_spread_by_a_fifth_and_end_at_a_minute(chance: float, failures: int) -> None:
    assert timedelta(seconds=48) <= jittered(timedelta(seconds=60), chance) <= timedelta(seconds=72)
    assert timedelta(seconds=0.8) <= retry_after(failures, chance) <= timedelta(seconds=72)


def test_pings_are_about_values_categories_or_nothing_that_is_replicated() -> None:
    paths = [
        "/categories/byID/17/values/byID/1/deltaPings",
        "/categories/byID/17/deltaPings",
        "/categories/deltaPings",
        "/orgs/values/byID/90/deltaPings",
        "/jobs/open/byID/1/deltaPings",
        f"/categories/byID/17/values/byID/{MAX_ID + 1}/deltaPings",
        "/categories/byID/17/values/byID/1/deltaPings/../x",
    ]

    assert meant_by(paths, 2) == ([(17, 1), (2, 90)], [17, ANY_CATEGORY])
    assert meant_by(paths[3:4], None) == ([], [])


def value(id_: int, parent: int | None = None, **members: object) -> CategoryValue:
    return CategoryValue.model_validate({"id": id_, "available": True, "name": f"v{id_}", "parent": parent, **members})


def test_a_subtree_has_the_value_and_all_below_even_where_parents_run_in_a_circle() -> None:
    assert subtree(1, {1: None, 2: 1, 3: 2, 4: None, 5: 4}) == {1, 2, 3}
    assert subtree(1, {1: 2, 2: 1}) == {1, 2}


def test_nothing_held_is_nothing_said() -> None:
    empty = [Holding("testimonials", "testimonial", 0, "unhook")]
    kept = [Holding("reports", "report", 3, "keep")]
    inactivated = CategoryValueWrite(available=False)

    assert summary("IT", empty) is None
    assert change_impact("IT", inactivated, None, empty) is None
    assert change_impact("IT", inactivated, None, kept) is None
    assert change_impact("IT", CategoryValueWrite(name="ICT"), None, kept) is None


@given(st.text(min_size=1), st.lists(st.text(min_size=1), max_size=5), st.integers(1, 20))
def test_a_summary_is_short_however_long_names_are(name: str, labels: list[str], kinds: int) -> None:
    holdings = [Holding(f"kind {n}", f"kind {n}", 7, "unhook", [label * 50 for label in labels]) for n in range(kinds)]

    related = summary(name.replace("\0", "x") * 99, [h for h in holdings if "\0" not in "".join(h.labels)])

    if related is not None:
        assert len(related.summary) <= MAX_SUMMARY_CHARACTERS + 200
        assert related.counts is not None


@pytest.mark.parametrize(
    ("count", "said"), [(1, "**IT** has 1 testimonial here."), (2, "**IT** has 2 testimonials here.")]
)
def test_one_is_not_spoken_of_as_many(count: int, said: str) -> None:
    related = summary("IT", [Holding("testimonials", "testimonial", count, "unhook")])

    assert related is not None
    assert related.summary.splitlines()[0] == said
