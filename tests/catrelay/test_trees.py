"""The order and the nesting of values."""

import random

import orjson
from hypothesis import given
from hypothesis import strategies as st

from catrelay.models import CategoryValue, CategoryValues
from catrelay.trees import flattened, nested, nested_json


def value(value_id: int, parent: int | None = None, **members: object) -> CategoryValue:
    given = {"id": value_id, "available": True, "name": f"v{value_id}", "parent": parent}
    return CategoryValue.model_validate(given | members)


def test_siblings_stand_in_the_contracts_order() -> None:
    values = [
        value(1, name="b"),
        value(2, name="A"),
        value(3, sequence=2),
        value(4, sequence=1.5),
        value(5, name="a"),
        value(6, parent=99),
    ]

    assert [node["id"] for node in nested(each.to_document() for each in values)] == [4, 3, 2, 5, 1, 6]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=21), st.randoms(use_true_random=False))
def test_a_tree_is_the_same_however_it_was_read_and_after_it_was_taken_apart(
    parents: list[int], chance: random.Random
) -> None:
    values = [value(i + 1, parent=p if 0 < p <= i else None) for i, p in enumerate(parents)]
    shuffled = chance.sample(values, len(values))

    tree = nested(each.to_document() for each in values)

    assert tree == nested(each.to_document() for each in shuffled)
    roots = CategoryValues.model_validate_json(orjson.dumps(tree)).root
    assert sorted(flattened(roots), key=lambda each: each.id) == values


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20),
            st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=2),
            st.none() | st.floats(-1, 1),
        ),
        max_size=21,
    ),
    st.randoms(use_true_random=False),
)
def test_ready_documents_become_the_same_tree(
    nodes: list[tuple[int, str, float | None]], chance: random.Random
) -> None:
    values = [
        value(i + 1, parent=parent if 0 < parent <= i else None, name=name, sequence=sequence)
        for i, (parent, name, sequence) in enumerate(nodes)
    ]
    read = chance.sample(values, len(values))

    tree = nested_json(
        [each.id for each in read],
        [each.parent for each in read],
        [each.name for each in read],
        [each.to_json() for each in read],
        {each.id: each.sequence for each in read if each.sequence is not None},
    )

    assert orjson.loads(tree) == nested(each.to_document() for each in values)
