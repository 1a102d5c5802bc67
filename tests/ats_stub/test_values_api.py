"""Values over HTTP, on both databases."""

from collections.abc import Callable

import pytest

from catrelay.tokens import Scope
from tests.running import Running


@pytest.fixture
def category(ats: Running) -> int:
    """A category without values."""
    made: int = ats.post("/categories", {"name": "Expertise"})["id"]
    return made


@pytest.fixture
def location(ats: Running) -> int:
    """The LOCATION category, without values."""
    made: int = ats.post("/categories", {"name": "Location", "key": "LOCATION"})["id"]
    return made


def add(ats: Running, category: int, name: str, **members: object) -> int:
    made: int = ats.post(f"/categories/byID/{category}/values", {"name": name, **members})["id"]
    return made


def test_names_of_any_script_come_back_exactly_as_sent(ats: Running, category: int) -> None:
    names = ["Tāmaki Makaurau", "الرياض", "🏔️ Team", "Z͑ͫa̴lgo", "é", "é", " spaced ", "<b>&amp;"]

    for name in names:
        add(ats, category, name)

    assert sorted(node["name"] for node in ats.get(f"/categories/byID/{category}/values")) == sorted(names)


def test_siblings_with_a_sequence_come_first_then_names_case_folded_then_ids(ats: Running, category: int) -> None:
    for name, sequence in [("b", None), ("A", None), ("a", None), ("z", 2), ("y", 1.5)]:
        add(ats, category, name, sequence=sequence)

    assert [node["name"] for node in ats.get(f"/categories/byID/{category}/values")] == ["y", "z", "A", "a", "b"]


def test_names_are_ordered_and_answered_as_they_are_whatever_characters_they_have(ats: Running, category: int) -> None:
    names = ["a\nb", 'a","b', "a\\u0001", "a\u0001", "a\u2028ß", "aßA", "a🏔", "Ärzte", "null", "[]"]
    for name in names:
        add(ats, category, name)

    found = [node["name"] for node in ats.get(f"/categories/byID/{category}/values")]

    assert found == sorted(names, key=str.casefold)


def test_sequences_that_differ_in_their_last_digit_are_ordered_by_it(ats: Running, category: int) -> None:
    sequences = [0.30000000000000004, 0.3, 9_007_199_254_740_992, 9_007_199_254_740_991, -1e-300]
    for sequence in sequences:
        add(ats, category, "same", sequence=sequence)

    found = [node["sequence"] for node in ats.get(f"/categories/byID/{category}/values")]

    assert found == sorted(sequences)


def test_a_tree_of_a_thousand_nodes_in_five_levels_comes_back_whole(ats: Running, category: int) -> None:
    path = f"/categories/byID/{category}/values/batch"
    levels: list[list[int]] = [[0]]
    for width in (8, 32, 160, 400, 400):
        parents = levels[-1]
        nodes: list[dict[str, object]] = [
            {"name": f"n{i}"} | ({"parent": parents[i % len(parents)]} if parents[0] else {}) for i in range(width)
        ]
        levels.append(
            [result["value"]["id"] for result in ats.post(path, {"atomic": True, "values": nodes})["results"]]
        )

    def depths(nodes: list[dict[str, object]], depth: int = 1) -> list[int]:
        found = []
        for node in nodes:
            found.append(depth)
            children = node.get("values", [])
            assert isinstance(children, list)
            found += depths(children, depth + 1)
        return found

    found = depths(ats.get(f"/categories/byID/{category}/values"))
    assert [found.count(depth) for depth in range(1, 7)] == [8, 32, 160, 400, 400, 0]


