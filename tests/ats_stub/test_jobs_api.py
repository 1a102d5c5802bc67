"""Jobs over HTTP, on both databases: single ones, and writing them."""

from collections.abc import Callable
from typing import Any

import pytest

from catrelay.tokens import Scope
from tests.ats_stub.planting import Tree, holding, plant
from tests.running import Running


@pytest.fixture
def tree(ats: Running) -> Tree:
    return plant(ats)


def errors_of(response: Any) -> dict[str, str]:
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def test_a_job_is_answered_as_sent_with_references_ascending_and_each_once(ats: Running, tree: Tree) -> None:
    sent = {
        "title": "Engineer",
        "code": "E-1",
        "externalId": "SAP-1",
        "country": "AU",
        "workflow": 7,
        "status": "active",
        "availability": {
            "availableInternally": True,
            "applicationCloseDates": {"closeDate": "2026-11-22T09:00:00Z"},
        },
        "categories": [
            {"category": tree.other_category, "values": [tree.other]},
            {"category": tree.category, "values": [tree.cloud, tree.data, tree.cloud]},
        ],
    }

    response = ats.call("POST", "/jobs", sent)

    job = response.json()
    assert response.status_code == 200
    assert response.headers["location"] == f"/t/acme/jobs/byID/{job['id']}"
    assert job["categories"] == [
        {"category": tree.category, "values": [tree.data, tree.cloud]},
        {"category": tree.other_category, "values": [tree.other]},
    ]
    unchanged = sent.keys() - {"categories"}
    assert {name: job[name] for name in unchanged} == {name: sent[name] for name in unchanged}
    assert ats.get(f"/jobs/byID/{job['id']}") == job
    assert ats.get("/jobs")["results"] == [job]


def test_a_patch_changes_what_it_names_and_null_clears(ats: Running, tree: Tree) -> None:
    publish_dates = {"publishDate": "2026-11-22T09:00:00Z"}
    availability = {"availableExternally": True, "jobPublishDates": publish_dates}
    job = ats.post(
        "/jobs",
        {"title": "Old", "code": "C", "status": "active", "availability": availability}
        | holding(tree.category, tree.data),
    )
    path = f"/jobs/byID/{job['id']}"

    patched = ats.call(
        "PATCH",
        path,
        {"title": "New", "code": None, "availability": {"availableExternally": False}},
        headers={"content-type": "application/merge-patch+json"},
    ).json()

    assert patched == ats.get(path)
    assert patched["title"] == "New"
    assert "code" not in patched
    assert patched["availability"] == {"availableExternally": False, "jobPublishDates": publish_dates}
    assert patched["categories"] == job["categories"]
    cleared = ats.call("PATCH", path, {"availability": None, "categories": None, "status": None}).json()
    assert cleared.keys() == {"id", "dateLastUpdated", "title"}


def test_a_patch_replaces_the_categories_as_a_whole(ats: Running, tree: Tree) -> None:
    job = ats.post("/jobs", holding(tree.category, tree.data, tree.cloud))

    patched = ats.call("PATCH", f"/jobs/byID/{job['id']}", holding(tree.other_category, tree.other)).json()

    assert patched["categories"] == [{"category": tree.other_category, "values": [tree.other]}]


def test_a_write_that_changes_nothing_leaves_the_date(ats: Running, tree: Tree) -> None:
    job = ats.post("/jobs", {"title": "Same", "externalId": "x"} | holding(tree.category, tree.data, tree.cloud))

    again = ats.call(
        "PATCH",
        f"/jobs/byID/{job['id']}",
        {"title": "Same", "externalId": "x", "code": None} | holding(tree.category, tree.cloud, tree.data, tree.data),
    )

    assert again.json() == job


