"""Tenants whose names do not fit into a path as they are."""

from collections.abc import Callable
from urllib.parse import quote

import pytest

from catrelay.tokens import Scope
from tests.running import Running

TENANT = "客户"
ROOT = f"/t/{quote(TENANT)}"


@pytest.fixture
def tenant(ats: Running, new_token: Callable[[str, str, Scope], str]) -> Running:
    return ats.with_token(new_token(TENANT, "tests", "admin"), tenant=quote(TENANT))


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("/categories", {"name": "Location"}),
        ("/subscriptions", {"url": "http://93.184.215.14/hook", "topics": ["jobs/open"]}),
    ],
)
def test_what_is_made_is_found_where_the_answer_says(tenant: Running, path: str, made: dict[str, object]) -> None:
    answer = tenant.call("POST", path, made)

    assert answer.status_code == 201
    assert answer.headers["location"].startswith(f"{ROOT}{path}/byID/")
    assert tenant.get(answer.headers["location"].removeprefix(ROOT))["id"] == answer.json()["id"]


def test_the_next_page_is_found_where_the_answer_says(tenant: Running) -> None:
    made = [tenant.post("/orgs/values", {"name": name, "available": False})["id"] for name in "ABC"]

    first = tenant.get("/orgs/values/unavailable", limit=2)
    following = tenant.get(first["next"].removeprefix(ROOT))

    assert first["next"].startswith(ROOT)
    assert [value["id"] for page in (first, following) for value in page["results"]] == made