def test_an_inactivated_value_is_readable_by_id_and_external_id_and_not_in_the_tree(
    ats: Running, category: int
) -> None:
    old = add(ats, category, "Data Sciences", externalId="DS/1")
    new = add(ats, category, "IT")
    values = f"/categories/byID/{category}/values"

    answer = ats.post(values, {"id": old, "available": False, "remappedTo": new})

    expected = {"id": old, "name": "Data Sciences", "externalId": "DS/1", "available": False, "remappedTo": new}
    assert answer == expected
    assert ats.get(f"{values}/byID/{old}") == expected
    assert ats.get(f"{values}/byExternalId/DS%2F1") == expected
    assert ats.get(f"{values}/unavailable") == {"results": [expected]}
    assert ats.get(f"{values}/unavailable", limit=1) == {"results": [expected]}
    assert [node["id"] for node in ats.get(values)] == [new]


def test_a_repeated_remap_request_changes_nothing_more(ats: Running, category: int) -> None:
    old, new = add(ats, category, "Data Sciences"), add(ats, category, "IT")
    request = {"id": old, "available": False, "remappedTo": new}
    values = f"/categories/byID/{category}/values"

    first = ats.call("POST", values, request)
    again = ats.call("POST", values, request)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert len(ats.get("/categories/remapped")["results"]) == 1


def test_the_journal_tells_remaps_inactivations_and_restores_of_all_categories_in_order(
    ats: Running, category: int, location: int
) -> None:
    a, b = add(ats, category, "A"), add(ats, category, "B")
    c = add(ats, location, "C")
    ats.post(f"/categories/byID/{category}/values", {"id": a, "available": False, "remappedTo": b})
    ats.post(f"/categories/byID/{location}/values", {"id": c, "available": False})
    ats.post(f"/categories/byID/{category}/values", {"id": a, "available": True})

    page = ats.get("/categories/remapped")
    of_category = ats.get(f"/categories/byID/{category}/values/remapped", seqGt=1)

    told = [(e["seq"], e["category"], e["id"], e["operation"], e.get("remappedTo")) for e in page["results"]]
    assert told == [
        (1, category, a, "remap", b),
        (2, location, c, "inactivate", None),
        (3, category, a, "restore", None),
    ]
    assert (page["firstSeq"], page["lastSeq"]) == (1, 3)
    assert [entry["seq"] for entry in of_category["results"]] == [3]
    assert page["results"][0]["by"] == "tests"


def test_trees_say_as_of_which_entry_they_hold(ats: Running, category: int) -> None:
    value = add(ats, category, "A")
    ats.post(f"/categories/byID/{category}/values", {"id": value, "available": False})

    for path in (f"/categories/byID/{category}/values", "/categories", "/orgs/values"):
        assert ats.call("GET", path).headers["journal-seq"] == "1"


def test_orgs_are_a_category_of_their_own_that_is_not_listed(ats: Running) -> None:
    sales = ats.post("/orgs/values", {"name": "Sales"})
    orgs = ats.get("")["orgsCategory"]

    assert ats.get("/orgs/values") == [sales]
    assert ats.get(f"/categories/byID/{orgs}/values") == [sales]
    assert ats.get("/categories") == []


def test_a_batch_reports_each_node_and_an_atomic_one_is_all_or_nothing(ats: Running, category: int) -> None:
    path = f"/categories/byID/{category}/values/batch"
    nodes = [{"name": "A"}, {"name": ""}, {"name": "B", "parent": 999}, {"name": "C"}]

    mixed = ats.post(path, {"atomic": False, "values": nodes})["results"]
    refused = ats.call("POST", path, {"atomic": True, "values": [{"name": "D"}, {"id": 999, "name": "E"}]})

    assert [result["status"] for result in mixed] == [201, 400, 400, 201]
    assert refused.status_code == 400
    assert refused.json()["index"] == 1
    assert [node["name"] for node in ats.get(f"/categories/byID/{category}/values")] == ["A", "C"]


