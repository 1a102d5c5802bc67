"""Every service describes what it serves, all of it, and as OpenAPI has it."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.applications import Starlette
from starlette.routing import Route

from catrelay.asgi.openapi import openapi
from catrelay.asgi.operation import operation_of
from catrelay.asgi.resources import Resource
from tests.test_docs import SERVICES, settings_of


@pytest.fixture(params=SERVICES)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Starlette:
    settings = settings_of(request.param)(database=f"sqlite:///{tmp_path / 'test.db'}")
    app: Starlette = importlib.import_module(f"{request.param}.app").create_app(settings)
    return app


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def references_in(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references_in(each)
    elif isinstance(part, list):
        for each in part:
            yield from references_in(each)


def test_every_route_that_is_no_page_says_what_it_takes_and_answers(app: Starlette) -> None:
    silent = [
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route) and route.include_in_schema
        for method, endpoint in (
            route.endpoint.endpoints if isinstance(route.endpoint, Resource) else {"any": 0}
        ).items()
        if (operation := operation_of(endpoint)) is None or not operation.summary
    ]

    assert silent == []


def test_a_page_declares_nothing(app: Starlette) -> None:
    declared = [
        route.path
        for route in app.routes
        if isinstance(route, Route) and not route.include_in_schema and isinstance(route.endpoint, Resource)
        if any(map(operation_of, route.endpoint.endpoints.values()))
    ]

    assert declared == []


def test_operations_have_names_of_their_own(app: Starlette) -> None:
    names = [operation["operationId"] for _, _, operation in operations_of(openapi(app.routes, title="x"))]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+[A-Za-z]+", name) for name in names)


def test_every_parameter_of_a_path_is_described(app: Starlette) -> None:
    for _, path, operation in operations_of(openapi(app.routes, title="x")):
        described = [each["name"] for each in operation["parameters"] if each["in"] == "path"]

        assert described == re.findall(r"\{(\w+)\}", path)


def test_every_link_leads_to_an_operation(app: Starlette) -> None:
    document = openapi(app.routes, title="x")
    by_name = {operation["operationId"]: path for _, path, operation in operations_of(document)}

    for _, _, operation in operations_of(document):
        for response in operation["responses"].values():
            for link in response.get("links", {}).values():
                assert set(link["parameters"]) == set(re.findall(r"\{(\w+)\}", by_name[link["operationId"]]))


def test_every_schema_is_one_and_every_reference_leads_to_one(app: Starlette) -> None:
    document = openapi(app.routes, title="x")
    schemas = document["components"]["schemas"]

    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert {each.removeprefix("#/components/schemas/") for each in references_in(document)} <= set(schemas)


def test_schemas_have_the_names_of_the_models(app: Starlette) -> None:
    names = openapi(app.routes, title="x")["components"]["schemas"]

    assert [name for name in names if "__" in name] == []
