"""The rows of the contract about values."""

from catrelay.digest import digest
from catrelay.models import CategoryValues
from catrelay.trees import flattened
from tests.ats_stub.contract.rows import row
from tests.ats_stub.planting import holding, plant
from tests.running import Running


@row("GET /categories/byID/{category}/values")
def test_the_tree_has_the_available_values_below_each_other(ats: Running) -> None:
    tree = plant(ats)
    ats.post(tree.values, {"id": tree.cloud, "available": False})

    response = ats.call("GET", tree.values)

    def node(value: int, name: str, **members: object) -> dict[str, object]:
        return {"id": value, "available": True, "name": name, **members}

    children = [
        node(tree.data, "Data Science", parent=tree.it),
        node(tree.platforms, "Platforms", parent=tree.it),
    ]
    assert response.json() == [node(tree.it, "IT", values=children)]
    assert response.headers["journal-seq"] == "1"


@row("GET /categories/byID/{category}/values?branches=")
def test_branches_are_those_of_the_tree_that_are_asked_for(ats: Running) -> None:
    tree = plant(ats)
    beside = ats.post(tree.values, {"name": "Design"})
    whole = ats.get(tree.values)

    response = ats.call("GET", f"{tree.values}?branches={tree.it},{tree.data}")

    assert response.json() == [root for root in whole if root["id"] == tree.it]
    assert ats.get(f"{tree.values}?branches={beside['id']}") == [beside]
    assert response.headers["journal-seq"] == "0"


@row("POST /categories/byID/{category}/values")
def test_a_value_is_created_and_updated_and_answered_in_its_new_state(ats: Running) -> None:
    tree = plant(ats)

    created = ats.call("POST", tree.values, {"name": "Design", "externalId": "d"})
    updated = ats.call("POST", tree.values, {"externalId": "d", "parent": tree.it})

    made = {"id": created.json()["id"], "available": True, "name": "Design", "externalId": "d"}
    assert (created.status_code, created.json()) == (201, made)
    assert (updated.status_code, updated.json()) == (200, made | {"parent": tree.it})


@row("POST /categories/byID/{category}/values/batch")
def test_a_batch_is_written_in_order_and_says_what_became_of_each_node(ats: Running) -> None:
    tree = plant(ats)
    nodes = [{"name": "A", "externalId": "a"}, {"name": " "}, {"externalId": "a", "name": "B"}]

    mixed = ats.call("POST", f"{tree.values}/batch", {"atomic": False, "values": nodes})
    atomic = ats.call(
        "POST", f"{tree.values}/batch", {"atomic": True, "values": [{"name": "C"}, {"name": "D", "parent": 999}]}
    )

    results = mixed.json()["results"]
    assert (mixed.status_code, [each["status"] for each in results]) == (200, [201, 400, 200])
    assert results[0]["value"]["id"] == results[2]["value"]["id"]
    assert results[1]["problem"]["type"] == "urn:catrelay:problem:name-required"
    assert (atomic.status_code, atomic.json()["errors"][0]["pointer"]) == (400, "/values/1/parent")
    assert sorted(each["name"] for each in ats.get(tree.values)) == ["B", "IT"]


@row("GET /categories/byID/{category}/values/digest")
def test_the_digest_is_that_of_the_tree(ats: Running) -> None:
    tree = plant(ats)
    values = flattened(CategoryValues.model_validate_json(ats.call("GET", tree.values).content).root)

    found = ats.get(f"{tree.values}/digest")

    assert found == digest([value.to_document() for value in values], seq=0).to_document()
    assert (found["count"], [branch["id"] for branch in found["branches"]]) == (4, [tree.it])


@row("GET /categories/byID/{category}/values/byID/{value}")
def test_a_value_is_read_when_it_is_unavailable_too(ats: Running) -> None:
    tree = plant(ats)
    ats.post(tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud})

    found = ats.get(f"{tree.values}/byID/{tree.data}")

    assert found == {"id": tree.data, "available": False, "name": "Data Science", "remappedTo": tree.cloud}
    assert ats.refused("GET", f"{tree.values}/byID/{tree.other}") == (404, "not-found")


@row("GET /categories/byID/{category}/values/byExternalId/{externalId}")
def test_a_value_is_read_by_external_id_within_its_category(ats: Running) -> None:
    tree = plant(ats)
    made = ats.post(tree.values, {"name": "Design", "externalId": "HR/7 ü"})

    assert ats.get(f"{tree.values}/byExternalId/HR%2F7%20%C3%BC") == made
    elsewhere = f"/categories/byID/{tree.other_category}/values/byExternalId/HR%2F7%20%C3%BC"
    assert ats.refused("GET", elsewhere) == (404, "not-found")


@row("GET /categories/byID/{category}/values/unavailable")
def test_unavailable_values_are_paged_by_id(ats: Running) -> None:
    tree = plant(ats)
    ats.post(tree.values, {"id": tree.cloud, "available": False})
    ats.post(tree.values, {"id": tree.data, "available": False})

    first = ats.get(f"{tree.values}/unavailable", limit=1)
    last = ats.get(first["next"].removeprefix("/t/acme"))

    assert [each["id"] for each in first["results"]] == [tree.data]
    assert [each["id"] for each in last["results"]] == [tree.cloud]
    assert "next" not in last
    assert ats.get(f"{tree.values}/unavailable", gtID=tree.cloud) == {"results": []}


@row(
    "GET /categories/byID/{category}/values/byID/{value}/summary",
    "POST /categories/byID/{category}/values/byID/{value}/summary",
)
def test_a_summary_says_what_is_held_on_the_value(ats: Running) -> None:
    tree = plant(ats)
    ats.post("/jobs", holding(tree.category, tree.data))
    ats.post("/candidates", holding(tree.category, tree.data))

    found = ats.get(f"{tree.values}/byID/{tree.data}/summary")

    assert found["counts"] == {"jobs": 1, "candidates": 1}
    assert "Data Science" in found["summary"]
    assert ats.post(f"{tree.values}/byID/{tree.data}/summary", {}) == found
    for method in ("GET", "POST"):
        assert ats.refused(method, f"{tree.values}/byID/{tree.it}/summary") == (404, "not-found")


@row("POST /categories/byID/{category}/values/byID/{value}/changeImpact")
def test_an_impact_says_what_would_happen_and_changes_nothing(ats: Running) -> None:
    tree = plant(ats)
    job = ats.post("/jobs", holding(tree.category, tree.data))
    before = ats.get(tree.values)
    path = f"{tree.values}/byID/{tree.data}/changeImpact"

    found = ats.post(path, {"available": False, "remappedTo": tree.cloud})

    assert found["counts"] == {"jobs": 1}
    assert "Cloud" in found["summary"]
    assert ats.refused("POST", path, {"name": "Data"}) == (404, "not-found")
    assert ats.get(tree.values) == before
    assert ats.get(f"/jobs/byID/{job['id']}") == job
