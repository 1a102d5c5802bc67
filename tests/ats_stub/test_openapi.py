"""What is generated from the ATS's own description is answered as that description says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.running import Running

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
# What is generated is bounded, so that nothing is too large to be shrunk or slow to be made; a failing case is not
# shrunk, because its steps changed what is there.
BOUNDED: dict[str, Any] = {"phases": [Phase.generate], "suppress_health_check": list(HealthCheck), "deadline": None}

AnyCase = Case[Any]
Send = Callable[[AnyCase], httpx.Response]


@pytest.fixture
def seeded(ats: Running) -> Running:
    """An ATS in which ids up to a dozen mostly name something."""
    category = ats.post("/categories", {"name": "Expertise"})["id"]
    values = f"/categories/byID/{category}/values"
    it = ats.post(values, {"name": "IT", "externalId": "it"})["id"]
    data = ats.post(values, {"name": "Data", "parent": it})["id"]
    gone = ats.post(values, {"name": "Data Sciences"})["id"]
    org = ats.post("/orgs/values", {"name": "Head office"})["id"]
    job = {
        "title": "Engineer",
        "status": "active",
        "categories": [{"category": category, "values": [gone]}],
        "org": org,
    }
    ats.post("/jobs", job)
    ats.post("/jobs", {"title": "Template", "templateFlag": True})
    ats.post(values, {"id": gone, "available": False, "remappedTo": data})
    return ats


@pytest.fixture
def schema(seeded: Running) -> OpenApiSchema:
    """The description of what is served, for the tenant that there is."""
    document = seeded.root("/openapi.json")
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        for parameter in operation["parameters"]:
            if parameter["name"] == "tenant":
                parameter["schema"] = {"const": seeded.tenant}
            elif parameter["in"] == "path" and parameter["schema"]["type"] == "integer":
                parameter["schema"] |= {"maximum": 12}
    return schemathesis.openapi.from_dict(document)


@pytest.fixture
def send(seeded: Running) -> Send:
    """Send a case, and check its answer."""

    def send(case: AnyCase) -> httpx.Response:
        made = requests.Request(**case.as_transport_kwargs(base_url="http://service")).prepare()
        made.headers["authorization"] = f"Bearer {seeded.token}"
        assert made.url is not None
        assert made.body is None or isinstance(made.body, str | bytes)
        headers = {_latin(name): _latin(text) for name, text in made.headers.items()}
        response = seeded.send(httpx.Request(case.method, made.url, headers=headers, content=made.body))
        response.elapsed = timedelta()  # which a response lacks that was read on its way
        case.validate_response(response, checks=CHECKS)
        return response

    return send


def test_every_generated_request_is_answered_as_described(schema: OpenApiSchema, send: Send) -> None:
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @settings(max_examples=2, **BOUNDED)
        @given(case=operation.as_strategy())
        def check(case: AnyCase) -> None:
            send(case)

        check()


def test_every_sequence_along_the_links_is_answered_as_described(schema: OpenApiSchema, send: Send) -> None:
    class Following(schema.as_state_machine()):  # type: ignore[misc]  # a class that is made from the description
        def call(self, case: AnyCase, **_: object) -> Response:
            return Response.from_any(send(case))

        def validate_response(self, *_: object, **__: object) -> None:
            """It was, where it was sent."""

    Following.run(settings=settings(max_examples=5, stateful_step_count=15, **BOUNDED))


def _latin(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


def test_the_description_has_the_services_name(ats: Running) -> None:
    assert ats.root("/openapi.json")["info"]["title"] == "ATS"