def test_an_external_id_is_unique_and_never_changes(ats: Running) -> None:
    first = ats.post("/jobs", {"externalId": "a"})["id"]
    second = ats.post("/jobs", {"templateFlag": True})["id"]

    assert ats.refused("POST", "/jobs", {"externalId": "a"}) == (400, "external-id-taken")
    assert ats.refused("PATCH", f"/jobs/byID/{second}", {"externalId": "a"}) == (400, "external-id-taken")
    for other in (None, "b", 5):
        assert ats.refused("PATCH", f"/jobs/byID/{first}", {"externalId": other}) == (400, "external-id-immutable")
    assert ats.call("PATCH", f"/jobs/byID/{second}", {"externalId": "b"}).json()["externalId"] == "b"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"titel": "x", "accessCod": None}, {"/titel", "/accessCod"}),
        ({"manager": 5, "recruiter": {"id": "5"}}, {"/manager", "/recruiter/id"}),
        ({"items": [{"type": "boolean", "name": "x"}]}, {"/items/0/value"}),
        ({"id": 5}, {"/id"}),
        ({"dateLastUpdated": "2026-01-01T00:00:00Z"}, {"/dateLastUpdated"}),
        ({"title": 5, "status": "open", "templateFlag": "true"}, {"/title", "/status", "/templateFlag"}),
        ({"title": "a\x00b"}, {"/title"}),
        ({"country": "XX"}, {"/country"}),
        ({"externalId": ""}, {"/externalId"}),
        ({"externalId": "x" * 501}, {"/externalId"}),
        ({"org": 2**63}, {"/org"}),
        ({"org": 1.5}, {"/org"}),
        ({"categories": [{"category": 1}]}, {"/categories/0/values"}),
        ({"categories": [None]}, {"/categories/0"}),
        ({"categories": {"category": 1}}, {"/categories"}),
        ({"availability": {"availableExternally": 1}}, {"/availability/availableExternally"}),
        ({"availability": {"a/b": None}}, {"/availability/a~1b"}),
        ({"availability": {"jobPublishDates": {}}}, {"/availability/jobPublishDates/publishDate"}),
        (
            {"availability": {"jobPublishDates": {"publishDate": None}}},
            {"/availability/jobPublishDates/publishDate"},
        ),
        (
            {"availability": {"applicationCloseDates": {"closeDate": "2026-01-01T00:00:00"}}},
            {"/availability/applicationCloseDates/closeDate"},
        ),
        (
            {"availability": {"applicationCloseDates": {"closeDate": "9999-12-31T23:59:59-01:00"}}},
            {"/availability/applicationCloseDates/closeDate"},
        ),
    ],
)
def test_a_wrong_member_is_refused_by_its_pointer(ats: Running, body: object, pointers: set[str]) -> None:
    job = ats.post("/jobs", {"title": "Untouched"})

    for response in (ats.call("POST", "/jobs", body), ats.call("PATCH", f"/jobs/byID/{job['id']}", body)):
        assert response.status_code == 400
        assert response.json()["type"].endswith(":invalid-request")
        assert errors_of(response).keys() == pointers
    assert ats.get("/jobs")["results"] == [job]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "malformed-json"),
        (b"{", "malformed-json"),
        (b'{"title": "\\ud800"}', "malformed-json"),
        (b"[" * 5_000, "malformed-json"),
        (b"[]", "invalid-request"),
        (b"null", "invalid-request"),
        (b'{"workflow": NaN}', "invalid-request"),
        (b'{"workflow": 1e999}', "invalid-request"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(ats: Running, content: bytes, kind: str) -> None:
    assert ats.refused("POST", "/jobs", content=content) == (400, kind)


def test_a_body_of_another_media_type_is_refused(ats: Running) -> None:
    refused = ats.refused("POST", "/jobs", {}, headers={"content-type": "text/plain"})

    assert refused == (415, "unsupported-media-type")


def test_a_job_references_existing_available_values_only(ats: Running, tree: Tree) -> None:
    ats.post(tree.values, {"id": tree.data, "available": False})
    orgs = ats.get("")["orgsCategory"]

    def refused(body: object) -> tuple[int, str, set[str]]:
        response = ats.call("POST", "/jobs", body)
        return response.status_code, response.json()["type"].rpartition(":")[2], set(errors_of(response))

    value = "/categories/0/values/0"
    assert refused(holding(tree.category, tree.data)) == (400, "unavailable-value", {value})
    assert refused(holding(tree.category, 999)) == (400, "unknown-value", {value})
    assert refused(holding(tree.category, tree.other)) == (400, "unknown-value", {value})
    assert refused(holding(999)) == (400, "unknown-category", {"/categories/0/category"})
    assert refused(holding(orgs)) == (400, "unknown-category", {"/categories/0/category"})
    assert refused({"org": tree.cloud}) == (400, "unknown-value", {"/org"})
    assert ats.refused("POST", "/jobs", holding(tree.category, *[tree.it] * 1001)) == (400, "limit-exceeded")


def test_the_rules_of_a_category_are_enforced_by_name(ats: Running, tree: Tree) -> None:
    path = f"/categories/byID/{tree.category}"
    rules = {"mandatory": True, "canMultiSelect": False, "leafSelectionOnly": True, "message": "Choose one field"}
    ats.post(path, {"jobRules": rules})

    def broken(body: object) -> str:
        problem = ats.call("POST", "/jobs", body).json()
        assert problem["type"].endswith(":category-rule-broken")
        assert problem["category"] == tree.category
        assert str(tree.category) in problem["detail"]
        assert "Choose one field" in problem["detail"]
        rule: str = problem["rule"]
        return rule

    assert broken({}) == "mandatory"
    assert broken(holding(tree.category)) == "mandatory"
    assert broken(holding(tree.category, tree.data, tree.cloud)) == "canMultiSelect"
    assert broken(holding(tree.category, tree.platforms)) == "leafSelectionOnly"
    assert ats.post("/jobs", holding(tree.category, tree.data, tree.data))["categories"]
    assert ats.post("/jobs", {"templateFlag": True})


def test_what_a_job_holds_already_may_stay_when_a_rule_comes_later(ats: Running, tree: Tree) -> None:
    job = ats.post("/jobs", holding(tree.category, tree.it, tree.data))["id"]
    ats.post(f"/categories/byID/{tree.category}", {"jobRules": {"canMultiSelect": False, "leafSelectionOnly": True}})

    assert ats.call("PATCH", f"/jobs/byID/{job}", {"title": "New"}).status_code == 200
    worse = holding(tree.category, tree.it, tree.data, tree.cloud)
    assert ats.refused("PATCH", f"/jobs/byID/{job}", worse) == (400, "category-rule-broken")


def test_a_job_that_lost_its_mandatory_value_must_get_one_with_its_next_write(ats: Running, tree: Tree) -> None:
    job = ats.post("/jobs", holding(tree.category, tree.data))["id"]
    ats.post(f"/categories/byID/{tree.category}", {"jobRules": {"mandatory": True}})

    ats.post(tree.values, {"id": tree.data, "available": False})

    assert "categories" not in ats.get(f"/jobs/byID/{job}")
    assert ats.refused("PATCH", f"/jobs/byID/{job}", {"title": "New"}) == (400, "category-rule-broken")
    assert ats.call("PATCH", f"/jobs/byID/{job}", holding(tree.category, tree.cloud)).status_code == 200


def test_a_jobs_org_is_a_value_of_the_org_tree_and_follows_its_remap(ats: Running) -> None:
    north, south = (ats.post("/orgs/values", {"name": name})["id"] for name in ("North", "South"))
    job = ats.post("/jobs", {"org": north})
    assert job["org"] == north
    assert "categories" not in job

    ats.post("/orgs/values", {"id": north, "available": False, "remappedTo": south})

    moved = ats.get(f"/jobs/byID/{job['id']}")
    assert moved["org"] == south
    assert moved["dateLastUpdated"] > job["dateLastUpdated"]
    assert ats.refused("PATCH", f"/jobs/byID/{job['id']}", {"org": north}) == (400, "unavailable-value")
    assert "org" not in ats.call("PATCH", f"/jobs/byID/{job['id']}", {"org": None}).json()


def test_a_remap_moves_jobs_and_keeps_a_target_that_is_there_once(ats: Running, tree: Tree) -> None:
    one = ats.post("/jobs", holding(tree.category, tree.data))
    both = ats.post("/jobs", holding(tree.category, tree.data, tree.cloud))
    neither = ats.post("/jobs", holding(tree.category, tree.it))

    ats.post(tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud})

    for before in (one, both):
        after = ats.get(f"/jobs/byID/{before['id']}")
        assert after["categories"] == [{"category": tree.category, "values": [tree.cloud]}]
        assert after["dateLastUpdated"] > before["dateLastUpdated"]
    assert ats.get(f"/jobs/byID/{neither['id']}") == neither


