"""Users over HTTP, on both databases: single ones, and writing them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catrelay.tokens import Scope
from tests.people import users
from tests.running import Running

ANN: dict[str, Any] = {
    "person": {"givenName": "Ann", "familyName": "Lee", "email": "ann@example.com"},
    "login": {"entityID": "https://idp.example.com", "nameID": "ann"},
    "externalId": "HR-1",
    "manager": {"grade": 7},
}


def orgs(ats: Running, *names: str) -> list[int]:
    return [ats.post("/orgs/values", {"name": name})["id"] for name in names]


def pointers(response: Any) -> set[str]:
    return {error["pointer"] for error in response.json()["errors"]}


def test_a_user_is_made_read_and_found_in_its_lists(ats: Running) -> None:
    north, south = orgs(ats, "North", "South")

    response = ats.call("POST", "/users", ANN | {"orgs": [south, north, south]})

    user = response.json()
    assert response.status_code == 200
    assert response.headers["location"] == f"/t/acme/users/byID/{user['id']}"
    assert {name: user[name] for name in ANN} == ANN
    assert (user["activeFlag"], user["orgs"]) == (True, [north, south])
    for path in ("/users", "/users/active", "/users/active/managers"):
        assert ats.get(path)["results"] == [user]
        assert ats.get(f"{path}/byID/{user['id']}") == user
    assert ats.get("/users/active/recruiters")["results"] == []
    assert ats.refused("GET", f"/users/active/recruiters/byID/{user['id']}") == (404, "not-found")


def test_whatever_is_written_is_read_back(ats: Running) -> None:
    known = orgs(ats, "North", "South")
    some_orgs = st.lists(st.sampled_from(known), max_size=3)
    category = ats.get("")["orgsCategory"]
    with_category = st.fixed_dictionaries({"category": st.just(category), "values": some_orgs})

    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
    @given(users(some_orgs | with_category), users(some_orgs))
    def holds(sent: dict[str, Any], patch: dict[str, Any]) -> None:
        # These two name one user each: another example may have taken them.
        for body in (sent, patch):
            body.pop("login", None)
            body.pop("externalId", None)

        user = ats.post("/users", sent)
        patched = ats.call("PATCH", f"/users/byID/{user['id']}", patch).json()

        assert user == expected(user, sent)
        assert ats.get(f"/users/byID/{user['id']}") == patched
        unmerged = patch.keys() - {"person", "manager", "recruiter", "orgs"}
        assert {name: patched[name] for name in unmerged} == {name: patch[name] for name in unmerged}

    def expected(user: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
        written = sent.get("orgs", [])
        values = sorted(set(written["values"] if isinstance(written, dict) else written))
        given_by_ats = {name: user[name] for name in ("id", "dateLastUpdated")}
        normal = {"activeFlag": True} | sent | given_by_ats | {"orgs": values}
        return {name: member for name, member in normal.items() if name != "orgs" or values}

    holds()


def test_a_patch_changes_what_it_names_and_null_clears(ats: Running) -> None:
    north, south = orgs(ats, "North", "South")
    user = ats.post("/users", ANN | {"orgs": [north], "recruiter": {}})
    path = f"/users/byID/{user['id']}"

    patched = ats.call(
        "PATCH",
        path,
        {
            "activeFlag": False,
            "orgs": {"category": ats.get("")["orgsCategory"], "values": [south]},
            "person": {"familyName": None, "vcard": ["vcard", [["fn", {}, "text", "Ann Lee"]]]},
            "manager": None,
            "recruiter": {"desk": {"room": 4}},
        },
        headers={"content-type": "application/merge-patch+json"},
    ).json()

    assert patched == ats.get(path)
    assert patched["person"] == {
        "givenName": "Ann",
        "email": "ann@example.com",
        "vcard": ["vcard", [["fn", {}, "text", "Ann Lee"]]],
    }
    assert (patched["activeFlag"], patched["orgs"], patched["recruiter"]) == (False, [south], {"desk": {"room": 4}})
    assert "manager" not in patched
    assert patched["dateLastUpdated"] > user["dateLastUpdated"]
    cleared = ats.call("PATCH", path, {"orgs": None, "person": None, "login": None, "recruiter": None}).json()
    assert cleared.keys() == {"id", "dateLastUpdated", "activeFlag", "externalId"}


def test_a_write_that_changes_nothing_leaves_the_date(ats: Running) -> None:
    (north,) = orgs(ats, "North")
    user = ats.post("/users", ANN | {"orgs": [north]})

    again = ats.call("PATCH", f"/users/byID/{user['id']}", ANN | {"activeFlag": True, "orgs": [north, north]})

    assert again.json() == user


def test_an_external_id_and_a_login_name_one_user(ats: Running) -> None:
    ann = ats.post("/users", ANN)["id"]
    bob = ats.post("/users", {"activeFlag": False})["id"]

    for method, path in (("POST", "/users"), ("PATCH", f"/users/byID/{bob}")):
        assert ats.refused(method, path, {"externalId": "HR-1"}) == (400, "external-id-taken")
        assert ats.refused(method, path, {"login": ANN["login"]}) == (400, "login-taken")
    for other in (None, "HR-2", 5):
        assert ats.refused("PATCH", f"/users/byID/{ann}", {"externalId": other}) == (400, "external-id-immutable")
    assert ats.call("PATCH", f"/users/byID/{bob}", {"login": ANN["login"] | {"nameID": "Ann"}}).status_code == 200
    ats.call("PATCH", f"/users/byID/{ann}", {"login": None})
    assert ats.call("PATCH", f"/users/byID/{bob}", {"login": ANN["login"]}).json()["login"] == ANN["login"]


def test_a_login_of_any_length_is_kept(ats: Running) -> None:
    login = {"entityID": "é" * 10_000, "nameID": ""}

    assert ats.post("/users", {"login": login})["login"] == login
    assert ats.refused("POST", "/users", {"login": login}) == (400, "login-taken")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"id": 5, "items": [], "nickname": None}, {"/id", "/items", "/nickname"}),
        ({"dateLastUpdated": "2026-01-01T00:00:00Z"}, {"/dateLastUpdated"}),
        ({"activeFlag": 1}, {"/activeFlag"}),
        ({"person": {"email": 5, "image": "x"}}, {"/person/email", "/person/image"}),
        ({"person": {"vcard": ["vcard", [["fn", {}, "text"]]]}}, {"/person/vcard/1/0"}),
        ({"login": {"entityID": "x"}}, {"/login/nameID"}),
        ({"manager": [], "recruiter": {"a": [None]}}, {"/manager", "/recruiter/a/0"}),
        ({"orgs": {"values": []}}, {"/orgs/category"}),
        ({"orgs": [0]}, {"/orgs/0"}),
        ({"externalId": ""}, {"/externalId"}),
    ],
)
def test_a_wrong_member_is_refused_by_its_pointer(ats: Running, body: object, expected: set[str]) -> None:
    user = ats.post("/users", {"person": {"givenName": "Untouched"}})

    for response in (ats.call("POST", "/users", body), ats.call("PATCH", f"/users/byID/{user['id']}", body)):
        assert response.status_code == 400
        assert response.json()["type"].endswith(":invalid-request")
        assert pointers(response) == expected
    assert ats.get("/users")["results"] == [user]


def test_a_flag_that_says_whether_a_user_is_active_is_never_cleared(ats: Running) -> None:
    user = ats.post("/users", {})["id"]

    assert ats.refused("PATCH", f"/users/byID/{user}", {"activeFlag": None}) == (400, "null-not-allowed")
    assert ats.refused("POST", "/users", {"activeFlag": None}) == (400, "null-not-allowed")


def test_a_user_references_available_orgs_only_and_as_their_rules_allow(ats: Running) -> None:
    north, old = orgs(ats, "North", "Old")
    town = ats.post("/orgs/values", {"name": "Town", "parent": north})["id"]
    field = ats.post("/categories", {"name": "Expertise"})["id"]
    law = ats.post(f"/categories/byID/{field}/values", {"name": "Law"})["id"]
    ats.post("/orgs/values", {"id": old, "available": False})

    def refused(wanted: object) -> tuple[str, set[str]]:
        response = ats.call("POST", "/users", {"orgs": wanted})
        assert response.status_code == 400
        return response.json()["type"].rpartition(":")[2], pointers(response)

    assert refused([north, old]) == ("unavailable-value", {"/orgs/1"})
    assert refused([law]) == ("unknown-value", {"/orgs/0"})
    assert refused({"category": field, "values": [law]}) == ("unknown-category", {"/orgs/category"})
    assert ats.refused("POST", "/users", {"orgs": [north] * 1_001}) == (400, "limit-exceeded")
    category = ats.get("")["orgsCategory"]
    ats.post(f"/categories/byID/{category}", {"jobRules": {"mandatory": True, "leafSelectionOnly": True}})
    assert refused([]) == ("category-rule-broken", {"/orgs"})
    assert refused([north]) == ("category-rule-broken", {"/orgs/0"})
    assert ats.post("/users", {"orgs": [town]})["orgs"] == [town]


def test_a_remap_moves_users_and_dates_them_anew(ats: Running) -> None:
    north, south = orgs(ats, "North", "South")
    moved, both, other = (ats.post("/users", {"orgs": wanted}) for wanted in ([north], [north, south], [south]))

    ats.post("/orgs/values", {"id": north, "available": False, "remappedTo": south})

    for before in (moved, both):
        after = ats.get(f"/users/byID/{before['id']}")
        assert after["orgs"] == [south]
        assert after["dateLastUpdated"] > before["dateLastUpdated"]
    assert ats.get(f"/users/byID/{other['id']}") == other
    late = ats.get("/users", gtDateLastUpdated=other["dateLastUpdated"])["results"]
    assert [user["id"] for user in late] == [moved["id"], both["id"]]
    ats.post("/orgs/values", {"id": south, "available": False})
    assert "orgs" not in ats.get(f"/users/byID/{other['id']}")


def test_a_stale_state_is_not_overwritten(ats: Running) -> None:
    path = f"/users/byID/{ats.post('/users', ANN)['id']}"
    etag = ats.call("GET", path).headers["etag"]

    first = ats.call("PATCH", path, {"manager": None}, headers={"if-match": etag})

    assert first.status_code == 200
    assert ats.refused("PATCH", path, {"recruiter": {}}, headers={"if-match": etag}) == (412, "precondition-failed")
    assert ats.call("PATCH", path, {"recruiter": {}}, headers={"if-match": first.headers["etag"]}).status_code == 200


def test_a_user_is_made_once_however_often_it_is_asked_for(ats: Running) -> None:
    first, again = (ats.call("POST", "/users", ANN, headers={"idempotency-key": "k"}) for _ in range(2))

    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert len(ats.get("/users")["results"]) == 1


def test_a_tenant_sees_nothing_of_another(ats: Running, new_token: Callable[[str, str, Scope], str]) -> None:
    (north,) = orgs(ats, "North")
    user = ats.post("/users", ANN | {"orgs": [north]})
    other = ats.with_token(new_token("globex", "tests", "write"), tenant="globex")

    assert other.get("/users") == {"results": []}
    assert other.refused("GET", f"/users/byID/{user['id']}") == (404, "not-found")
    assert other.refused("PATCH", f"/users/byID/{user['id']}", {}) == (404, "not-found")
    assert other.refused("POST", "/users", {"orgs": [north]}) == (400, "unknown-value")
    assert other.post("/users", ANN)["externalId"] == "HR-1"
    assert ats.get("/users")["results"] == [user]


def test_reading_needs_the_scope_read_and_writing_write(
    ats: Running, new_token: Callable[[str, str, Scope], str]
) -> None:
    reader = ats.with_token(new_token("acme", "reader", "read"))

    assert reader.get("/users/active") == {"results": []}
    assert reader.refused("POST", "/users", {}) == (403, "forbidden")
    assert reader.refused("PATCH", "/users/byID/1", {}) == (403, "forbidden")
    assert ats.with_token("").refused("GET", "/users/active/managers") == (401, "unauthorized")
