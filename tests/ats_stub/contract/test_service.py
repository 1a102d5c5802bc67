"""What the ATS says of itself: discovery, the description of its API, probes."""

import re

import httpx

from tests.ats_stub.contract.rows import DOCUMENT, row
from tests.running import Running


def at_root(ats: Running, path: str) -> httpx.Response:
    """The answer outside of the tenant, to who has no token."""
    return ats.send(httpx.Request("GET", f"http://service{path}"))


@row("GET /")
def test_the_ats_says_what_it_is_and_can_do(ats: Running) -> None:
    documented = set(re.findall(r"^\| `([a-z]+\.\w+)` \|", DOCUMENT.read_text(), re.MULTILINE))

    found = ats.get("")

    assert found["service"] == "ats"
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["version"])
    assert set(found["capabilities"]) == documented
    assert ats.get(f"/categories/byID/{found['orgsCategory']}/values") == ats.get("/orgs/values")


@row("GET /openapi.json")
def test_the_api_is_described_without_tenant_and_token(ats: Running) -> None:
    response = at_root(ats, "/openapi.json")

    described = response.json()
    assert response.status_code == 200
    assert described["openapi"].startswith("3.1")
    made = described["paths"]["/t/{tenant}/categories"]["post"]["responses"]
    assert {"201", "400", "401", "403", "409"} <= made.keys()
    assert made["201"]["links"]


@row("GET /docs", "GET /docs.css")
def test_the_description_is_a_page_without_a_script_and_with_nothing_from_elsewhere(ats: Running) -> None:
    page, style = at_root(ats, "/docs"), at_root(ats, "/docs.css")

    assert (page.status_code, style.status_code) == (200, 200)
    assert page.headers["content-type"].startswith("text/html")
    assert style.headers["content-type"].startswith("text/css")
    assert "<script" not in page.text
    assert set(re.findall(r'(?:src|href)="(?!#)([^"]*)"', page.text)) == {"docs.css", "openapi.json"}


@row("GET /healthz")
def test_the_process_is_up(ats: Running) -> None:
    assert at_root(ats, "/healthz").status_code == 200


@row("GET /readyz")
def test_the_service_is_ready_with_its_database(ats: Running) -> None:
    assert at_root(ats, "/readyz").status_code == 200


@row("GET /metrics")
def test_requests_are_counted_by_route_and_never_by_tenant(ats: Running) -> None:
    ats.get("/categories")

    exposition = at_root(ats, "/metrics")

    assert exposition.headers["content-type"].startswith("text/plain")
    assert 'method="GET",route="/t/{tenant}/categories",status="200"' in exposition.text
    assert "acme" not in exposition.text
