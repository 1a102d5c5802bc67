"""The rows of the contract about candidates, and about the files that objects carry."""

import base64
from urllib.parse import urlsplit

from tests.ats_stub.contract.rows import row
from tests.ats_stub.planting import holding, ids, plant
from tests.running import Running

RESUME = {"data": base64.b64encode(b"hello").decode(), "fileName": "cv.txt", "via": "device"}


@row("GET /candidates")
def test_all_candidates_are_listed_page_by_page(ats: Running) -> None:
    made = [ats.post("/candidates", {"internalFlag": True})["id"] for _ in range(3)]

    first = ats.get("/candidates", limit=2)
    last = ats.get(first["next"].removeprefix("/t/acme"))

    assert (ids(first), ids(last)) == (made[:2], made[2:])
    assert "next" not in last


@row("POST /candidates")
def test_a_candidate_is_made(ats: Running) -> None:
    tree = plant(ats)
    body = {"person": {"givenName": "Ann"}} | holding(tree.category, tree.data)

    response = ats.call("POST", "/candidates", body)

    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/t/acme/candidates/byID/{made['id']}"
    assert made == {"id": made["id"]} | body


@row("GET /candidates/byID/{candidate}")
def test_one_candidate_is_answered_as_it_was_made(ats: Running) -> None:
    made = ats.post("/candidates", {"person": {"givenName": "Ann"}})

    assert ats.get(f"/candidates/byID/{made['id']}") == made
    assert ats.refused("GET", "/candidates/byID/999") == (404, "not-found")


@row("PATCH /candidates/byID/{candidate}")
def test_a_candidate_is_changed_by_merge_patch(ats: Running) -> None:
    tree = plant(ats)
    person = {"givenName": "Ann", "familyName": "Lee"}
    made = ats.post("/candidates", {"person": person, "internalFlag": True} | holding(tree.category, tree.data))

    changed = ats.call("PATCH", f"/candidates/byID/{made['id']}", {"person": {"familyName": None}, "categories": None})

    assert changed.status_code == 200
    assert changed.json() == {"id": made["id"], "person": {"givenName": "Ann"}, "internalFlag": True}
    assert ats.get(f"/candidates/byID/{made['id']}") == changed.json()


@row("POST /candidates/byID/{candidate}/categories/merges")
def test_a_choice_is_merged_with_what_the_candidate_references_and_changes_nothing(ats: Running) -> None:
    tree = plant(ats)
    made = ats.post("/candidates", holding(tree.category, tree.data))
    path = f"/candidates/byID/{made['id']}"

    merged = ats.post(f"{path}/categories/merges", [{"category": tree.category, "values": [tree.cloud]}])

    assert merged == [{"category": tree.category, "values": [tree.it]}]
    assert ats.get(path) == made


@row("GET /files/byID/{file}/{name}")
def test_a_file_is_given_to_who_has_its_address_and_to_nobody_else(ats: Running) -> None:
    made = ats.post("/candidates", {"resume": RESUME})
    address = urlsplit(made["resumeMeta"]["preSignedUri"])
    path = address.path.removeprefix("/t/acme")
    nobody = ats.with_token("")

    given = nobody.call("GET", f"{path}?{address.query}")

    assert (given.status_code, given.content) == (200, b"hello")
    assert given.headers["content-type"].startswith("text/plain")
    assert given.headers["content-disposition"].startswith("attachment")
    assert nobody.refused("GET", f"{path}?{address.query}0")[0] == 403
