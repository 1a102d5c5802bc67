"""What a small service's description says of it."""

from typing import Any

import pytest

from catrelay.problems import TYPE_PREFIX
from tests.catrelay.asgi.conftest import MAX_LIMIT, Ask

PATH = "/t/{tenant}/echoes"


@pytest.fixture
def document(ask: Ask) -> dict[str, Any]:
    found: dict[str, Any] = ask("GET", "/openapi.json", headers={"authorization": ""}).json()
    return found


def types_of(operation: dict[str, Any], status: str) -> list[str]:
    (content,) = operation["responses"][status]["content"].values()
    return [name.removeprefix(TYPE_PREFIX) for name in content["schema"]["properties"]["type"]["enum"]]


def test_what_serves_is_described_and_what_declares_nothing_is_not(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == {
        "/t/{tenant}",
        PATH,
        f"{PATH}/byID/{{value}}",
        "/stream",
        "/unchanging",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/docs.css",
    }


def test_query_body_and_answer_are_those_of_the_handler(document: dict[str, Any]) -> None:
    get, post = document["paths"][PATH]["get"], document["paths"][PATH]["post"]

    query = {each["name"]: each["schema"] for each in get["parameters"] if each["in"] == "query"}
    assert query == {
        "gtID": {"type": "integer", "minimum": 0, "default": 0},
        "includeAll": {"type": "boolean", "default": False},
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 10},
    }
    assert post["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/CategoryValueUpload-Input")
    assert set(post["responses"]) == {"201", "400", "401", "403", "406", "413", "415"}
    assert post["summary"] == "The body, as understood"


def test_problems_are_those_of_guard_query_and_body(document: dict[str, Any]) -> None:
    get, post = document["paths"][PATH]["get"], document["paths"][PATH]["post"]

    assert types_of(get, "400") == ["invalid-request", "limit-exceeded"]
    assert types_of(post, "400") == ["invalid-request", "malformed-json"]
    assert (get["security"], post["security"]) == ([{"bearer": ["read"]}], [{"bearer": ["write"]}])
    assert document["paths"]["/healthz"]["get"]["security"] == []


def test_what_is_made_leads_to_what_can_be_done_with_it(document: dict[str, Any]) -> None:
    links = document["paths"][PATH]["post"]["responses"]["201"]["links"]

    assert set(links) == {"getEchoesByID", "deleteEchoesByID"}
    assert links["getEchoesByID"]["parameters"] == {
        "tenant": "$request.path.tenant",
        "value": "$response.body#/id",
    }


def test_it_is_the_same_each_time_and_known_by_its_tag(ask: Ask) -> None:
    first, second = ask("GET", "/openapi.json"), ask("GET", "/openapi.json")

    assert first.content == second.content
    assert ask("GET", "/openapi.json", headers={"if-none-match": first.headers["etag"]}).status_code == 304
