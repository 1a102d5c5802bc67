"""The rows of the contract about users."""

import pytest

from tests.ats_stub.contract.rows import row
from tests.ats_stub.planting import ids
from tests.running import Running

LISTS = ("/users/active", "/users/active/managers", "/users/active/recruiters")


@pytest.fixture
def made(ats: Running) -> dict[str, int]:
    """A user of each kind, by what it is."""
    bodies: dict[str, dict[str, object]] = {
        "plain": {},
        "manager": {"manager": {"grade": 7}},
        "recruiter": {"recruiter": {}},
        "gone": {"activeFlag": False, "manager": {}, "recruiter": {}},
    }
    return {kind: ats.post("/users", body)["id"] for kind, body in bodies.items()}


@row("GET /users")
def test_all_users_are_listed(ats: Running, made: dict[str, int]) -> None:
    assert ids(ats.get("/users")) == sorted(made.values())


@row("GET /users/active")
def test_active_users_have_the_flag(ats: Running, made: dict[str, int]) -> None:
    assert ids(ats.get("/users/active")) == [made["plain"], made["manager"], made["recruiter"]]


@row("GET /users/active/managers", "GET /users/active/recruiters")
def test_managers_and_recruiters_are_active_users_with_such_details(ats: Running, made: dict[str, int]) -> None:
    assert ids(ats.get("/users/active/managers")) == [made["manager"]]
    assert ids(ats.get("/users/active/recruiters")) == [made["recruiter"]]


@row("GET /users/byID/{user}")
def test_any_user_is_read_by_id(ats: Running, made: dict[str, int]) -> None:
    assert ats.get(f"/users/byID/{made['gone']}")["activeFlag"] is False
    assert ats.get(f"/users/byID/{made['manager']}")["manager"] == {"grade": 7}
    assert ats.refused("GET", "/users/byID/999") == (404, "not-found")


@row(
    "GET /users/active/byID/{user}",
    "GET /users/active/managers/byID/{user}",
    "GET /users/active/recruiters/byID/{user}",
)
def test_a_user_is_read_within_the_lists_that_it_is_in(ats: Running, made: dict[str, int]) -> None:
    for listed in LISTS:
        found = ids(ats.get(listed))
        for user in made.values():
            if user in found:
                assert ats.get(f"{listed}/byID/{user}") == ats.get(f"/users/byID/{user}")
            else:
                assert ats.refused("GET", f"{listed}/byID/{user}") == (404, "not-found")


@row("POST /users")
def test_a_user_is_made(ats: Running) -> None:
    org = ats.post("/orgs/values", {"name": "Sales"})["id"]
    login = {"entityID": "https://idp.example.com", "nameID": "ann"}

    response = ats.call("POST", "/users", {"orgs": [org], "login": login})

    user = response.json()
    assert response.status_code == 200
    assert response.headers["location"] == f"/t/acme/users/byID/{user['id']}"
    assert (user["activeFlag"], user["orgs"], user["login"]) == (True, [org], login)
    assert ats.get(f"/users/byID/{user['id']}") == user
    assert ats.refused("POST", "/users", {"login": login}) == (400, "login-taken")


@row("PATCH /users/byID/{user}")
def test_a_user_is_changed_by_merge_patch(ats: Running) -> None:
    user = ats.post("/users", {"person": {"givenName": "Ann", "familyName": "Lee"}, "manager": {"grade": 7}})

    changed = ats.call("PATCH", f"/users/byID/{user['id']}", {"person": {"familyName": None}, "manager": {"team": "A"}})

    found = changed.json()
    assert changed.status_code == 200
    assert found.pop("dateLastUpdated") > user["dateLastUpdated"]
    assert found == {
        "id": user["id"],
        "activeFlag": True,
        "person": {"givenName": "Ann"},
        "manager": {"grade": 7, "team": "A"},
    }
