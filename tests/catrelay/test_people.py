"""Users and candidates as JSON: what is taken as it came, and what is refused at which place."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catrelay.models import CandidateWrite, CategoryActual, UserWrite
from catrelay.models.freeform import MAX_FREEFORM_DEPTH
from catrelay.parsing import parse_body
from catrelay.problems import InvalidRequest
from tests.people import candidates, users
from tests.strategies import ids

bare_orgs = st.lists(ids, max_size=3)
orgs_with_category = st.fixed_dictionaries({"category": ids, "values": bare_orgs})
categories = st.lists(orgs_with_category, max_size=3)


def faults(body: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        parse_body(body if isinstance(body, bytes) else orjson.dumps(body), UserWrite)
    return {error.pointer: error.detail for error in caught.value.errors}


def card(*properties: object) -> dict[str, Any]:
    return {"person": {"vcard": ["vcard", list(properties)]}}


@given(users(bare_orgs | orgs_with_category))
def test_a_user_is_read_as_it_was_written(user: dict[str, Any]) -> None:
    assert parse_body(orjson.dumps(user), UserWrite).to_document() == user


@given(candidates(categories))
def test_a_candidate_is_read_as_it_was_written(candidate: dict[str, Any]) -> None:
    assert parse_body(orjson.dumps(candidate), CandidateWrite).to_document() == candidate


def test_orgs_are_bare_or_with_their_category() -> None:
    assert parse_body(b'{"orgs": [7, 8]}', UserWrite).orgs == (7, 8)
    assert parse_body(b'{"orgs": {"category": 2, "values": [7]}}', UserWrite).orgs == CategoryActual(
        category=2, values=(7,)
    )
    assert UserWrite(orgs=(7, 8)).to_document() == {"orgs": [7, 8]}


@pytest.mark.parametrize(
    ("orgs", "pointers"),
    [
        (7, {"/orgs"}),
        (["7"], {"/orgs/0"}),
        ([7, 0], {"/orgs/1"}),
        ({"values": [7]}, {"/orgs/category"}),
        ({"category": 2, "values": [7, 1.5], "name": "x"}, {"/orgs/values/1", "/orgs/name"}),
    ],
)
def test_orgs_of_another_shape_are_refused_by_pointer(orgs: object, pointers: set[str]) -> None:
    assert faults({"orgs": orgs}).keys() == pointers


def test_null_clears_a_member_of_a_detail_at_any_depth_but_not_in_an_array() -> None:
    cleared = parse_body(b'{"manager": {"a": null, "b": {"c": null}}, "recruiter": null}', UserWrite)

    assert cleared.to_document() == {"manager": {"b": {}}}
    assert faults({"manager": {"a": [1, {"b": None}], "c": [None]}}) == {
        "/manager/a/1/b": "cannot be null",
        "/manager/c/0": "cannot be null",
    }


@pytest.mark.parametrize(
    ("member", "fault"),
    [
        (b'"a\\u0000"', "contains the character U+0000, which cannot be stored"),
        (b"NaN", "should be a finite number"),
        (b"-1e999", "should be a finite number"),
        (b"9007199254740993", "should be an integer of at most 53 bits, or a fraction"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_a_detail(member: bytes, fault: str) -> None:
    assert faults(b'{"recruiter": {"a": [%b]}}' % member) == {"/recruiter/a/0": fault}


def test_the_name_of_a_member_is_text_too() -> None:
    assert faults({"manager": {"a\x00": 1}}).keys() == {"/manager/a\x00"}


def test_details_are_nested_so_deep_and_no_deeper() -> None:
    def nested(levels: int) -> dict[str, Any]:
        return {"a": nested(levels - 1)} if levels > 1 else {}

    parse_body(orjson.dumps({"manager": nested(MAX_FREEFORM_DEPTH)}), UserWrite)

    refused = faults({"manager": nested(MAX_FREEFORM_DEPTH + 1)})
    assert refused == {"/manager" + "/a" * MAX_FREEFORM_DEPTH: "is nested more than 32 levels deep"}


NAME = "should be the name of a property"
TYPE = "should be the type of its values"
VALUE = "should be a text, a number, true, false, or an array of these or of arrays of these"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (card("fn"), {"/1/0": "should be an array of a name, parameters, a type and at least one value"}),
        (
            card(["version", {}, "text", "4.0"], ["fn", {}, "text"]),
            {"/1/1": "should be an array of a name, parameters, a type and at least one value"},
        ),
        (card([5, {}, "text", "x"]), {"/1/0/0": NAME}),
        (card(["", {}, "", "x"]), {"/1/0/0": NAME, "/1/0/2": TYPE}),
        (card(["fn", None, "text", "x"]), {"/1/0/1": "should be an object of parameters"}),
        (card(["tel", {"type": ["a", 1]}, "uri", "x"]), {"/1/0/1/type": "should be a text or an array of texts"}),
        (
            card(["fn", {"x\x00": "y"}, "text", "x"]),
            {"/1/0/1/x\x00": "contains the character U+0000, which cannot be stored"},
        ),
        (card(["fn", {}, "text", None]), {"/1/0/3": VALUE}),
        (card(["n", {}, "text", "x", ["a", {"b": 1}]]), {"/1/0/4": VALUE}),
        (card(["n", {}, "text", [["a", ["b"]]]]), {"/1/0/3": VALUE}),
        (
            card(["n", {}, "text", ["a", ["b\x00"]]]),
            {"/1/0/3/1/0": "contains the character U+0000, which cannot be stored"},
        ),
        ({"person": {"vcard": ["vcard"]}}, {"": 'should be an array of "vcard" and an array of properties'}),
        ({"person": {"vcard": ["vcard", {}]}}, {"": 'should be an array of "vcard" and an array of properties'}),
        ({"person": {"vcard": ["vcalendar", []]}}, {"/0": 'should be "vcard"'}),
    ],
)
def test_what_is_no_jcard_is_refused_at_its_place(body: object, expected: dict[str, str]) -> None:
    assert faults(body) == {f"/person/vcard{place}": fault for place, fault in expected.items()}


@pytest.mark.parametrize(
    "image", ["", "face.png", "//example.com/face.png", "https://example.com/a b", "https://x/%zz", "1:x"]
)
def test_an_image_is_a_uri(image: str) -> None:
    assert faults({"person": {"image": image}}) == {
        "/person/image": "is not a URI, such as https://example.com/face.png"
    }


def test_a_login_has_both_of_its_members() -> None:
    assert faults({"login": {"entityID": "x"}}).keys() == {"/login/nameID"}
    assert faults({"login": {"entityId": "x", "nameID": "y"}}).keys() == {"/login/entityID", "/login/entityId"}
