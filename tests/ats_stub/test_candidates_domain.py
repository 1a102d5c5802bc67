"""What a write to a candidate means: the merge, and the rules of categories that are about candidates."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.candidates import Candidate, check_complete, patched
from ats_stub.domain.items import MAX_ITEM_DEPTH
from ats_stub.domain.references import Catalogue
from ats_stub.domain.values import Value
from catrelay.models import CandidateRead, Category, Rules
from catrelay.problems import CategoryRuleBroken, InvalidRequest, LimitExceeded, UnknownCategory, UnknownValue
from tests.people import candidates

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ORGS = 1
FIELDS = 2


class Forest:
    """Values 10 > 11 and 13 in the category FIELDS; 20 in the org tree."""

    _values = (
        Value(10, FIELDS, "IT"),
        Value(11, FIELDS, "Cloud", parent=10),
        Value(13, FIELDS, "Law"),
        Value(20, ORGS, "North"),
    )

    def value(self, value_id: int) -> Value | None:
        return next((value for value in self._values if value.id == value_id), None)

    def children(self, value_id: int) -> Sequence[int]:
        return [value.id for value in self._values if value.parent == value_id]


def catalogue(**rules: bool) -> Catalogue:
    """FIELDS with the rules given for candidates; for jobs it would take nothing."""
    free = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False)
    strict = Rules(mandatory=True, can_multi_select=False, leaf_selection_only=True)
    fields = Category(id=FIELDS, name="Fields", job_rules=strict, candidate_rules=free.model_copy(update=rules))
    return Catalogue({FIELDS: fields}, ORGS, Forest(), "candidate_rules")


def candidate(**members: Any) -> Candidate:
    """A candidate made of *members*, none of which carries files."""
    return stored(patched(None, members, catalogue()).to_document())


def stored(document: dict[str, Any]) -> Candidate:
    return Candidate(CandidateRead.model_validate_json(orjson.dumps({"id": 7} | document)), NOW)


def fields(*values: int) -> dict[str, Any]:
    return {"categories": [{"category": FIELDS, "values": list(values)}]}


some_fields = st.lists(st.sampled_from([10, 11, 13]), max_size=4)
some_categories = some_fields.map(lambda values: [{"category": FIELDS, "values": values}])


@given(candidates(some_categories))
def test_a_candidate_is_as_it_was_sent_but_for_values_in_order_and_once(sent: dict[str, Any]) -> None:
    found = patched(None, sent, catalogue()).to_document()

    values = {value for entry in sent.get("categories", []) for value in entry["values"]}
    expected = sent | fields(*sorted(values))
    assert found == {name: member for name, member in expected.items() if name != "categories" or values}


@given(candidates(some_categories), candidates(some_categories))
def test_a_patch_repeated_changes_nothing_more(sent: dict[str, Any], patch: dict[str, Any]) -> None:
    once = patched(candidate(**sent), patch, catalogue())

    assert patched(stored(once.to_document()), patch, catalogue()) == once


def test_members_stay_change_or_go() -> None:
    before = candidate(
        notifications=True, internalFlag=False, person={"givenName": "Ann", "email": "a@x"}, **fields(11)
    )

    after = patched(before, {"notifications": None, "person": {"email": None}, **fields(13, 10)}, catalogue())

    assert after.to_document() == {"internalFlag": False, "person": {"givenName": "Ann"}, **fields(10, 13)}


@pytest.mark.parametrize(
    "patch",
    [{"id": 7}, {"resumeMeta": {}}, {"resume": {"fileName": "cv.txt"}}, {"orgs": [20]}, {"items": [{"type": "x"}]}],
)
def test_what_a_candidate_cannot_be_is_refused(patch: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        patched(candidate(), patch, catalogue())


def test_items_have_bounds() -> None:
    item: dict[str, Any] = {"type": "string", "name": "x", "value": "y"}
    for _ in range(MAX_ITEM_DEPTH):
        item = {"type": "table", "name": "x", "value": [[item]]}

    with pytest.raises(LimitExceeded):
        patched(candidate(), {"items": [item]}, catalogue())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (fields(99), UnknownValue),
        (fields(20), UnknownValue),
        ({"categories": [{"category": ORGS, "values": [20]}]}, UnknownCategory),
    ],
)
def test_a_reference_that_does_not_hold_is_refused(body: dict[str, Any], problem: type[Exception]) -> None:
    with pytest.raises(problem):
        patched(candidate(), body, catalogue())


@pytest.mark.parametrize(
    ("body", "rules", "rule"),
    [
        (fields(11, 13), {"can_multi_select": False}, "canMultiSelect"),
        (fields(10), {"leaf_selection_only": True}, "leafSelectionOnly"),
        (fields(), {"mandatory": True}, "mandatory"),
        ({}, {"mandatory": True}, "mandatory"),
    ],
)
def test_the_rules_for_candidates_hold_and_not_those_for_jobs(
    body: dict[str, Any], rules: dict[str, bool], rule: str
) -> None:
    with pytest.raises(CategoryRuleBroken) as caught:
        check_complete(stored(patched(None, body, catalogue(**rules)).to_document()), catalogue(**rules))

    assert caught.value.members["rule"] == rule
    check_complete(candidate(**body), catalogue())


def test_the_files_of_a_candidate_are_its_resume_and_those_in_its_items() -> None:
    def file(name: str) -> dict[str, Any]:
        return {"fileName": name, "size": 1, "mediaType": "text/plain", "preSignedUri": f"/files/{name}"}

    item = {"type": "file", "name": "x", "value": file("a.txt")}
    table = {"type": "table", "name": "y", "value": [[{"type": "file", "name": "z", "value": file("b.txt")}]]}
    found = stored({"resumeMeta": file("cv.txt"), "items": [{"item": item}, {"item": table}]})

    answered = found.as_answered(
        lambda each: each.model_copy(update={"pre_signed_uri": f"https://x{each.pre_signed_uri}"})
    )

    assert sorted(each.file_name for each in found.files()) == ["a.txt", "b.txt", "cv.txt"]
    assert sorted(each.pre_signed_uri for each in Candidate(answered, NOW).files()) == [
        "https://x/files/a.txt",
        "https://x/files/b.txt",
        "https://x/files/cv.txt",
    ]
