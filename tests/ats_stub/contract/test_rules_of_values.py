"""One test for each of the contract's numbered "Rules of `POST .../values`", named after it."""

from typing import Any

import pytest

from tests.ats_stub.planting import Tree, holding, plant
from tests.running import Running


@pytest.fixture
def tree(ats: Running) -> Tree:
    return plant(ats)


def refused(ats: Running, tree: Tree, **members: Any) -> tuple[int, str]:
    """The status and problem of a write that changes nothing."""
    before = [ats.get(path) for path in (tree.values, "/categories/remapped")]
    found = ats.refused("POST", tree.values, members)
    assert [ats.get(path) for path in (tree.values, "/categories/remapped")] == before
    return found


def test_rule_1_which_value(ats: Running, tree: Tree) -> None:
    made = ats.call("POST", tree.values, {"name": "Design", "externalID": "d"})
    again = ats.call("POST", tree.values, {"externalId": "d", "code": "D"})
    taken = ats.call("POST", tree.values, {"id": tree.data, "externalId": "ds"})
    new = ats.call("POST", tree.values, {"name": "Design"})

    assert [each.status_code for each in (made, again, taken, new)] == [201, 200, 200, 201]
    assert again.json() == made.json() | {"code": "D"}
    assert taken.json()["externalId"] == "ds"
    assert new.json()["id"] != made.json()["id"]
    assert refused(ats, tree, id=tree.other, name="X") == (404, "not-found")
    assert refused(ats, tree, id=tree.data, externalId="d") == (400, "external-id-mismatch")
    assert refused(ats, tree, externalId="new") == (400, "name-required")
    assert refused(ats, tree, code="x") == (400, "name-required")


def test_rule_1_an_external_id_names_an_unavailable_value_too(ats: Running, tree: Tree) -> None:
    made = ats.post(tree.values, {"name": "Design", "externalId": "d", "available": False})

    found = ats.call("POST", tree.values, {"externalId": "d", "name": "Arts"})

    assert (found.status_code, found.json()) == (200, made | {"name": "Arts"})


def test_rule_2_an_external_id_is_unique_in_its_category_and_never_changes(ats: Running, tree: Tree) -> None:
    ats.post(tree.values, {"id": tree.data, "externalId": "x", "available": False})

    assert refused(ats, tree, id=tree.cloud, externalId="x") == (400, "external-id-taken")
    assert refused(ats, tree, id=tree.data, externalId="y") == (400, "external-id-mismatch")
    assert refused(ats, tree, id=tree.data, externalId=None) == (400, "external-id-immutable")
    elsewhere = f"/categories/byID/{tree.other_category}/values"
    assert ats.call("POST", elsewhere, {"name": "Other", "externalId": "x"}).status_code == 201


def test_rule_3_no_loops(ats: Running, tree: Tree) -> None:
    places = ats.post("/categories", {"name": "Places", "key": "LOCATION"})["id"]
    within = f"/categories/byID/{places}/values"
    leaf = ats.post(within, {"name": "Köln", "location": {"lat": 50.9, "lng": 7}})["id"]
    ats.post(tree.values, {"id": tree.data, "available": False})

    assert refused(ats, tree, id=tree.it, parent=tree.it) == (400, "loop")
    assert refused(ats, tree, id=tree.it, parent=tree.cloud) == (400, "loop")
    assert refused(ats, tree, id=tree.it, parent=tree.data) == (400, "parent-unavailable")
    assert refused(ats, tree, id=tree.it, parent=tree.other) == (400, "unknown-parent")
    assert ats.refused("POST", within, {"name": "Deutz", "parent": leaf}) == (400, "parent-has-location")


def test_rule_4_an_unavailable_value_has_no_parent_and_no_children(ats: Running, tree: Tree) -> None:
    assert refused(ats, tree, id=tree.platforms, available=False) == (400, "value-has-children")
    assert refused(ats, tree, id=tree.cloud, available=False, parent=tree.it) == (400, "unavailable-with-parent")

    gone = ats.post(tree.values, {"id": tree.cloud, "available": False})

    assert gone == {"id": tree.cloud, "available": False, "name": "Cloud"}
    assert refused(ats, tree, id=tree.cloud, parent=tree.it) == (400, "unavailable-with-parent")
    assert refused(ats, tree, name="Public cloud", parent=tree.cloud) == (400, "parent-unavailable")


