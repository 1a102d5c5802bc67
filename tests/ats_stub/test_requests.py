"""What a write depends on, and repeats of it."""

from collections.abc import Callable

import pytest

from catrelay.tokens import Scope
from tests.running import Running


@pytest.fixture
def category(ats: Running) -> int:
    made: int = ats.post("/categories", {"name": "Expertise"})["id"]
    return made


def test_a_repeat_with_the_same_key_is_answered_as_the_first_and_does_nothing(ats: Running, category: int) -> None:
    path, body, key = f"/categories/byID/{category}/values", {"name": "Data"}, {"idempotency-key": "a1"}

    first, second = (ats.call("POST", path, body, headers=key) for _ in range(2))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    assert [value["id"] for value in ats.get(path)] == [first.json()["id"]]


def test_a_repeat_has_the_first_location(ats: Running) -> None:
    first, second = (
        ats.call("POST", "/jobs", {"title": "Engineer"}, headers={"idempotency-key": "j"}) for _ in range(2)
    )

    assert first.headers["location"] == second.headers["location"]
    assert len(ats.get("/jobs")["results"]) == 1


@pytest.mark.parametrize("changed", ["body", "path"])
def test_a_key_belongs_to_one_request(ats: Running, category: int, changed: str) -> None:
    path, body, key = f"/categories/byID/{category}/values", {"name": "Data"}, {"idempotency-key": "a1"}
    ats.call("POST", path, body, headers=key)

    if changed == "body":
        body = {"name": "Other"}
    else:
        path = "/orgs/values"

    assert ats.refused("POST", path, body, headers=key) == (422, "idempotency-key-reused")


def test_what_was_refused_may_be_tried_again_with_its_key(ats: Running, category: int) -> None:
    path, key = f"/categories/byID/{category}/values", {"idempotency-key": "a1"}
    assert ats.refused("POST", path, {"name": "Child", "parent": 999}, headers=key) == (400, "unknown-parent")

    assert ats.call("POST", path, {"name": "Child"}, headers=key).status_code == 201


def test_a_key_is_the_apps_own(ats: Running, category: int, new_token: Callable[[str, str, Scope], str]) -> None:
    path, body, key = f"/categories/byID/{category}/values", {"name": "Data"}, {"idempotency-key": "a1"}
    first = ats.call("POST", path, body, headers=key).json()["id"]
    ats.token = new_token("acme", "other", "write")

    assert ats.call("POST", path, body, headers=key).json()["id"] != first


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_what_cannot_be_a_key_is_refused(ats: Running, category: int, key: str) -> None:
    refused = ats.refused(
        "POST", f"/categories/byID/{category}/values", {"name": "A"}, headers={"idempotency-key": key}
    )

    assert refused == (400, "invalid-request")


def test_every_single_resource_is_written_only_in_the_state_that_was_seen(ats: Running, category: int) -> None:
    value = ats.post(f"/categories/byID/{category}/values", {"name": "Data"})["id"]
    job = ats.post("/jobs", {"title": "Engineer"})["id"]
    user = ats.post("/users", {"person": {"givenName": "Ada"}})["id"]
    candidate = ats.post("/candidates", {"person": {"givenName": "Bob"}})["id"]
    resources = [
        (f"/categories/byID/{category}", "POST", f"/categories/byID/{category}", {"name": "E"}, {"name": "F"}),
        (
            f"/categories/byID/{category}/values/byID/{value}",
            "POST",
            f"/categories/byID/{category}/values",
            {"id": value, "name": "E"},
            {"id": value, "name": "F"},
        ),
        (f"/jobs/byID/{job}", "PATCH", f"/jobs/byID/{job}", {"title": "E"}, {"title": "F"}),
        (f"/users/byID/{user}", "PATCH", f"/users/byID/{user}", {"activeFlag": False}, {"activeFlag": True}),
        (
            f"/candidates/byID/{candidate}",
            "PATCH",
            f"/candidates/byID/{candidate}",
            {"notifications": True},
            {"notifications": False},
        ),
    ]
    for read, method, write, one, other in resources:
        seen = {"if-match": ats.call("GET", read).headers["etag"]}

        written = ats.call(method, write, one, headers=seen)

        assert written.is_success
        assert written.headers["etag"] == ats.call("GET", read).headers["etag"]
        assert ats.refused(method, write, other, headers=seen) == (412, "precondition-failed")
        assert ats.call("GET", read).headers["etag"] == written.headers["etag"]
        assert ats.call(method, write, other, headers={"if-match": written.headers["etag"]}).is_success


def test_a_category_that_changed_since_it_was_seen_is_not_deleted(ats: Running, category: int) -> None:
    path = f"/categories/byID/{category}"
    seen = {"if-match": ats.call("GET", path).headers["etag"]}
    ats.post(path, {"name": "Skills"})

    assert ats.refused("DELETE", path, headers=seen) == (412, "precondition-failed")

    assert ats.get(path)["name"] == "Skills"


def test_who_has_the_tree_is_not_sent_it_again_until_it_changes(ats: Running, category: int) -> None:
    path = f"/categories/byID/{category}/values"
    value = ats.post(path, {"name": "Data"})["id"]
    first = ats.call("GET", path)
    known = {"if-none-match": first.headers["etag"]}

    again = ats.call("GET", path, headers=known)

    assert (again.status_code, again.content, again.headers["journal-seq"]) == (304, b"", "0")
    for change in ({"name": "IT"}, {"id": value, "name": "Data Science"}, {"id": value, "available": False}):
        ats.post(path, change)
        changed = ats.call("GET", path, headers=known)
        assert changed.status_code == 200
        known = {"if-none-match": changed.headers["etag"]}
    assert changed.headers["journal-seq"] == "1"
