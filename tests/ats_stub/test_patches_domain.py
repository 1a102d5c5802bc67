"""What a JSON Merge Patch makes of an object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.patches import merged

json_documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {"a": None}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d", "c": None}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, {"a": {"b": "c"}}, {"a": {"b": "c"}}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {"ccc": None}}}),
    ],
)
def test_a_merge_follows_the_rfc_but_keeps_nulls(target: object, patch: object, result: object) -> None:
    assert merged(target, patch) == result


@given(json_documents, json_documents)
def test_a_merge_repeated_changes_nothing_more(target: object, patch: object) -> None:
    once = merged(target, patch)

    assert merged(once, patch) == once
