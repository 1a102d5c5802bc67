"""The rows of the contract about the journal and what takes a remap back."""

from tests.ats_stub.contract.rows import row
from tests.ats_stub.planting import holding, plant
from tests.running import Running


@row("GET /categories/byID/{category}/values/remapped")
def test_the_journal_of_a_category_is_read_from_a_cursor_on(ats: Running) -> None:
    tree = plant(ats)
    ats.post(tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud})
    ats.post(f"/categories/byID/{tree.other_category}/values", {"id": tree.other, "available": False})
    ats.post(tree.values, {"id": tree.data, "available": True})

    page = ats.get(f"{tree.values}/remapped")

    assert [(each["seq"], each["operation"]) for each in page["results"]] == [(1, "remap"), (3, "restore")]
    assert (page["firstSeq"], page["lastSeq"]) == (1, 3)
    after = ats.get(f"{tree.values}/remapped", seqGt=1, limit=1)
    assert [each["seq"] for each in after["results"]] == [3]


@row("GET /categories/remapped")
def test_the_journal_of_the_tenant_has_all_categories_and_the_org_tree(ats: Running) -> None:
    tree = plant(ats)
    org = ats.post("/orgs/values", {"name": "Sales"})["id"]
    orgs = ats.get("")["orgsCategory"]
    ats.post("/jobs", holding(tree.category, tree.data))
    ats.post(tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud})
    ats.post("/orgs/values", {"id": org, "available": False})

    page = ats.get("/categories/remapped")

    told = [{name: member for name, member in each.items() if name != "at"} for each in page["results"]]
    assert told == [
        {
            "seq": 1,
            "category": tree.category,
            "id": tree.data,
            "operation": "remap",
            "remappedTo": tree.cloud,
            "moved": 1,
            "by": "tests",
        },
        {"seq": 2, "category": orgs, "id": org, "operation": "inactivate", "moved": 0, "by": "tests"},
    ]
    assert (page["firstSeq"], page["lastSeq"]) == (1, 2)
    assert page["epoch"]


@row("POST /categories/byID/{category}/values/undo")
def test_a_remap_is_taken_back_once(ats: Running) -> None:
    tree = plant(ats)
    job = ats.post("/jobs", holding(tree.category, tree.data))
    before = ats.get(tree.values)
    ats.post(tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud})

    undone = ats.call("POST", f"{tree.values}/undo", {"seq": 1})

    entry = undone.json()
    assert undone.status_code == 200
    assert (entry["seq"], entry["operation"], entry["undoes"], entry["moved"]) == (2, "undo", 1, 1)
    assert (entry["id"], entry["remappedTo"]) == (tree.data, tree.cloud)
    assert ats.get(tree.values) == before
    assert ats.get(f"/jobs/byID/{job['id']}")["categories"] == job["categories"]
    assert ats.refused("POST", f"{tree.values}/undo", {"seq": 1}) == (409, "cannot-undo")
    assert ats.refused("POST", f"{tree.values}/undo", {"seq": 9}) == (404, "not-found")
