import hashlib
import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catrelay.digest import canonical_number, digest
from catrelay.models import CategoryValue, CategoryValues, ValuesDigest
from catrelay.trees import flattened, nested
from tests.strategies import nodes

Document = dict[str, Any]
DOCS = Path(__file__).parents[2] / "docs"

TREE = [
    {
        "id": 10,
        "available": True,
        "name": "Nice",
        "sequence": 1,
        "values": [{"id": 12, "available": True, "name": "Ärzte", "parent": 10, "sequence": 0.5, "externalId": "a/1"}],
    },
    {
        "id": 9,
        "available": True,
        "name": 'Quote" and \\ and \t',
        "code": "",
        "location": {"lat": 51.0, "lng": -1e-05, "country": "GB"},
    },
]
# Each as the contract says it: RFC 8785, by hand.
LINES = {
    12: '{"externalId":"a/1","id":12,"name":"Ärzte","parent":10,"sequence":0.5}\n',
    10: '{"id":10,"name":"Nice","sequence":1}\n',
    9: '{"code":"","id":9,"location":{"country":"GB","lat":51,"lng":-0.00001},"name":"Quote\\" and \\\\ and \\t"}\n',
}


@st.composite
def trees(draw: st.DrawFn) -> list[Document]:
    """The documents of a tree's values, in any order."""
    drawn = draw(st.lists(nodes, max_size=12, unique_by=lambda node: node.id))
    documents: list[Document] = []
    for node in drawn:
        parent = draw(st.none() | st.sampled_from([each["id"] for each in documents])) if documents else None
        state = node.model_copy(update={"available": True, "remapped_to": None, "parent": parent})
        documents.append(state.to_document())
    return draw(st.permutations(documents))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def as_answered(tree: list[Document]) -> list[Document]:
    """The values of a tree answer, as a client of the contract reads it."""
    read = CategoryValues.model_validate_json(orjson.dumps(tree)).root
    return [value.to_document() for value in flattened(read)]


def way_up(documents: list[Document], value: int) -> list[int]:
    parents = {document["id"]: document.get("parent") for document in documents}
    way = [value]
    while (parent := parents[way[-1]]) is not None:
        way.append(parent)
    return way


def branch_of(documents: list[Document], value: int) -> int:
    return way_up(documents, value)[-1]


def hashes(found: ValuesDigest) -> dict[int, tuple[int, str]]:
    return {branch.id: (branch.count, branch.hash) for branch in found.branches}


def test_a_digest_is_made_as_the_contract_says() -> None:
    found = digest(as_answered(TREE), seq=57)

    nine, ten = sha256(LINES[9]), sha256(LINES[10] + LINES[12])
    branches = f'{{"count":1,"hash":"{nine}","id":9}}\n{{"count":2,"hash":"{ten}","id":10}}\n'
    assert found.to_document() == {
        "seq": 57,
        "count": 3,
        "hash": sha256(branches),
        "branches": [{"id": 9, "count": 1, "hash": nine}, {"id": 10, "count": 2, "hash": ten}],
    }


def test_the_example_of_the_contract_is_right() -> None:
    section = (DOCS / "contract" / "data-migration.md").read_text().partition("### The digest")[2]
    shown, lines = re.findall(r"^```(?:json)?\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[:2]

    found = digest([orjson.loads(line) for line in lines.splitlines()], seq=57)

    assert found.to_document() == orjson.loads(shown)


def test_no_value_at_all_has_the_hash_of_nothing() -> None:
    assert digest([], seq=0) == ValuesDigest(seq=0, count=0, hash=sha256(""), branches=())


@given(trees(), st.randoms())
def test_equal_trees_have_equal_digests(documents: list[Document], random: Any) -> None:
    shuffled = random.sample(documents, len(documents))
    answer = nested([dict(each) for each in documents])

    assert digest(shuffled, seq=1) == digest(documents, seq=1)
    assert digest(as_answered(answer), seq=1) == digest(documents, seq=1)
    assert digest(json.loads(json.dumps(documents)), seq=1) == digest(documents, seq=1)


@given(trees().filter(bool), nodes, st.data())
def test_any_change_of_any_member_changes_its_branch_and_no_other(
    documents: list[Document], other: CategoryValue, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(documents) - 1))
    member = data.draw(st.sampled_from(["name", "code", "externalId", "sequence", "location"]))
    changed = dict(documents[index])
    new = other.to_document().get(member)
    if new == changed.get(member):
        return
    changed |= {member: new}

    before = digest(documents, seq=1)
    after = digest([*documents[:index], changed, *documents[index + 1 :]], seq=1)

    differing = {value for value, what in hashes(after).items() if hashes(before)[value] != what}
    assert differing == {branch_of(documents, changed["id"])}
    assert after.hash != before.hash
    assert after.count == before.count


@given(trees().filter(lambda documents: len(documents) > 1), st.data())
def test_a_value_that_moves_changes_the_branch_it_leaves_and_the_one_it_comes_to(
    documents: list[Document], data: st.DataObject
) -> None:
    moving = data.draw(st.sampled_from([document["id"] for document in documents]))
    parents = [document["id"] for document in documents if moving not in way_up(documents, document["id"])]
    parent = data.draw(st.none() | st.sampled_from(parents)) if parents else None
    moved = [each | {"parent": parent} if each["id"] == moving else each for each in documents]
    touched = {branch_of(documents, moving), branch_of(moved, moving)}

    before, after = hashes(digest(documents, seq=1)), hashes(digest(moved, seq=1))

    is_same = next(each for each in documents if each["id"] == moving).get("parent") == parent
    assert {value for value in before.keys() | after.keys() if before.get(value) != after.get(value)} == (
        set() if is_same else touched
    )


def test_members_that_are_no_part_of_it_change_nothing() -> None:
    value = {"id": 1, "name": "IT"}

    assert digest([value | {"available": True, "values": [], "newer": 1, "code": None}], seq=1) == digest(
        [value], seq=1
    )


def test_a_replica_with_a_loop_has_a_digest_too() -> None:
    loop = [
        {"id": 3, "name": "C", "parent": 2},
        {"id": 2, "name": "B", "parent": 3},
        {"id": 1, "name": "A", "parent": 3},
    ]

    assert hashes(digest(loop, seq=1)).keys() == {2}
    assert digest(loop[::-1], seq=1) == digest(loop, seq=1)


# Of RFC 8785, appendix B, and the borders between its ways of writing.
@pytest.mark.parametrize(
    ("number", "written"),
    [
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-1.7976931348623157e308, "-1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (999999999999999700000.0, "999999999999999700000"),
        (1e21, "1e+21"),
        (9.999999999999997e-7, "9.999999999999997e-7"),
        (0.000001, "0.000001"),
        (333333333.33333325, "333333333.33333325"),
        (-0.0000033333333333333333, "-0.0000033333333333333333"),
        (1424953923781206.2, "1424953923781206.2"),
        (1.0, "1"),
        (0.5, "0.5"),
    ],
)
def test_numbers_are_written_as_ecmascript_does(number: float, written: str) -> None:
    assert canonical_number(number) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_can_be_read_back(number: float) -> None:
    assert float(canonical_number(number)) == number
