"""The digest over HTTP, on both databases."""

from typing import Any

from catrelay.digest import digest
from catrelay.models import CategoryValues
from catrelay.trees import flattened
from tests.ats_stub.planting import plant
from tests.running import Running


def of_tree(ats: Running, values: str) -> Any:
    """The digest as whoever reads the tree makes it."""
    answer = ats.call("GET", values)
    tree = flattened(CategoryValues.model_validate_json(answer.content).root)
    return digest([value.to_document() for value in tree], seq=int(answer.headers["journal-seq"])).to_document()


def test_the_digest_is_that_of_the_tree_whatever_happens_to_it(ats: Running) -> None:
    tree = plant(ats)
    path = f"{tree.values}/digest"
    seen = [ats.get(path)]
    changes: list[dict[str, Any]] = [
        {"id": tree.data, "sequence": 1.0, "code": ""},
        {"name": "Ärzte", "externalId": "x", "sequence": 1e-7},
        {"id": tree.cloud, "parent": None},
        {"id": tree.data, "available": False, "remappedTo": tree.cloud},
    ]

    for change in changes:
        ats.post(tree.values, change)
        seen.append(ats.get(path))
        assert seen[-1] == of_tree(ats, tree.values)

    assert [len(each["branches"]) for each in seen] == [1, 1, 2, 3, 3]
    assert [each["count"] for each in seen] == [4, 4, 5, 5, 4]
    assert [each["seq"] for each in seen] == [0, 0, 0, 0, 1]
    assert len({each["hash"] for each in seen}) == 5


def test_a_location_counts(ats: Running) -> None:
    category = ats.post("/categories", {"name": "Location", "key": "LOCATION"})["id"]
    values = f"/categories/byID/{category}/values"
    value = ats.post(values, {"name": "Köln", "location": {"lat": 50.0, "lng": 6.95}})["id"]
    before = ats.get(f"{values}/digest")

    ats.post(values, {"id": value, "location": {"country": "DE"}})

    assert ats.get(f"{values}/digest") == of_tree(ats, values) != before


def test_orgs_have_a_digest_under_both_paths(ats: Running) -> None:
    ats.post("/orgs/values", {"name": "Sales"})
    orgs = ats.get("")["orgsCategory"]

    assert ats.get("/orgs/values/digest") == ats.get(f"/categories/byID/{orgs}/values/digest")
    assert ats.get("/orgs/values/digest") == of_tree(ats, "/orgs/values")


def test_who_has_the_digest_is_told_so_until_the_tree_or_the_journal_moves(ats: Running) -> None:
    tree = plant(ats)
    path = f"{tree.values}/digest"
    etag = ats.call("GET", path).headers["etag"]

    assert ats.call("GET", path, headers={"if-none-match": etag}).status_code == 304
    ats.post(f"/categories/byID/{tree.other_category}/values", {"id": tree.other, "available": False})
    moved = ats.call("GET", path, headers={"if-none-match": etag})
    assert (moved.status_code, moved.json()["seq"], moved.headers["journal-seq"]) == (200, 1, "1")
    ats.post(tree.values, {"id": tree.it, "name": "Information technology"})
    assert ats.call("GET", path, headers={"if-none-match": moved.headers["etag"]}).status_code == 200


def test_what_has_no_values_has_no_digest_either(ats: Running) -> None:
    assert ats.refused("GET", "/categories/byID/999/values/digest") == (404, "not-found")
    assert "values.digest" in ats.get("")["capabilities"]
