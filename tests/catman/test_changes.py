"""What a person can do to a value, and why it may be refused."""

from typing import Any

import pytest

from catman.domain.changes import (
    Change,
    changed_lists,
    done_message,
    drop_choices,
    intended,
    of_interest,
    retire_choice,
    top_choice,
    why_not_below,
    why_not_merge,
)
from catman.domain.tree import Tree
from catrelay.models import Category, CategoryValue, Location, Rules
from catrelay.problems import InvalidRequest, UnknownValue


def value(id_: int, name: str, *children: CategoryValue, location: Location | None = None) -> CategoryValue:
    return CategoryValue(id=id_, name=name, available=True, location=location, values=children or None)


def category(*, jobs_leaves_only: bool, candidates_leaves_only: bool) -> Category:
    def rules(leaves_only: bool) -> Rules:
        return Rules(mandatory=False, can_multi_select=True, leaf_selection_only=leaves_only)

    return Category(
        id=1, name="Region", job_rules=rules(jobs_leaves_only), candidate_rules=rules(candidates_leaves_only)
    )


PLACE = value(7, "Office", location=Location(lat=-36, lng=174))
AUCKLAND, TAKAPUNA, NORTH_SHORE, WELLINGTON, OFFICE = 1, 2, 3, 4, 7
TREE = Tree([value(1, "Auckland", value(2, "Takapuna"), value(3, "North Shore")), value(4, "Wellington"), PLACE])
FREE = category(jobs_leaves_only=False, candidates_leaves_only=False)


def text(refusal: str | None) -> str:
    return (refusal or "").replace("\u2068", "").replace("\u2069", "")


@pytest.mark.parametrize(
    ("members", "patch"),
    [
        ({"kind": "create", "name": "Birkenhead"}, {"name": "Birkenhead"}),
        ({"kind": "create", "name": "B", "code": "BIR", "onto": 1}, {"name": "B", "code": "BIR", "parent": 1}),
        ({"kind": "rename", "value": 2, "name": "T"}, {"id": 2, "name": "T"}),
        ({"kind": "merge", "value": 2, "onto": 3}, {"id": 2, "available": False, "remappedTo": 3}),
        ({"kind": "retire", "value": 2}, {"id": 2, "available": False}),
        ({"kind": "below", "value": 2, "onto": 4}, {"id": 2, "parent": 4}),
        ({"kind": "top", "value": 2}, {"id": 2, "parent": None}),
    ],
)
def test_a_change_is_one_write_of_the_contract(members: dict[str, Any], patch: dict[str, Any]) -> None:
    assert intended(Change(**members)).to_patch() == patch


@pytest.mark.parametrize("kind", ["create", "rename", "merge", "retire", "below", "top"])
def test_a_change_without_what_it_is_about_is_refused(kind: Any) -> None:
    with pytest.raises(InvalidRequest):
        intended(Change(kind=kind))


def test_a_leaf_can_be_merged_into_another() -> None:
    assert why_not_merge(TREE, FREE, TAKAPUNA, NORTH_SHORE) is None


def test_a_value_cannot_be_merged_into_itself() -> None:
    assert text(why_not_merge(TREE, FREE, TAKAPUNA, TAKAPUNA)) == "A value cannot be merged into itself."


def test_a_value_with_values_below_it_cannot_be_merged() -> None:
    assert text(why_not_merge(TREE, FREE, AUCKLAND, WELLINGTON)) == (
        "“Auckland” still has 2 values below it. Move or merge them first."
    )


def test_a_single_value_below_is_spoken_of_as_one() -> None:
    tree = Tree([value(1, "Auckland", value(2, "Takapuna"))])

    assert "still has a value below it" in text(retire_choice(tree, 1).refusal)


def test_objects_that_may_only_use_leaves_cannot_move_to_another_value() -> None:
    leaves = category(jobs_leaves_only=True, candidates_leaves_only=True)

    assert "can only use values that have none" in text(why_not_merge(TREE, leaves, WELLINGTON, AUCKLAND))


def test_a_parent_that_becomes_a_leaf_by_the_merge_can_be_its_target() -> None:
    leaves = category(jobs_leaves_only=True, candidates_leaves_only=True)
    tree = Tree([value(1, "Auckland", value(2, "Takapuna"))])

    assert why_not_merge(tree, leaves, 2, 1) is None


@pytest.mark.parametrize("rules", [None, category(jobs_leaves_only=True, candidates_leaves_only=False)])
def test_where_the_rules_do_not_decide_the_ats_does(rules: Category | None) -> None:
    assert why_not_merge(TREE, rules, WELLINGTON, AUCKLAND) is None


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        (AUCKLAND, AUCKLAND, "A value cannot stand below itself."),
        (AUCKLAND, TAKAPUNA, "“Takapuna” is itself below “Auckland”."),
        (TAKAPUNA, AUCKLAND, "“Takapuna” is directly below “Auckland” already."),
        (TAKAPUNA, OFFICE, "“Office” has a location, and values with a location have none below them."),
        (TAKAPUNA, WELLINGTON, ""),
    ],
)
def test_a_move_that_the_ats_would_refuse_is_explained(source: int, target: int, why: str) -> None:
    assert text(why_not_below(TREE, source, target)) == why


def test_a_drop_means_a_merge_first_and_a_move_second() -> None:
    choices = drop_choices(TREE, FREE, TAKAPUNA, NORTH_SHORE)

    assert [choice.kind for choice in choices] == ["merge", "below"]
    assert text(choices[0].confirm) == "Merge “Takapuna” into “North Shore”"


def test_a_root_is_at_the_top_level_already() -> None:
    assert text(top_choice(TREE, WELLINGTON).refusal) == "“Wellington” is at the top level already."
    assert top_choice(TREE, TAKAPUNA).refusal is None


def test_a_value_that_went_away_meanwhile_is_named() -> None:
    with pytest.raises(UnknownValue, match="99"):
        drop_choices(TREE, FREE, 99, TAKAPUNA)


def test_what_happened_is_one_sentence() -> None:
    merge = Change(kind="merge", value=TAKAPUNA, onto=NORTH_SHORE)
    after = Tree([value(1, "Auckland", value(3, "North Shore")), value(4, "Wellington")])
    retired = CategoryValue(id=TAKAPUNA, name="Takapuna", available=False, remapped_to=NORTH_SHORE)

    assert text(done_message(merge, TREE, after, retired)) == (
        "Merged “Takapuna” into “North Shore”. All that used “Takapuna” now uses “North Shore”."
    )
    assert changed_lists(merge, TREE, after, retired) == (AUCKLAND,)
    assert of_interest(merge, TREE, retired) == NORTH_SHORE


def test_a_move_changes_the_lists_it_leaves_and_joins() -> None:
    move = Change(kind="top", value=TAKAPUNA)
    after = Tree([value(1, "Auckland", value(3, "North Shore")), value(2, "Takapuna")])

    assert changed_lists(move, TREE, after, value(2, "Takapuna")) == (AUCKLAND, 0)


def test_after_retiring_a_value_its_parent_is_looked_at() -> None:
    retired = CategoryValue(id=TAKAPUNA, name="Takapuna", available=False)

    assert of_interest(Change(kind="retire", value=TAKAPUNA), TREE, retired) == AUCKLAND
