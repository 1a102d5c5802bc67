"""The rules of a category's tree, on a tree in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.categories import DEFAULT_RULES
from ats_stub.domain.values import Decision, Value, decide
from catrelay.models import Category, CategoryValueWrite
from catrelay.problems import Problem, RemapTargetNotSelectable
from tests.strategies import names

CATEGORY = Category(id=1, name="Expertise", job_rules=DEFAULT_RULES, candidate_rules=DEFAULT_RULES)


@dataclass
class Tree:
    """The Surroundings of a category that is kept in memory."""

    values: dict[int, Value] = field(default_factory=dict)

    def value(self, value_id: int) -> Value | None:
        return self.values.get(value_id)

    def by_external_id(self, category: int, external_id: str) -> Value | None:
        return next((value for value in self.values.values() if value.external_id == external_id), None)

    def children(self, value_id: int) -> Sequence[int]:
        return [value.id for value in self.values.values() if value.parent == value_id]

    def write(self, write: CategoryValueWrite, category: Category = CATEGORY) -> Decision:
        decision = decide(category, write, self, new_id=len(self.values) + 1)
        self.values[decision.after.id] = decision.after
        return decision


ids = st.integers(1, 8)
writes = st.builds(
    lambda members: CategoryValueWrite.model_validate(members),
    st.fixed_dictionaries(
        {},
        optional={
            "id": ids,
            "name": names.filter(str.strip),
            "available": st.booleans(),
            "externalId": st.sampled_from(["a", "b", "c"]),
            "parent": st.none() | ids,
            "remappedTo": st.none() | ids,
            "sequence": st.none() | st.integers(-3, 3),
        },
    ),
)


@given(st.lists(writes, max_size=40))
def test_no_sequence_of_writes_breaks_the_tree(sequence: list[CategoryValueWrite]) -> None:
    values = Tree()
    for write in sequence:
        before = dict(values.values)
        try:
            values.write(write)
        except Problem:
            assert values.values == before

    for value in values.values.values():
        line = [value]
        while (parent := line[-1].parent) is not None:
            line.append(values.values[parent])
            assert len(line) <= len(values.values), "a loop"
        assert all(ancestor.available for ancestor in line[1:])
        assert value.available or (value.parent is None and not values.children(value.id))
        assert value.remapped_to is None or not value.available, "an available value has no remap"
    known = [value.external_id for value in values.values.values() if value.external_id is not None]
    assert len(known) == len(set(known))


@given(st.lists(writes, max_size=20), writes)
def test_a_write_that_was_carried_out_changes_nothing_when_repeated(
    sequence: list[CategoryValueWrite], write: CategoryValueWrite
) -> None:
    values = Tree()
    for earlier in sequence:
        try:
            values.write(earlier)
        except Problem:
            continue
    try:
        first = values.write(write)
    except Problem:
        return
    if write.id is None and write.external_id is None:
        return

    again = values.write(write)

    assert again.after == first.after
    assert (again.effect, again.changes_something) == (None, False)


def test_where_leaves_only_are_selected_a_remap_needs_a_leaf_unless_it_makes_one() -> None:
    leaves = CATEGORY.model_copy(update={"job_rules": DEFAULT_RULES.model_copy(update={"leaf_selection_only": True})})
    values = Tree()
    for value in (
        Value(id=1, category=1, name="IT"),
        Value(id=2, category=1, name="Data Sciences", parent=1),
        Value(id=3, category=1, name="Machine Learning", parent=1),
    ):
        values.values[value.id] = value

    with pytest.raises(RemapTargetNotSelectable):
        values.write(CategoryValueWrite(id=2, available=False, remapped_to=1), leaves)
    values.write(CategoryValueWrite(id=2, available=False, remapped_to=3), leaves)
    last = values.write(CategoryValueWrite(id=3, available=False, remapped_to=1), leaves)

    assert last.effect == "remap"


def test_a_value_sent_back_as_answered_but_available_is_restored_without_its_remap() -> None:
    values = Tree({1: Value(id=1, category=1, name="A"), 2: Value(id=2, category=1, name="B")})
    values.write(CategoryValueWrite(id=1, available=False, remapped_to=2))

    restored = values.write(CategoryValueWrite(id=1, available=True, remapped_to=2))
    gone = values.write(CategoryValueWrite(id=1, available=False))

    assert (restored.effect, restored.after.remapped_to) == ("restore", None)
    assert (gone.effect, gone.after.remapped_to) == ("inactivate", None)


def test_a_restored_value_comes_back_as_a_root_without_its_remap() -> None:
    values = Tree()
    for value in (
        Value(id=1, category=1, name="Auckland"),
        Value(id=2, category=1, name="North Shore", parent=1),
        Value(id=3, category=1, name="Takapuna", parent=2),
    ):
        values.values[value.id] = value
    values.write(CategoryValueWrite(id=3, available=False, remapped_to=2))

    restored = values.write(CategoryValueWrite(id=3, available=True))

    assert restored.effect == "restore"
    assert (restored.after.parent, restored.after.remapped_to) == (None, None)