def test_rule_5_remapped_to_comes_with_making_unavailable_and_names_what_can_be_selected(
    ats: Running, tree: Tree
) -> None:
    gone = ats.post(tree.values, {"name": "Gone", "available": False})["id"]
    away = {"id": tree.data, "available": False}

    assert refused(ats, tree, id=tree.data, remappedTo=tree.cloud) == (400, "remap-without-inactivation")
    assert refused(ats, tree, id=gone, remappedTo=tree.cloud) == (400, "remap-without-inactivation")
    assert refused(ats, tree, **away, remappedTo=tree.data) == (400, "remap-to-itself")
    assert refused(ats, tree, **away, remappedTo=gone) == (400, "remap-target-unavailable")
    assert refused(ats, tree, **away, remappedTo=tree.other) == (400, "remap-across-categories")
    ats.post(f"/categories/byID/{tree.category}", {"candidateRules": {"leafSelectionOnly": True}})
    assert refused(ats, tree, **away, remappedTo=tree.it) == (400, "remap-target-not-selectable")
    assert ats.post(tree.values, away | {"remappedTo": tree.cloud})["remappedTo"] == tree.cloud


def test_rule_6_merge_patch(ats: Running, tree: Tree) -> None:
    places = ats.post("/categories", {"name": "Places", "key": "LOCATION"})["id"]
    within = f"/categories/byID/{places}/values"
    made = ats.post(within, {"name": "Köln", "code": "K", "sequence": 1, "location": {"lat": 500, "lng": 7}})

    patched = ats.post(within, {"id": made["id"], "code": None, "location": {"country": "DE"}})

    location = {"lat": 500, "lng": 7, "country": "DE"}
    assert patched == {"id": made["id"], "available": True, "name": "Köln", "sequence": 1, "location": location}
    assert "parent" not in ats.post(tree.values, {"id": tree.cloud, "parent": None})
    for member in ("id", "name", "available"):
        assert refused(ats, tree, **{"id": tree.data, member: None}) == (400, "null-not-allowed")
    assert ats.refused("POST", within, {"name": "X", "location": {"lat": 1}}) == (400, "invalid-location")
    assert refused(ats, tree, id=tree.data, location={"lat": 1, "lng": 1}) == (400, "location-not-allowed")


def test_rule_7_values_is_refused(ats: Running, tree: Tree) -> None:
    assert refused(ats, tree, name="Design", values=[{"name": "Web"}]) == (400, "nested-values")
    assert refused(ats, tree, id=tree.it, values=[]) == (400, "nested-values")


def test_rule_8_coming_back_at_the_top_without_what_was_moved_away(ats: Running, tree: Tree) -> None:
    job = ats.post("/jobs", holding(tree.category, tree.data))["id"]
    ats.post(tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud})

    back = ats.post(tree.values, {"id": tree.data, "available": True})

    assert back == {"id": tree.data, "available": True, "name": "Data Science"}
    assert ats.get(f"/jobs/byID/{job}")["categories"] == holding(tree.category, tree.cloud)["categories"]
    ats.post(tree.values, {"id": tree.data, "available": False})
    below = ats.post(tree.values, {"id": tree.data, "available": True, "parent": tree.platforms})
    assert below["parent"] == tree.platforms


def test_rule_9_no_change_no_trace(ats: Running, tree: Tree) -> None:
    remap = {"id": tree.data, "available": False, "remappedTo": tree.cloud}
    ats.post(tree.values, remap)
    before = ats.call("GET", tree.values)

    again = ats.call("POST", tree.values, remap)
    same = ats.call("POST", tree.values, {"id": tree.it, "name": "IT", "available": True, "code": None})

    assert (again.status_code, same.status_code) == (200, 200)
    assert [each["seq"] for each in ats.get("/categories/remapped")["results"]] == [1]
    after = ats.call("GET", tree.values)
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])


def test_rule_10_ours_besides(ats: Running, tree: Tree) -> None:
    assert refused(ats, tree, name="New", parent=999) == (400, "unknown-parent")
    assert refused(ats, tree, id=tree.data, available=False, remappedTo=999) == (400, "unknown-remap-target")
    assert refused(ats, tree, name="New", remappedTo=tree.data) == (400, "remap-without-inactivation")
    assert refused(ats, tree, name="New", available=False, remappedTo=tree.data) == (400, "remap-without-inactivation")

    made = ats.call("POST", tree.values, {"name": "New", "available": False})

    assert (made.status_code, made.json()["available"]) == (201, False)
    assert ats.get("/categories/remapped")["results"] == []


def test_rule_10_an_object_may_lose_its_value_of_a_mandatory_category_until_its_next_write(
    ats: Running, tree: Tree
) -> None:
    ats.post(f"/categories/byID/{tree.category}", {"jobRules": {"mandatory": True}})
    path = f"/jobs/byID/{ats.post('/jobs', holding(tree.category, tree.data))['id']}"

    ats.post(tree.values, {"id": tree.data, "available": False})

    assert "categories" not in ats.get(path)
    assert ats.refused("PATCH", path, {"title": "Engineer"}) == (400, "category-rule-broken")
    assert ats.call("PATCH", path, holding(tree.category, tree.cloud)).status_code == 200
