"""The rows of the contract about jobs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.ats_stub.contract.rows import row
from tests.ats_stub.planting import holding, ids, plant
from tests.running import Running

NOW = datetime.now(UTC)
YESTERDAY, TOMORROW = ((NOW + timedelta(days=days)).isoformat() for days in (-1, 1))


@pytest.fixture
def made(ats: Running) -> dict[str, int]:
    """A job of each kind, by what it is."""

    def make(**members: Any) -> int:
        job: int = ats.post("/jobs", members)["id"]
        return job

    def outside(**dates: str) -> dict[str, Any]:
        return {"availableExternally": True, "applicationCloseDates": dates}

    return {
        "internal": make(status="active"),
        "external": make(status="active", availability=outside(closeDate=TOMORROW)),
        "closed": make(status="active", availability=outside(closeDate=YESTERDAY)),
        "closed outside": make(status="active", availability=outside(closeDate=TOMORROW, externalCloseDate=YESTERDAY)),
        "complete": make(status="complete"),
        "draft": make(title="Draft"),
        "template": make(status="active", templateFlag=True),
    }


@row("GET /jobs")
def test_all_jobs_but_templates_are_listed(ats: Running, made: dict[str, int]) -> None:
    assert ids(ats.get("/jobs")) == sorted(job for kind, job in made.items() if kind != "template")


@row("GET /jobs/open")
def test_open_jobs_are_active_and_their_close_date_has_not_passed(ats: Running, made: dict[str, int]) -> None:
    assert ids(ats.get("/jobs/open")) == [made["internal"], made["external"], made["closed outside"]]


@row("GET /jobs/open/externally")
def test_externally_open_jobs_are_open_to_the_outside_still(ats: Running, made: dict[str, int]) -> None:
    assert ids(ats.get("/jobs/open/externally")) == [made["external"]]


@row("GET /jobs/template")
def test_templates_have_a_list_of_their_own(ats: Running, made: dict[str, int]) -> None:
    assert ids(ats.get("/jobs/template")) == [made["template"]]


@row("GET /jobs/byID/{job}")
def test_any_job_is_read_by_id(ats: Running, made: dict[str, int]) -> None:
    assert ats.get(f"/jobs/byID/{made['template']}")["templateFlag"] is True
    assert ats.get(f"/jobs/byID/{made['draft']}")["title"] == "Draft"
    assert ats.refused("GET", "/jobs/byID/999") == (404, "not-found")


@row("GET /jobs/open/byID/{job}", "GET /jobs/open/externally/byID/{job}", "GET /jobs/template/byID/{job}")
def test_a_job_is_read_within_the_lists_that_it_is_in(ats: Running, made: dict[str, int]) -> None:
    for listed in ("/jobs/open", "/jobs/open/externally", "/jobs/template"):
        found = ids(ats.get(listed))
        for job in made.values():
            if job in found:
                assert ats.get(f"{listed}/byID/{job}") == ats.get(f"/jobs/byID/{job}")
            else:
                assert ats.refused("GET", f"{listed}/byID/{job}") == (404, "not-found")


@row("POST /jobs")
def test_a_job_is_made_with_its_references(ats: Running) -> None:
    tree = plant(ats)
    org = ats.post("/orgs/values", {"name": "Sales"})["id"]

    response = ats.call("POST", "/jobs", {"title": "Engineer", "org": org} | holding(tree.category, tree.data))

    job = response.json()
    assert response.status_code == 200
    assert response.headers["location"] == f"/t/acme/jobs/byID/{job['id']}"
    assert (job["title"], job["org"], job["categories"]) == (
        "Engineer",
        org,
        holding(tree.category, tree.data)["categories"],
    )
    assert ats.get(f"/jobs/byID/{job['id']}") == job


@row("PATCH /jobs/byID/{job}")
def test_a_job_is_changed_by_merge_patch(ats: Running) -> None:
    tree = plant(ats)
    job = ats.post("/jobs", {"title": "Engineer", "code": "E-1"} | holding(tree.category, tree.data))
    patch = {"code": None} | holding(tree.other_category, tree.other)

    changed = ats.call("PATCH", f"/jobs/byID/{job['id']}", patch)

    found = changed.json()
    assert changed.status_code == 200
    assert found.pop("dateLastUpdated") > job["dateLastUpdated"]
    assert found == {"id": job["id"], "title": "Engineer"} | holding(tree.other_category, tree.other)
