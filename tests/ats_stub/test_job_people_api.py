"""Managers and recruiters of jobs over HTTP, on both databases."""

from collections.abc import Callable
from typing import Any

import pytest

from catrelay.tokens import Scope
from tests.running import Running


@pytest.fixture
def boss(ats: Running) -> dict[str, Any]:
    made: dict[str, Any] = ats.post("/users", {"externalId": "boss", "person": {"givenName": "Ana"}, "manager": {}})
    return made


def patch(ats: Running, kind: str, made: dict[str, Any], body: dict[str, Any]) -> Any:
    response = ats.call("PATCH", f"/{kind}/byID/{made['id']}", body)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_user_is_named_by_id_or_external_id_and_answered_whole(ats: Running, boss: dict[str, Any]) -> None:
    for named in ({"id": boss["id"]}, {"externalId": "boss"}, boss, {"id": boss["id"], "externalId": "no matter"}):
        job = ats.post("/jobs", {"manager": named, "recruiter": named})

        assert job["manager"] == job["recruiter"] == boss
        assert ats.get(f"/jobs/byID/{job['id']}") == job
    assert all(job["manager"] == boss for job in ats.get("/jobs")["results"])


@pytest.mark.parametrize("member", ["manager", "recruiter"])
@pytest.mark.parametrize("named", [{"id": 999_999}, {"externalId": "nobody"}, {}, {"person": {"givenName": "Ana"}}])
def test_an_unknown_user_is_refused(ats: Running, boss: dict[str, Any], member: str, named: dict[str, Any]) -> None:
    job = ats.post("/jobs", {member: {"id": boss["id"]}})

    for method, path in (("POST", "/jobs"), ("PATCH", f"/jobs/byID/{job['id']}")):
        response = ats.call(method, path, {member: named})

        assert response.status_code == 400
        assert response.json()["type"].endswith(":unknown-user")
        assert [error["pointer"] for error in response.json()["errors"]] == [f"/{member}"]
    assert ats.get("/jobs")["results"] == [job]


def test_a_user_who_is_not_active_may_stay_but_not_come(ats: Running, boss: dict[str, Any]) -> None:
    job, other = ats.post("/jobs", {"manager": {"id": boss["id"]}}), ats.post("/jobs", {})
    gone = patch(ats, "users", boss, {"activeFlag": False})

    assert patch(ats, "jobs", job, {"title": "x", "manager": {"externalId": "boss"}})["manager"] == gone
    for body in ({"manager": {"id": boss["id"]}}, {"recruiter": {"id": boss["id"]}}):
        assert ats.refused("PATCH", f"/jobs/byID/{other['id']}", body) == (400, "unknown-user")
    assert ats.refused("PATCH", f"/jobs/byID/{job['id']}", {"recruiter": boss}) == (400, "unknown-user")


def test_a_patch_replaces_a_user_as_a_whole_and_null_clears(ats: Running, boss: dict[str, Any]) -> None:
    other = ats.post("/users", {"externalId": "other"})
    job = ats.post("/jobs", {"manager": {"id": boss["id"]}, "recruiter": {"id": boss["id"]}})

    changed = patch(ats, "jobs", job, {"manager": {"externalId": "other"}})
    assert (changed["manager"], changed["recruiter"]) == (other, boss)

    cleared = patch(ats, "jobs", job, {"manager": None})
    assert "manager" not in cleared
    assert cleared["recruiter"] == boss


def test_a_change_of_the_user_shows_in_the_job_and_is_no_change_of_it(ats: Running, boss: dict[str, Any]) -> None:
    job = ats.post("/jobs", {"manager": {"id": boss["id"]}})
    path = f"/jobs/byID/{job['id']}"
    etag = ats.call("GET", path).headers["etag"]

    renamed = patch(ats, "users", boss, {"person": {"givenName": "Bea"}})

    assert ats.get(path) == job | {"manager": renamed}
    assert ats.call("GET", path).headers["etag"] != etag
    assert ats.refused("PATCH", path, {"title": "x"}, headers={"if-match": etag}) == (412, "precondition-failed")


def test_a_user_of_another_tenant_is_unknown(
    ats: Running, boss: dict[str, Any], new_token: Callable[[str, str, Scope], str]
) -> None:
    other = ats.with_token(new_token("globex", "tests", "write"), tenant="globex")

    for named in ({"id": boss["id"]}, {"externalId": "boss"}):
        assert other.refused("POST", "/jobs", {"manager": named}) == (400, "unknown-user")