def test_bad_values_are_refused_by_name_and_change_nothing(ats: Running, category: int, location: int) -> None:
    values = f"/categories/byID/{category}/values"
    root = add(ats, category, "Root", externalId="r")
    child = add(ats, category, "Child", parent=root)
    other = add(ats, category, "Other", externalId="o")
    gone = add(ats, category, "Gone")
    ats.post(values, {"id": gone, "available": False})
    place = add(ats, location, "Place", location={"lat": -36.8, "lng": 174.7})
    before = ats.get(values)

    refusals: list[tuple[object, int, str]] = [
        ({"id": root, "parent": child}, 400, "loop"),
        ({"id": root, "parent": root}, 400, "loop"),
        ({"id": root, "available": False}, 400, "value-has-children"),
        ({"id": child, "available": False, "remappedTo": child}, 400, "remap-to-itself"),
        ({"id": child, "available": False, "remappedTo": gone}, 400, "remap-target-unavailable"),
        ({"id": child, "available": False, "remappedTo": place}, 400, "remap-across-categories"),
        ({"id": child, "available": False, "remappedTo": 999}, 400, "unknown-remap-target"),
        ({"id": child, "remappedTo": other}, 400, "remap-without-inactivation"),
        ({"id": child, "available": False, "parent": other}, 400, "unavailable-with-parent"),
        ({"name": "New", "available": False, "parent": root}, 400, "unavailable-with-parent"),
        ({"name": "New", "parent": gone}, 400, "parent-unavailable"),
        ({"name": "New", "parent": place}, 400, "unknown-parent"),
        ({"name": "New", "remappedTo": root}, 400, "remap-without-inactivation"),
        ({"name": "New", "location": {"lat": 1, "lng": 1}}, 400, "location-not-allowed"),
        ({"id": other, "externalId": "x"}, 400, "external-id-mismatch"),
        ({"id": other, "externalId": None}, 400, "external-id-immutable"),
        ({"id": child, "externalId": "o"}, 400, "external-id-taken"),
        ({"id": other, "name": None}, 400, "null-not-allowed"),
        ({"id": other, "available": None}, 400, "null-not-allowed"),
        ({"name": "  "}, 400, "name-required"),
        ({"name": "\u200b\u2060\ufeff \t"}, 400, "name-required"),
        ({}, 400, "name-required"),
        ({"id": 999, "name": "X"}, 404, "not-found"),
        ({"name": "New", "values": [{"name": "Sub"}]}, 400, "nested-values"),
        ({"name": "New", "colour": "red"}, 400, "invalid-request"),
        ({"name": 7}, 400, "invalid-request"),
        ({"name": "a\x00b"}, 400, "invalid-request"),
    ]
    for body, status, kind in refusals:
        assert ats.refused("POST", values, body) == (status, kind), body
    assert ats.refused("POST", values, content=b'{"name": "x", "parent": 1180591620717411303424}') == (
        400,
        "invalid-request",
    )
    assert ats.refused("POST", values, content=b'{"name": "x"') == (400, "malformed-json")
    assert ats.refused("POST", values, content=b'{"name": "\\ud800"}') == (400, "malformed-json")
    assert ats.refused("POST", values, content=b"[" * 100_000) == (400, "malformed-json")
    assert ats.refused("POST", f"/categories/byID/{location}/values", {"name": "X", "parent": place}) == (
        400,
        "parent-has-location",
    )
    assert ats.refused("POST", f"/categories/byID/{location}/values", {"name": "X", "location": {"lat": 1}}) == (
        400,
        "invalid-location",
    )
    assert ats.get(values) == before
    assert len(ats.get("/categories/remapped")["results"]) == 1


def test_a_tree_deeper_than_the_bound_is_refused(ats: Running, category: int) -> None:
    values = f"/categories/byID/{category}/values"
    parent = add(ats, category, "1")
    for level in range(2, 51):
        parent = add(ats, category, str(level), parent=parent)

    assert ats.refused("POST", values, {"name": "51", "parent": parent}) == (400, "limit-exceeded")


def test_an_oversized_body_is_refused(ats: Running, category: int) -> None:
    body = b'{"name": "' + b"x" * 9_000_000 + b'"}'

    assert ats.refused("POST", f"/categories/byID/{category}/values", content=body) == (413, "payload-too-large")


