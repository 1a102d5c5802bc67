"""The lists of users over HTTP, on both databases: what is in them, filters, pages."""

from typing import Any

import pytest

from tests.ats_stub.planting import ids
from tests.running import Running

LISTS = ("/users", "/users/active", "/users/active/managers", "/users/active/recruiters")


def named(given: str, family: str = "", email: str = "") -> dict[str, Any]:
    return {"person": {"givenName": given, "familyName": family, "email": email}}


def test_each_list_holds_its_users_and_a_patch_moves_them(ats: Running) -> None:
    plain, both, gone = (
        ats.post("/users", body)["id"]
        for body in ({}, {"manager": {}, "recruiter": {"a": 1}}, {"activeFlag": False, "manager": {}})
    )

    assert [ids(ats.get(path)) for path in LISTS] == [[plain, both, gone], [plain, both], [both], [both]]

    ats.call("PATCH", f"/users/byID/{both}", {"manager": None})
    ats.call("PATCH", f"/users/byID/{gone}", {"activeFlag": True})
    ats.call("PATCH", f"/users/byID/{plain}", {"activeFlag": False, "recruiter": {}})

    assert [ids(ats.get(path)) for path in LISTS] == [[plain, both, gone], [both, gone], [gone], [both]]
    for path in LISTS:
        listed = ids(ats.get(path))
        assert [i for i in (plain, both, gone) if ats.call("GET", f"{path}/byID/{i}").status_code == 200] == listed


def test_keywords_find_names_addresses_and_logins(ats: Running) -> None:
    ann = ats.post("/users", named("Ann", "Müller", "ann@example.com"))["id"]
    bob = ats.post("/users", named("Bob") | {"login": {"entityID": "idp", "nameID": "bmuller"}})["id"]

    assert ids(ats.get("/users", keywords="muller")) == [ann]
    assert ids(ats.get("/users", keywords="ANN example")) == [ann]
    assert ids(ats.get("/users/active", keywords="bmull")) == [bob]
    assert ids(ats.get("/users/active/managers", keywords="bmull")) == []
    ats.call("PATCH", f"/users/byID/{ann}", {"person": {"familyName": None}})
    assert ids(ats.get("/users", keywords="muller")) == []


def test_pages_by_id_have_each_user_once(ats: Running) -> None:
    made = [ats.post("/users", {})["id"] for _ in range(5)]

    assert ids(ats.get("/users", limit=2)) == made[:2]
    assert ids(ats.get("/users", limit=2, gtID=made[1])) == made[2:4]
    assert ids(ats.get("/users", limit=2, ltID=made[3])) == [made[2], made[1]]
    assert ids(ats.get("/users", gtID=made[0], ltID=made[4])) == made[3:0:-1]
    assert ids(ats.get("/users", gtID=made[4])) == []


def test_pages_by_date_have_each_user_once_whatever_changes_in_between_are_not(ats: Running) -> None:
    made = [ats.post("/users", {})["id"] for _ in range(5)]
    # All of them at the same moment: a remap dates users alike.
    old, new = (ats.post("/orgs/values", {"name": name})["id"] for name in ("Old", "New"))
    for user in made[1:4]:
        ats.call("PATCH", f"/users/byID/{user}", {"orgs": [old]})
    ats.post("/orgs/values", {"id": old, "available": False, "remappedTo": new})

    def pages(bound: dict[str, Any], date: str, number: str) -> list[int]:
        found: list[int] = []
        while page := ats.get("/users", limit=2, **bound)["results"]:
            found += [user["id"] for user in page]
            bound = {date: page[-1]["dateLastUpdated"], number: page[-1]["id"]}
        return found

    by_date = [made[0], made[4], *made[1:4]]
    assert pages({"gtDateLastUpdated": "1970-01-01T00:00:00Z"}, "gtDateLastUpdated", "gtID") == by_date
    assert pages({"ltDateLastUpdated": "2999-01-01T00:00:00Z"}, "ltDateLastUpdated", "ltID") == by_date[::-1]
    remapped = ats.get(f"/users/byID/{made[1]}")["dateLastUpdated"]
    assert ids(ats.get("/users", gtDateLastUpdated=remapped)) == []
    assert ids(ats.get("/users", ltDateLastUpdated=remapped)) == [made[4], made[0]]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"limit": 101}, "limit-exceeded"),
        ({"limit": 0}, "invalid-request"),
        ({"keywords": "x" * 501}, "limit-exceeded"),
        ({"gtID": -1}, "invalid-request"),
        ({"ltID": 2**63}, "invalid-request"),
        ({"gtDateLastUpdated": "2026-01-01"}, "invalid-request"),
        ({"ltDateLastUpdated": "1"}, "invalid-request"),
        ({"categories": "[]"}, "invalid-request"),
    ],
)
def test_a_wrong_filter_is_refused_by_its_name(ats: Running, path: str, query: dict[str, Any], kind: str) -> None:
    response = ats.call("GET", path, query=query)

    assert (response.status_code, response.json()["type"].rpartition(":")[2]) == (400, kind)
    assert [error["pointer"] for error in response.json()["errors"]] == list(query)
