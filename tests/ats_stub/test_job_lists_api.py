"""The lists of jobs over HTTP, on both databases: what is in them, filters, pages."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.ats_stub.planting import Tree, holding, ids, plant
from tests.running import Running

NOW = datetime.now(UTC)
YESTERDAY, TOMORROW = NOW - timedelta(days=1), NOW + timedelta(days=1)
PUBLIC = {"status": "active", "availability": {"availableExternally": True}}


@pytest.fixture
def tree(ats: Running) -> Tree:
    return plant(ats)


def errors_of(response: Any) -> dict[str, str]:
    return {error["pointer"]: error["detail"] for error in response.json()["errors"]}


def closing(close: datetime, **others: datetime) -> dict[str, Any]:
    dates = {"closeDate": close.isoformat()} | {name: date.isoformat() for name, date in others.items()}
    return {"applicationCloseDates": dates}


def published(publish: datetime, **others: datetime) -> dict[str, Any]:
    dates = {"publishDate": publish.isoformat()} | {name: date.isoformat() for name, date in others.items()}
    return {"availability": {"jobPublishDates": dates}}


def test_open_lists_hold_what_is_active_and_not_closed(ats: Running) -> None:
    def job(status: str, externally: bool, **dates: Any) -> int:
        made: int = ats.post("/jobs", {"status": status, "availability": {"availableExternally": externally} | dates})[
            "id"
        ]
        return made

    public = job("active", True)
    internal = job("active", False, **closing(TOMORROW))
    closed_outside = job("active", True, **closing(TOMORROW, externalCloseDate=YESTERDAY))
    longer_outside = job("active", True, **closing(YESTERDAY, externalCloseDate=TOMORROW))
    closed_inside = job("active", True, **closing(TOMORROW, internalCloseDate=YESTERDAY))
    complete = job("complete", True)
    without_status = ats.post("/jobs", {"title": "Draft"})["id"]
    template = ats.post("/jobs", PUBLIC | {"templateFlag": True})["id"]

    assert ids(ats.get("/jobs/open")) == [public, internal, closed_outside, closed_inside]
    assert ids(ats.get("/jobs/open/externally")) == [public, closed_inside]
    assert ids(ats.get("/jobs/template")) == [template]
    assert ids(ats.get("/jobs")) == [
        public,
        internal,
        closed_outside,
        longer_outside,
        closed_inside,
        complete,
        without_status,
    ]


def test_a_job_is_found_by_id_under_the_lists_that_it_is_in_and_templates_by_id(ats: Running) -> None:
    template = ats.post("/jobs", {"templateFlag": True})
    public = ats.post("/jobs", PUBLIC)

    assert ats.get(f"/jobs/byID/{template['id']}") == ats.get(f"/jobs/template/byID/{template['id']}") == template
    assert ats.get(f"/jobs/open/externally/byID/{public['id']}") == public
    for path in (f"/jobs/open/byID/{template['id']}", f"/jobs/template/byID/{public['id']}", "/jobs/byID/999"):
        assert ats.refused("GET", path) == (404, "not-found")


def test_a_category_filter_takes_subtrees_any_of_the_values_and_all_of_the_categories(ats: Running, tree: Tree) -> None:
    in_it = ats.post("/jobs", holding(tree.category, tree.it))["id"]
    in_cloud = ats.post("/jobs", holding(tree.category, tree.cloud))["id"]
    in_data_in_berlin = ats.post(
        "/jobs",
        {
            "categories": [
                {"category": tree.category, "values": [tree.data]},
                {"category": tree.other_category, "values": [tree.other]},
            ]
        },
    )["id"]
    ats.post("/jobs", {})

    def found(*wanted: tuple[int, list[int]]) -> list[int]:
        entries = [{"category": category, "values": values} for category, values in wanted]
        return ids(ats.get("/jobs", categories=json.dumps(entries)))

    assert found((tree.category, [tree.it])) == [in_it, in_cloud, in_data_in_berlin]
    assert found((tree.category, [tree.platforms])) == [in_cloud]
    assert found((tree.category, [tree.platforms, tree.data])) == [in_cloud, in_data_in_berlin]
    assert found((tree.category, [tree.it]), (tree.other_category, [tree.other])) == [in_data_in_berlin]
    assert found((tree.other_category, [tree.it])) == []
    assert found((tree.category, [])) == []
    assert found() == [in_it, in_cloud, in_data_in_berlin, *ids(ats.get("/jobs"))[3:]]


def test_each_keyword_must_begin_a_word_in_any_case_accent_and_composition(ats: Running) -> None:
    first = ats.post("/jobs", {"title": "Straße 100%_a\\b", "description": "Café in Tāmaki"})["id"]
    second = ats.post("/jobs", {"title": "Strasse", "code": "X-9", "shortSummary": "best"})["id"]
    third = ats.post("/jobs", {"title": "100 aab", "company": "Strasse"})["id"]

    def found(keywords: str) -> list[int]:
        return ids(ats.get("/jobs", keywords=keywords))

    assert found("STRASSE") == found("str") == [first, second]
    assert found("tamaki") == [first]
    assert found("rasse") == []
    assert found("...") == [first, second, third]
    assert found("strasse cafe\u0301") == [first]
    assert found("x-9  BEST") == [second]
    assert found("100%_a\\b") == [first]
    assert found("strasse missing") == []


def test_a_plus_that_was_sent_as_a_space_is_pointed_out(ats: Running) -> None:
    response = ats.call("GET", "/jobs?gtPublishDate=2026-01-01T00:00:00+01:00")

    (error,) = response.json()["errors"]
    assert response.status_code == 400
    assert error["detail"].endswith("; a + has to be sent as %2B")


@pytest.mark.parametrize(
    ("query", "kind", "names"),
    [
        ({"limit": "101"}, "limit-exceeded", {"limit"}),
        ({"limit": "0"}, "invalid-request", {"limit"}),
        ({"limit": "x"}, "invalid-request", {"limit"}),
        ({"gtID": "-1"}, "invalid-request", {"gtID"}),
        ({"ltID": str(2**63)}, "invalid-request", {"ltID"}),
        ({"gtPublishDate": "yesterday"}, "invalid-request", {"gtPublishDate"}),
        ({"ltPublishDate": "2026-01-01T00:00:00"}, "invalid-request", {"ltPublishDate"}),
        ({"colour": "red"}, "invalid-request", {"colour"}),
        ({"categories": "{"}, "invalid-request", {"categories"}),
        ({"categories": '{"category": 1, "values": []}'}, "invalid-request", {"categories"}),
        ({"categories": '[{"category": 1}]'}, "invalid-request", {"categories.0.values"}),
        ({"categories": json.dumps([{"category": 1, "values": [1] * 1001}])}, "limit-exceeded", {"categories"}),
        ({"categories": json.dumps([{"category": 1, "values": []}] * 21)}, "limit-exceeded", {"categories"}),
        ({"keywords": "x" * 501}, "limit-exceeded", {"keywords"}),
        ({"keywords": "a\x00b"}, "invalid-request", {"keywords"}),
        ({"limit": ["1", "2"]}, "invalid-request", {"limit"}),
        (
            {"ltPublishDate": "2026-01-01T00:00:00Z", "gtInternalPublishDate": "2026-01-01T00:00:00Z"},
            "invalid-request",
            {"ltPublishDate", "gtInternalPublishDate"},
        ),
    ],
)
def test_a_wrong_filter_is_refused_by_its_name(ats: Running, query: dict[str, Any], kind: str, names: set[str]) -> None:
    response = ats.call("GET", "/jobs/open", query=query)

    assert response.status_code == 400
    assert response.json()["type"].endswith(f":{kind}")
    assert errors_of(response).keys() == names


def test_two_kinds_of_dates_are_refused_by_the_dates_names(ats: Running) -> None:
    dates = {"ltPublishDate": "2026-01-01T00:00:00Z", "gtInternalPublishDate": "2026-01-01T00:00:00Z"}

    response = ats.call("GET", "/jobs", query=dates)

    assert errors_of(response) == {
        "ltPublishDate": "filters by publishDate",
        "gtInternalPublishDate": "filters by internalPublishDate",
    }


def test_a_page_has_a_hundred_jobs_and_the_next_one_the_rest(ats: Running) -> None:
    made = [ats.post("/jobs", {"title": str(number)})["id"] for number in range(101)]

    first = ids(ats.get("/jobs"))

    assert first == made[:100]
    assert ids(ats.get("/jobs", gtID=first[-1])) == made[100:]
    assert ids(ats.get("/jobs", ltID=first[-1], limit=2)) == [made[98], made[97]]


def test_dates_of_one_audience_default_to_the_publish_date(ats: Running) -> None:
    internal = ats.post("/jobs", published(YESTERDAY, internalPublishDate=TOMORROW))["id"]
    external = ats.post("/jobs", published(TOMORROW, externalPublishDate=YESTERDAY))["id"]
    ats.post("/jobs", {})
    now = NOW.isoformat()

    assert ids(ats.get("/jobs", gtPublishDate=now)) == [external]
    assert ids(ats.get("/jobs", gtInternalPublishDate=now)) == [internal, external]
    assert ids(ats.get("/jobs", gtExternalPublishDate=now)) == []
    assert ids(ats.get("/jobs", ltPublishDate=now)) == [internal]
    assert ids(ats.get("/jobs", gtPublishDate=YESTERDAY.isoformat(), gtID=0)) == [internal, external]


@pytest.mark.parametrize("name", ["PublishDate", "InternalPublishDate", "ExternalPublishDate"])
def test_the_next_page_after_a_record_is_a_later_date_or_the_same_with_a_higher_id(ats: Running, name: str) -> None:
    made = [ats.post("/jobs", published(date))["id"] for date in (NOW, TOMORROW, NOW, YESTERDAY, NOW)]
    found: list[int] = []

    bound = {f"gt{name}": "1970-01-01T00:00:00Z"}
    while page := ats.get("/jobs", limit=1, **bound)["results"]:
        found.append(page[0]["id"])
        date = page[0]["availability"]["jobPublishDates"]["publishDate"]
        bound = {f"gt{name}": date, "gtID": page[0]["id"]}

    assert found == [made[3], made[0], made[2], made[4], made[1]]


def test_with_an_lt_filter_pages_go_back(ats: Running) -> None:
    made = [ats.post("/jobs", published(date))["id"] for date in (NOW, TOMORROW, NOW, YESTERDAY, NOW)]
    found: list[int] = []

    bound: dict[str, Any] = {"ltPublishDate": "2999-01-01T00:00:00Z"}
    while page := ats.get("/jobs", limit=2, **bound)["results"]:
        found += [job["id"] for job in page]
        date = page[-1]["availability"]["jobPublishDates"]["publishDate"]
        bound = {"ltPublishDate": date, "ltID": page[-1]["id"]}

    assert found == [made[1], made[4], made[2], made[0], made[3]]
