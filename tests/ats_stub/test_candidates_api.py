"""Candidates over HTTP, on both databases: the list, single ones, writing them, and merges."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catrelay.tokens import Scope
from tests.ats_stub.planting import Tree, holding, ids, plant
from tests.people import candidates, carried
from tests.running import Running

ANN: dict[str, Any] = {
    "notifications": True,
    "internalFlag": False,
    "person": {"givenName": "Ann", "familyName": "Lee", "email": "ann@example.com"},
}


@pytest.fixture
def tree(ats: Running) -> Tree:
    return plant(ats)


def upload(text: str, name: str = "cv.txt") -> dict[str, str]:
    return {"data": base64.b64encode(text.encode()).decode(), "fileName": name, "via": "device"}


def content(ats: Running, file: dict[str, Any]) -> tuple[int, str]:
    address = urlsplit(file["preSignedUri"])
    below_tenant = address.path.removeprefix(f"/t/{ats.tenant}")
    response = ats.with_token("").call("GET", f"{below_tenant}?{address.query}")
    return response.status_code, response.text


def as_written(document: Any) -> Any:
    """*document* with its files known by name and origin, resumeMeta as resume, and items out of their packages."""
    if isinstance(document, list):
        return [as_written(each["item"] if isinstance(each, dict) and "item" in each else each) for each in document]
    if not isinstance(document, dict):
        return document
    if "fileName" in document:
        return {"fileName": document["fileName"], "via": document["via"]}
    renamed = {"resume" if name == "resumeMeta" else name: member for name, member in document.items()}
    return {name: as_written(member) for name, member in renamed.items() if name != "items" or member}


def pointers(response: Any) -> set[str]:
    return {error["pointer"] for error in response.json()["errors"]}


def test_a_candidate_is_made_and_read(ats: Running, tree: Tree) -> None:
    response = ats.call("POST", "/candidates", ANN | holding(tree.category, tree.cloud, tree.data, tree.cloud))

    candidate = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/t/acme/candidates/byID/{candidate['id']}"
    assert candidate == {"id": candidate["id"]} | ANN | holding(tree.category, tree.data, tree.cloud)
    assert ats.get(f"/candidates/byID/{candidate['id']}") == candidate
    assert ats.get("/candidates") == {"results": [candidate]}


def test_whatever_is_written_is_read_back(ats: Running, tree: Tree) -> None:
    some = st.lists(st.sampled_from([tree.it, tree.data, tree.cloud]), max_size=3)
    categories = st.lists(st.fixed_dictionaries({"category": st.just(tree.category), "values": some}), max_size=2)

    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
    @given(candidates(categories), carried, candidates(categories), carried)
    def holds(sent: dict[str, Any], more: dict[str, Any], patch: dict[str, Any], change: dict[str, Any]) -> None:
        candidate = ats.post("/candidates", sent | more)
        patched = ats.call("PATCH", f"/candidates/byID/{candidate['id']}", patch | change).json()

        assert as_written(candidate) == {"id": candidate["id"]} | in_order(sent) | as_written(more)
        assert ats.get(f"/candidates/byID/{candidate['id']}") == patched
        unmerged = in_order(patch) | as_written(change)
        unmerged.pop("person", None)
        assert {name: as_written(patched)[name] for name in unmerged} == unmerged

    def in_order(sent: dict[str, Any]) -> dict[str, Any]:
        values = sorted({value for entry in sent.get("categories", []) for value in entry["values"]})
        normal = sent | holding(tree.category, *values)
        return {name: member for name, member in normal.items() if name != "categories" or values}

    holds()


def test_a_patch_changes_what_it_names_and_null_clears(ats: Running, tree: Tree) -> None:
    candidate = ats.post("/candidates", ANN | holding(tree.category, tree.data))
    path = f"/candidates/byID/{candidate['id']}"

    patch = {"notifications": None, "person": {"email": None}} | holding(tree.other_category, tree.other)
    patched = ats.call("PATCH", path, patch).json()

    assert patched == ats.get(path)
    assert patched == {
        "id": candidate["id"],
        "internalFlag": False,
        "person": {"givenName": "Ann", "familyName": "Lee"},
    } | holding(tree.other_category, tree.other)
    cleared = ats.call("PATCH", path, {"internalFlag": None, "person": None, "categories": None}).json()
    assert cleared == {"id": candidate["id"]}


def test_a_resume_is_kept_replaced_and_cleared(ats: Running) -> None:
    candidate = ats.post("/candidates", ANN | {"resume": upload("First")})
    path = f"/candidates/byID/{candidate['id']}"
    first = candidate["resumeMeta"]

    assert (first["fileName"], first["size"], first["mediaType"]) == ("cv.txt", 5, "text/plain")
    assert content(ats, first) == (200, "First")
    assert ats.call("PATCH", path, {"notifications": False}).json()["resumeMeta"] == first
    assert ats.call("PATCH", path, {"resume": upload("First")}).json()["resumeMeta"] == first
    second = ats.call("PATCH", path, {"resume": upload("Second")}).json()["resumeMeta"]
    assert content(ats, second) == (200, "Second")
    assert content(ats, first)[0] == 404
    assert "resumeMeta" not in ats.call("PATCH", path, {"resume": None}).json()
    assert content(ats, second)[0] == 404


def test_items_are_written_answered_in_packages_and_may_be_sent_back(ats: Running) -> None:
    items = [
        {"type": "boolean", "name": "Relocates", "value": True},
        {"type": "file", "name": "Letter", "value": upload("Dear", "letter.txt")},
    ]
    candidate = ats.post("/candidates", {"items": items, "resume": upload("CV")})
    path = f"/candidates/byID/{candidate['id']}"

    relocates, letter = (package["item"] for package in candidate["items"])
    assert relocates == items[0]
    assert content(ats, letter["value"]) == (200, "Dear")
    assert ats.call("PATCH", path, {"items": candidate["items"]}).json() == candidate
    assert ats.call("PATCH", path, {"items": candidate["items"][1:]}).json()["items"] == candidate["items"][1:]
    without = ats.call("PATCH", path, {"items": None}).json()
    assert "items" not in without
    assert content(ats, letter["value"])[0] == 404
    assert content(ats, without["resumeMeta"]) == (200, "CV")


def test_a_file_of_another_candidate_cannot_be_taken(ats: Running) -> None:
    item = {"type": "file", "name": "Letter", "value": upload("Dear", "letter.txt")}
    candidate = ats.post("/candidates", {"items": [item]})

    assert ats.refused("POST", "/candidates", {"items": candidate["items"]}) == (400, "unknown-file")
    assert ids(ats.get("/candidates")) == [candidate["id"]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"id": 5, "resumeMeta": {}, "nickname": None}, {"/id", "/resumeMeta", "/nickname"}),
        ({"notifications": "yes", "internalFlag": 1}, {"/notifications", "/internalFlag"}),
        ({"person": {"phone": "1"}}, {"/person/phone"}),
        ({"resume": {"fileName": "cv.txt"}}, {"/resume/data", "/resume/via"}),
        ({"resume": upload("x") | {"data": "%"}}, {"/resume/data"}),
        ({"categories": [{"category": 1}]}, {"/categories/0/values"}),
        ({"items": [{"type": "boolean", "name": "x", "value": 1}]}, {"/items/0/value"}),
    ],
)
def test_a_wrong_member_is_refused_by_its_pointer(ats: Running, body: object, expected: set[str]) -> None:
    candidate = ats.post("/candidates", ANN)

    for method, path in (("POST", "/candidates"), ("PATCH", f"/candidates/byID/{candidate['id']}")):
        response = ats.call(method, path, body)
        assert response.status_code == 400
        assert pointers(response) == expected
    assert ats.get("/candidates")["results"] == [candidate]


def test_a_candidate_obeys_the_rules_for_candidates(ats: Running, tree: Tree) -> None:
    path = f"/categories/byID/{tree.category}"
    strict = {"mandatory": True, "canMultiSelect": False, "leafSelectionOnly": True, "message": "One, please"}
    ats.post(path, {"jobRules": strict})
    orgs = ats.get("")["orgsCategory"]

    held = ats.post("/candidates", holding(tree.category, tree.it, tree.data))["id"]
    ats.post("/candidates", {})
    ats.post(path, {"jobRules": {"mandatory": False}, "candidateRules": strict})

    def broken(body: object, method: str = "POST", where: str = "/candidates") -> str:
        problem = ats.call(method, where, body).json()
        assert problem["type"].endswith(":category-rule-broken")
        assert problem["category"] == tree.category
        assert "One, please" in problem["detail"]
        rule: str = problem["rule"]
        return rule

    assert broken({}) == "mandatory"
    assert broken(holding(tree.category, tree.data, tree.cloud)) == "canMultiSelect"
    assert broken(holding(tree.category, tree.platforms)) == "leafSelectionOnly"
    assert broken({"categories": None}, "PATCH", f"/candidates/byID/{held}") == "mandatory"
    assert ats.call("PATCH", f"/candidates/byID/{held}", {"notifications": True}).status_code == 200
    assert ats.refused("POST", "/candidates", holding(orgs)) == (400, "unknown-category")
    assert ats.refused("POST", "/candidates", holding(999)) == (400, "unknown-category")
    assert ats.refused("POST", "/candidates", holding(tree.category, tree.other)) == (400, "unknown-value")
    assert ats.refused("POST", "/candidates", holding(tree.category, *[tree.data] * 1_001)) == (400, "limit-exceeded")


def test_a_remap_moves_candidates(ats: Running, tree: Tree) -> None:
    one = ats.post("/candidates", holding(tree.category, tree.data))
    both = ats.post("/candidates", holding(tree.category, tree.data, tree.cloud))

    ats.post(tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud})

    for before in (one, both):
        assert ats.get(f"/candidates/byID/{before['id']}") == {"id": before["id"]} | holding(tree.category, tree.cloud)


def test_the_list_is_filtered_and_paged(ats: Running, tree: Tree) -> None:
    made = [
        ats.post("/candidates", ANN | holding(tree.category, value))["id"] for value in (tree.it, tree.data, tree.cloud)
    ]
    other = ats.post("/candidates", {"person": {"givenName": "Bob"}} | holding(tree.other_category, tree.other))["id"]

    def wanted(*values: int) -> str:
        return json.dumps([{"category": tree.category, "values": list(values)}])

    assert ids(ats.get("/candidates", keywords="bob")) == [other]
    assert ids(ats.get("/candidates", keywords="ann lee", categories=wanted(tree.it))) == made
    assert ids(ats.get("/candidates", categories=wanted(tree.platforms, tree.data))) == made[1:]
    found: list[int] = []
    page = ats.get("/candidates", limit=2, keywords="ann", categories=wanted(tree.it))
    while True:
        found += ids(page)
        if "next" not in page:
            break
        path, _, query = page["next"].removeprefix("/t/acme").partition("?")
        page = ats.call("GET", f"{path}?{query}").json()
    assert found == made
    down = ats.get("/candidates", limit=3, ltID=other)
    assert ids(down) == made[::-1]
    assert "next" not in down
    assert "ltID" in ats.get("/candidates", limit=2, ltID=other)["next"]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"limit": 101}, "limit-exceeded"),
        ({"categories": "x"}, "invalid-request"),
        ({"categories": json.dumps([{"category": 1, "values": []}] * 21)}, "limit-exceeded"),
        ({"gtDateLastUpdated": "2026-01-01T00:00:00Z"}, "invalid-request"),
    ],
)
def test_a_wrong_filter_is_refused(ats: Running, query: dict[str, Any], kind: str) -> None:
    assert ats.refused("GET", "/candidates", query=query) == (400, kind)


def test_a_choice_is_merged_with_what_the_candidate_references(ats: Running, tree: Tree) -> None:
    candidate = ats.post("/candidates", holding(tree.category, tree.data))
    path = f"/candidates/byID/{candidate['id']}/categories/merges"

    def merged(*entries: dict[str, Any]) -> Any:
        return ats.post(path, [entry for each in entries for entry in each["categories"]])

    assert merged() == candidate["categories"]
    # Cloud is all there is below Platforms, and with Data Science that is all there is below IT.
    assert merged(holding(tree.category, tree.cloud)) == holding(tree.category, tree.it)["categories"]
    assert merged(holding(tree.other_category, tree.other)) == [
        *candidate["categories"],
        *holding(tree.other_category, tree.other)["categories"],
    ]
    ats.post(tree.values, {"name": "Security", "parent": tree.platforms})
    assert merged(holding(tree.category, tree.cloud)) == holding(tree.category, tree.data, tree.cloud)["categories"]
    assert merged(holding(tree.category, tree.cloud, tree.platforms)) == holding(tree.category, tree.it)["categories"]
    assert ats.get(f"/candidates/byID/{candidate['id']}") == candidate
    assert ats.post(f"/candidates/byID/{ats.post('/candidates', {})['id']}/categories/merges", []) == []


def test_children_that_are_not_available_are_not_waited_for(ats: Running, tree: Tree) -> None:
    candidate = ats.post("/candidates", holding(tree.category, tree.cloud))["id"]
    ats.post(tree.values, {"id": tree.data, "available": False})

    merged = ats.post(f"/candidates/byID/{candidate}/categories/merges", [])

    assert merged == holding(tree.category, tree.it)["categories"]


def test_a_choice_of_what_is_not_there_is_refused(ats: Running, tree: Tree) -> None:
    path = f"/candidates/byID/{ats.post('/candidates', {})['id']}/categories/merges"
    orgs = ats.get("")["orgsCategory"]
    ats.post(tree.values, {"id": tree.data, "available": False})

    def refused(*values: int, category: int = tree.category) -> tuple[int, str]:
        return ats.refused("POST", path, holding(category, *values)["categories"])

    assert refused(999) == (400, "unknown-value")
    assert refused(tree.data) == (400, "unavailable-value")
    assert refused(category=orgs) == (400, "unknown-category")
    assert refused(*[tree.it] * 1_001) == (400, "limit-exceeded")
    assert ats.refused("POST", path, {"category": 1}) == (400, "invalid-request")


def test_what_is_wrong_with_a_choice_is_named_by_its_place_in_the_body(ats: Running, tree: Tree) -> None:
    path = f"/candidates/byID/{ats.post('/candidates', {})['id']}/categories/merges"

    def pointers(choice: list[dict[str, Any]]) -> list[str]:
        return [error["pointer"] for error in ats.call("POST", path, choice).json()["errors"]]

    assert pointers([{"category": tree.category, "values": [tree.it, 999]}]) == ["/0/values/1"]
    assert pointers([{"category": 999, "values": []}]) == ["/0/category"]


def test_a_candidate_that_is_not_there_has_no_merges(ats: Running) -> None:
    assert ats.refused("POST", "/candidates/byID/999/categories/merges", []) == (404, "not-found")


def test_a_stale_state_is_not_overwritten_and_a_repeat_makes_nothing_new(ats: Running) -> None:
    first, again = (ats.call("POST", "/candidates", ANN, headers={"idempotency-key": "k"}) for _ in range(2))
    path = f"/candidates/byID/{first.json()['id']}"
    stale = {"if-match": first.headers["etag"]}

    assert (again.status_code, again.json()) == (201, first.json())
    assert ids(ats.get("/candidates")) == [first.json()["id"]]
    assert ats.call("PATCH", path, {"notifications": False}, headers=stale).status_code == 200
    assert ats.refused("PATCH", path, {"notifications": None}, headers=stale) == (412, "precondition-failed")


def test_a_tenant_sees_nothing_of_another(
    ats: Running, tree: Tree, new_token: Callable[[str, str, Scope], str]
) -> None:
    candidate = ats.post("/candidates", ANN | holding(tree.category, tree.data))
    other = ats.with_token(new_token("globex", "tests", "write"), tenant="globex")

    path = f"/candidates/byID/{candidate['id']}"
    assert other.get("/candidates") == {"results": []}
    assert other.refused("GET", path) == (404, "not-found")
    assert other.refused("PATCH", path, {}) == (404, "not-found")
    assert other.refused("POST", f"{path}/categories/merges", []) == (404, "not-found")
    assert other.refused("POST", "/candidates", holding(tree.category, tree.data)) == (400, "unknown-category")


def test_reading_needs_the_scope_read_and_writing_write(
    ats: Running, new_token: Callable[[str, str, Scope], str]
) -> None:
    candidate = ats.post("/candidates", ANN)["id"]
    reader = ats.with_token(new_token("acme", "reader", "read"))

    assert ids(reader.get("/candidates")) == [candidate]
    assert reader.post(f"/candidates/byID/{candidate}/categories/merges", []) == []
    assert reader.refused("POST", "/candidates", {}) == (403, "forbidden")
    assert reader.refused("PATCH", f"/candidates/byID/{candidate}", {}) == (403, "forbidden")
    assert ats.with_token("").refused("GET", "/candidates") == (401, "unauthorized")
