"""What an upload's body alone shows."""

import pytest

from catrelay.models import CategoryValuesUpload
from catrelay.problems import InvalidRequest, LimitExceeded, UploadMappingAmbiguous
from tests.uploader.ats_standin import body
from uploader.domain.wanted import WantedNode, wanted_nodes


def nodes(*given: object, max_depth: int = 50) -> tuple[WantedNode, ...]:
    return wanted_nodes(CategoryValuesUpload.model_validate(body(*given), strict=False), max_depth=max_depth)


def test_nodes_come_in_document_order_with_their_parents() -> None:
    found = nodes({"name": "A", "values": [{"name": "B", "values": [{"name": "C"}]}, {"name": "D"}]}, {"name": "E"})

    assert [(node.value.name, node.parent, node.depth) for node in found] == [
        ("A", None, 0),
        ("B", 0, 1),
        ("C", 1, 2),
        ("D", 0, 1),
        ("E", None, 0),
    ]
    assert found[2].pointer == "/categoryValues/0/values/0/values/0"


def test_a_node_that_shall_be_unavailable_stands_nowhere() -> None:
    found = nodes({"id": 1, "values": [{"id": 2, "available": False}]})

    assert (found[1].parent, found[1].depth) == (None, 0)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"name": None}, "/categoryValues/0/name"),
        ({"id": 1, "available": None}, "/categoryValues/0/available"),
        ({"id": 1, "parent": 2}, "/categoryValues/0/parent"),
        ({"id": 1, "values": [{"id": 2, "parent": 3}]}, "/categoryValues/0/values/0/parent"),
        ({"id": 1, "values": [{"id": 2, "parent": None}]}, "/categoryValues/0/values/0/parent"),
        ({"id": 1, "remappedTo": 2}, "/categoryValues/0/remappedTo"),
        ({"id": 1, "available": False, "remappedTo": 1}, "/categoryValues/0/remappedTo"),
        ({"name": "A", "available": False}, "/categoryValues/0/available"),
        ({"id": 1, "available": False, "values": [{"id": 2}]}, "/categoryValues/0/values/0"),
    ],
)
def test_members_that_contradict_each_other_or_the_nesting_are_refused(given: object, pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        nodes(given)

    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_a_parent_member_may_repeat_the_nesting() -> None:
    assert len(nodes({"id": 1, "parent": None, "values": [{"id": 2, "parent": 1}, {"id": 3, "parent": 1}]})) == 3


def test_all_contradictions_are_named_at_once() -> None:
    with pytest.raises(InvalidRequest, match="and 1 more") as refused:
        nodes({"name": None}, {"id": 1, "parent": 2})

    assert len(refused.value.errors) == 2


@pytest.mark.parametrize("member", ["id", "externalId"])
def test_two_nodes_that_name_one_object_are_refused(member: str) -> None:
    twin = {member: 7 if member == "id" else "x7"}

    with pytest.raises(UploadMappingAmbiguous) as refused:
        nodes(twin, {"name": "A", "values": [twin]})

    assert [error.pointer for error in refused.value.errors] == [
        f"/categoryValues/0/{member}",
        f"/categoryValues/1/values/0/{member}",
    ]


def test_a_tree_deeper_than_allowed_is_refused() -> None:
    tree: dict[str, object] = {"name": "C"}
    tree = {"name": "A", "values": [{"name": "B", "values": [tree]}]}

    assert len(nodes(tree, max_depth=3)) == 3
    with pytest.raises(LimitExceeded):
        nodes(tree, max_depth=2)


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ({"id": 1, "code": "C", "externalId": "x", "name": "N"}, "C"),
        ({"id": 1, "externalId": "x", "name": "N"}, "x"),
        ({"id": 1, "name": "N"}, "1"),
        ({"name": "N"}, "N"),
        ({}, "/categoryValues/0"),
    ],
)
def test_a_node_is_known_by_code_external_id_id_or_name(given: object, label: str) -> None:
    assert nodes(given)[0].label == label