def test_a_tenant_sees_and_references_nothing_of_another(
    ats: Running, tree: Tree, new_token: Callable[[str, str, Scope], str]
) -> None:
    job = ats.post("/jobs", {"externalId": "x"} | holding(tree.category, tree.data))
    other = ats.with_token(new_token("globex", "tests", "write"), tenant="globex")

    assert other.get("/jobs") == {"results": []}
    assert other.refused("GET", f"/jobs/byID/{job['id']}") == (404, "not-found")
    assert other.refused("PATCH", f"/jobs/byID/{job['id']}", {"title": "x"}) == (404, "not-found")
    assert other.refused("POST", "/jobs", holding(tree.category, tree.data)) == (400, "unknown-category")
    assert other.post("/jobs", {"externalId": "x"})["externalId"] == "x"
    assert ats.with_token(other.token).refused("GET", "/jobs") == (403, "forbidden")
    assert ats.get("/jobs")["results"] == [job]


def test_reading_needs_the_scope_read_and_writing_write(
    ats: Running, new_token: Callable[[str, str, Scope], str]
) -> None:
    reader = ats.with_token(new_token("acme", "reader", "read"))

    assert reader.get("/jobs") == {"results": []}
    assert reader.refused("POST", "/jobs", {}) == (403, "forbidden")
    assert reader.refused("PATCH", "/jobs/byID/1", {}) == (403, "forbidden")
    assert ats.with_token("").refused("GET", "/jobs/open") == (401, "unauthorized")