def test_tokens_open_their_own_tenant_as_far_as_their_scope_reaches(
    ats: Running, category: int, new_token: Callable[[str, str, Scope], str]
) -> None:
    values = f"/categories/byID/{category}/values"
    reader = ats.with_token(new_token("acme", "reader", "read"))
    stranger = new_token("other", "stranger", "admin")

    assert reader.get(values) == []
    assert reader.refused("POST", values, {"name": "X"}) == (403, "forbidden")
    assert ats.with_token(stranger).refused("GET", values) == (403, "forbidden")
    assert ats.with_token(stranger, tenant="nobody").refused("GET", values) == (403, "forbidden")
    assert ats.with_token(stranger, tenant="other").refused("GET", values) == (404, "not-found")
    assert ats.with_token("wrong").refused("GET", values) == (401, "unauthorized")
    assert ats.with_token("").refused("GET", values) == (401, "unauthorized")


def test_unknown_ids_paths_and_methods_are_problems(ats: Running, category: int) -> None:
    assert ats.refused("GET", "/categories/byID/999/values") == (404, "not-found")
    assert ats.refused("GET", "/categories/byID/x/values") == (404, "not-found")
    assert ats.refused("GET", f"/categories/byID/{2**64}/values") == (404, "not-found")
    assert ats.refused("GET", f"/categories/byID/{category}/values/byID/999") == (404, "not-found")
    assert ats.refused("GET", "/nothing") == (404, "not-found")
    assert ats.refused("GET", f"/categories/byID/{category}/values/remapped", query={"seqGt": "x"}) == (
        400,
        "invalid-request",
    )
    assert ats.refused("GET", "/categories/remapped", query={"limit": 5001}) == (400, "limit-exceeded")
    assert ats.refused("GET", "/categories/remapped", query={"since": 1}) == (400, "invalid-request")
    refused = ats.call("DELETE", f"/categories/byID/{category}/values")
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_category_is_renamed_and_deleted_with_an_entry_per_value(ats: Running, category: int) -> None:
    first, second = add(ats, category, "A"), add(ats, category, "B")
    ats.post(f"/categories/byID/{category}", {"name": "Fields", "jobRules": {"mandatory": True}})

    shown = ats.get(f"/categories/byID/{category}")
    gone = ats.call("DELETE", f"/categories/byID/{category}")

    assert (shown["name"], shown["jobRules"]["mandatory"], shown["jobRules"]["canMultiSelect"]) == (
        "Fields",
        True,
        True,
    )
    assert gone.status_code == 204
    assert ats.get("/categories") == []
    assert [(e["id"], e["operation"]) for e in ats.get("/categories/remapped")["results"]] == [
        (first, "inactivate"),
        (second, "inactivate"),
    ]
    assert ats.refused("GET", f"/categories/byID/{category}/values/byID/{first}") == (404, "not-found")


def test_a_write_decided_on_an_older_journal_is_refused(ats: Running, category: int, location: int) -> None:
    values = f"/categories/byID/{category}/values"
    a, b = add(ats, category, "A"), add(ats, category, "B")
    elsewhere = add(ats, location, "C")
    ats.post(f"/categories/byID/{location}/values", {"id": elsewhere, "available": False})
    ats.post(values, {"id": a, "available": False})

    stale = ats.call("POST", values, {"id": b, "name": "X"}, headers={"if-journal-seq": "1"})
    wrong = ats.call("POST", values, {"id": b, "name": "X"}, headers={"if-journal-seq": "-1"})
    fresh = ats.call("POST", values, {"id": b, "name": "Y"}, headers={"if-journal-seq": "2"})

    assert (stale.status_code, wrong.status_code, fresh.status_code) == (412, 400, 200)
    assert ats.get(f"{values}/byID/{b}")["name"] == "Y"
