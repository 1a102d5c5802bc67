"""The rows of the contract about categories."""

from tests.ats_stub.contract.rows import row
from tests.ats_stub.planting import holding, plant
from tests.running import Running


@row("GET /categories")
def test_all_categories_are_listed_without_their_values(ats: Running) -> None:
    tree = plant(ats)
    ats.post(tree.values, {"id": tree.data, "available": False})

    response = ats.call("GET", "/categories")

    assert [each["id"] for each in response.json()] == [tree.category, tree.other_category]
    assert all("values" not in each for each in response.json())
    assert response.headers["journal-seq"] == "1"


@row("POST /categories")
def test_a_category_is_made_with_the_rules_that_are_not_given(ats: Running) -> None:
    response = ats.call("POST", "/categories", {"name": "Location", "key": "LOCATION"})

    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/t/acme/categories/byID/{made['id']}"
    rules = {"mandatory": False, "canMultiSelect": True, "leafSelectionOnly": False}
    assert made == {"id": made["id"], "name": "Location", "key": "LOCATION", "jobRules": rules, "candidateRules": rules}
    assert ats.refused("POST", "/categories", {"name": "Place", "key": "LOCATION"}) == (409, "category-key-taken")
    assert ats.refused("POST", f"/categories/byID/{made['id']}", {"key": None}) == (400, "invalid-request")


@row("GET /categories/byID/{category}")
def test_one_category_is_answered_as_it_was_made(ats: Running) -> None:
    made = ats.post("/categories", {"name": "Expertise", "code": "E"})

    assert ats.get(f"/categories/byID/{made['id']}") == made
    assert ats.refused("GET", "/categories/byID/999") == (404, "not-found")


@row("POST /categories/byID/{category}")
def test_a_category_is_changed_by_merge_patch(ats: Running) -> None:
    made = ats.post("/categories", {"name": "Expertise", "code": "E", "jobRules": {"message": "Choose one"}})

    changed = ats.call(
        "POST", f"/categories/byID/{made['id']}", {"code": None, "jobRules": {"mandatory": True, "message": None}}
    )

    rules = {"mandatory": True, "canMultiSelect": True, "leafSelectionOnly": False}
    assert changed.status_code == 200
    assert changed.json() == {name: made[name] for name in ("id", "name", "candidateRules")} | {"jobRules": rules}


@row("GET /categories/versions")
def test_a_categorys_version_is_another_one_once_a_value_changed(ats: Running) -> None:
    tree = plant(ats)
    before = ats.get("/categories/versions")["categories"]

    ats.post(tree.values, {"id": tree.data, "available": False})

    response = ats.call("GET", "/categories/versions")
    after = response.json()["categories"]
    assert [each["id"] for each in after] == [ats.get("")["orgsCategory"], tree.category, tree.other_category]
    assert [new == old for new, old in zip(after, before, strict=True)] == [True, False, True]
    assert (response.json()["seq"], response.headers["journal-seq"]) == (1, "1")


@row("DELETE /categories/byID/{category}")
def test_a_category_that_objects_use_is_removed_by_force_alone_and_its_ids_never_come_back(ats: Running) -> None:
    tree = plant(ats)
    job = ats.post("/jobs", {"title": "Engineer"} | holding(tree.category, tree.data))
    path = f"/categories/byID/{tree.category}"

    refused = ats.refused("DELETE", path)
    gone = ats.call("DELETE", path, query={"force": "true"})

    assert refused == (409, "category-in-use")
    assert (gone.status_code, gone.content) == (204, b"")
    assert ats.refused("GET", f"{path}/values") == (404, "not-found")
    assert "categories" not in ats.get(f"/jobs/byID/{job['id']}")
    entries = ats.get("/categories/remapped")["results"]
    assert {(each["id"], each["operation"]) for each in entries} == {
        (value, "inactivate") for value in (tree.it, tree.data, tree.platforms, tree.cloud)
    }
    assert ats.post("/categories", {"name": "Next"})["id"] > job["id"]
