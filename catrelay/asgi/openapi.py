"""The description of an API (OpenAPI 3.1), made from the routes that serve it and what their handlers declare."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from starlette.routing import BaseRoute, Route

from catrelay.asgi.headers import ETAG, IF_NONE_MATCH, Header
from catrelay.asgi.operation import JSON, Operation, operation_of
from catrelay.asgi.paging import AtMost
from catrelay.asgi.resources import Resource
from catrelay.asgi.schemas import Schemas, Use, problem_schema, query_schema
from catrelay.models import MAX_ID
from catrelay.problems import (
    Forbidden,
    InvalidRequest,
    LimitExceeded,
    MalformedJson,
    NotAcceptable,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unauthorized,
    UnsupportedMediaType,
)

Json = dict[str, Any]

TENANT = "/t/{tenant}"
PROBLEM_JSON = "application/problem+json"

_ID = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
_TEXT = {"type": "string", "minLength": 1}
_BY_ID = re.compile(r"(?:/byID)?/\{(\w+)\}")
# Where a path belongs, by the first of these segments that it has; else by its own first segment.
_TAGS = {
    "replica": "replica",
    "deltaPings": "pings",
    "uploads": "uploads",
    "remapped": "journal",
    "undo": "journal",
    "digest": "journal",
    "orgs": "org tree",
    "values": "values",
}

_FIRST = ("categories", "values", "org tree", "journal")


@dataclass(frozen=True)
class Described:
    """An operation at its path. scope: what a token needs; None: no token is asked for."""

    method: str
    path: str
    operation: Operation
    scope: str | None

    @property
    def id(self) -> str:
        """Its stable name: the method and the path's words."""
        words = [word.title() if word.islower() else word[0].upper() + word[1:] for word in self._words()]
        return self.method.lower() + ("".join(words) or "Service")

    @property
    def tag(self) -> str:
        """The group that it is shown in."""
        segments = self.path.removeprefix(TENANT).strip("/").split("/")
        if not self.path.startswith(TENANT) or segments == [""]:
            return "service"
        return next((tag for segment, tag in _TAGS.items() if segment in segments), segments[0])

    @property
    def parameters(self) -> dict[str, Json]:
        """The path's parameters with their schemas. After `byID`, and below a list of such things, stands an id."""
        return {
            name: _ID if before in ("byID", f"{name}s") else _TEXT
            for before, name in re.findall(r"([^/]*)/\{(\w+)\}", self.path)
        }

    def problems(self) -> set[type[Problem]]:
        """Every problem that it may be answered with, but for failures of the service."""
        operation = self.operation
        found: set[type[Problem]] = {InvalidRequest, *_with_those_below(operation.problems)}
        if self.parameters.keys() - {"tenant"}:
            found.add(NotFound)
        if self.scope is not None:
            found |= {Unauthorized, Forbidden}
        if operation.media_type is not None:
            found.add(NotAcceptable)
        if operation.body is not None:
            found |= {MalformedJson, PayloadTooLarge, UnsupportedMediaType}
        if any(isinstance(each, AtMost) for field in operation.query.model_fields.values() for each in field.metadata):
            found.add(LimitExceeded)
        return found.union(*(header.problems for header in operation.takes))

    def uses(self) -> Iterator[Use]:
        """The models of answer and body."""
        if self.operation.answer is not None:
            yield self.operation.answer, "serialization"
        if self.operation.body is not None:
            yield self.operation.body, "validation"

    def _words(self) -> Iterator[str]:
        before = ""
        for segment in re.split(r"[/.]", self.path.removeprefix(TENANT)):
            if segment.startswith("{"):
                if not before.startswith("by"):
                    yield segment.strip("{}")
            elif segment:
                yield segment
            before = segment


def described(routes: Iterable[BaseRoute]) -> list[Described]:
    """What *routes* serve, apart from pages and from endpoints that declare nothing."""
    return [
        Described(
            method,
            route.path_format,
            operation,
            getattr(endpoint, "scope", None),
        )
        for route in routes
        if isinstance(route, Route) and route.include_in_schema and isinstance(route.endpoint, Resource)
        for method, endpoint in route.endpoint.endpoints.items()
        if (operation := operation_of(endpoint)) is not None
    ]


def openapi(routes: Iterable[BaseRoute], *, title: str) -> Json:
    """The description of what *routes* serve."""
    operations = described(routes)
    schemas = Schemas(use for each in operations for use in each.uses())
    paths: dict[str, Json] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, operations, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version("catrelay")},
        "tags": [{"name": tag} for tag in _tags(operations)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.by_name.items())),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of one app in one tenant. Each operation names the scope that it needs.",
                }
            },
        },
    }


def _tags(operations: Sequence[Described]) -> list[str]:
    """The groups in the order in which they are shown."""
    tags = list(dict.fromkeys(each.tag for each in operations))
    return sorted(tags, key=lambda tag: _FIRST.index(tag) if tag in _FIRST else len(_FIRST) + (tag == "service"))


def _operation(each: Described, all_: Sequence[Described], schemas: Schemas) -> Json:
    operation = each.operation
    described: Json = {"operationId": each.id, "summary": operation.summary, "tags": [each.tag]}
    if operation.description:
        described["description"] = operation.description
    described["parameters"] = list(_parameters(each))
    if operation.body is not None:
        content = {"schema": schemas.reference(operation.body, "validation")}
        described["requestBody"] = {
            "required": operation.needs_body,
            "content": dict.fromkeys(sorted(operation.body_media_types), content),
        }
    described["responses"] = _responses(each, all_, schemas)
    described["security"] = [{"bearer": [each.scope]}] if each.scope is not None else []
    return described


def _parameters(each: Described) -> Iterator[Json]:
    for name, schema in each.parameters.items():
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    query = query_schema(each.operation.query)
    for name, schema in query.get("properties", {}).items():
        parameter: Json = {"name": name, "in": "query", "required": name in query.get("required", ())}
        text = schema.pop("description", None)
        yield parameter | ({"description": text} if text else {}) | _content(schema, query.get("$defs", {}))
    known = [IF_NONE_MATCH] if each.method == "GET" and _has_etag(each.operation) else []
    for header in (*each.operation.takes, *known):
        yield {"name": header.name, "in": "header", "required": False, **_header(header)}


def _content(schema: Json, definitions: Json) -> Json:
    """The schema of a query parameter; JSON within it is described as such."""
    alternatives = [part for part in schema.get("anyOf", [schema]) if part != {"type": "null"}]
    schema = alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}
    if "contentSchema" in schema:
        return {"content": {JSON: {"schema": _inlined(schema["contentSchema"], definitions)}}}
    return {"schema": schema}


def _inlined(schema: Any, definitions: Json) -> Any:
    """*schema* with its references replaced: a query's models are not among the components."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(part, definitions) for name, part in schema.items()}


def _responses(each: Described, all_: Sequence[Described], schemas: Schemas) -> Json:
    operation = each.operation
    responses: dict[str, Json] = {}
    for status in operation.statuses:
        response: Json = {"description": operation.summary}
        sent = [*operation.sends, *([ETAG] if _has_etag(operation) else [])]
        if sent:
            response["headers"] = {header.name: _header(header) for header in sent}
        if operation.media_type is not None and status != 204:
            response["content"] = {operation.media_type: {"schema": _answer_schema(operation, schemas)}}
        links = _links(each, all_, schemas)
        if links:
            response["links"] = links
        responses[str(status)] = response
    if each.method == "GET" and _has_etag(operation):
        responses["304"] = {"description": "The state is the one that If-None-Match names"}
    for status, kinds in _by_status(each.problems()).items():
        responses[str(status)] = {
            "description": "; ".join(kind.title for kind in kinds),
            "content": {PROBLEM_JSON: {"schema": problem_schema(kinds)}},
        }
    return responses


def _answer_schema(operation: Operation, schemas: Schemas) -> Json:
    if operation.answer is not None:
        return schemas.reference(operation.answer, "serialization")
    return {} if operation.media_type == JSON else {"type": "string"}


def _has_etag(operation: Operation) -> bool:
    return operation.media_type == JSON and bool({200, 201} & set(operation.statuses))


def _header(header: Header) -> Json:
    return {"description": header.meaning, "schema": dict(header.schema)}


def _by_status(kinds: Iterable[type[Problem]]) -> dict[int, list[type[Problem]]]:
    found: dict[int, list[type[Problem]]] = {}
    for kind in sorted(kinds, key=lambda kind: (kind.status, kind.type)):
        found.setdefault(kind.status, []).append(kind)
    return found


def _with_those_below(kinds: Iterable[type[Problem]]) -> Iterator[type[Problem]]:
    """*kinds*, each with its subclasses, but for those that stand for a status alone."""
    for kind in kinds:
        yield kind
        if kind.__base__ is not Problem:
            yield from _with_those_below(kind.__subclasses__())


def _links(each: Described, all_: Sequence[Described], schemas: Schemas) -> Json:
    """From an answer with an id (a list: the first one's) to the operations on what has it."""
    pointer = _id_in(each.operation.answer, schemas)
    if pointer is None or each.method not in ("GET", "POST"):
        return {}
    links: Json = {}
    for other in all_:
        match = _BY_ID.match(other.path, len(each.path)) if other.path.startswith(each.path) else None
        if match and other.parameters.keys() <= {*each.parameters, match[1]}:
            given = {name: f"$request.path.{name}" for name in each.parameters}
            links[other.id] = {
                "operationId": other.id,
                "parameters": {**given, match[1]: f"$response.body#{pointer}"},
            }
    return links


def _id_in(answer: type[BaseModel] | None, schemas: Schemas) -> str | None:
    """Where the id stands in *answer*, as a JSON Pointer."""
    if answer is None:
        return None
    schema: Mapping[str, Any] = schemas.resolved(schemas.reference(answer, "serialization"))
    if "id" in schema.get("properties", {}):
        return "/id"
    for pointer, items in (("/0/id", schema), ("/results/0/id", schema.get("properties", {}).get("results", {}))):
        if "id" in schemas.resolved(items.get("items", {})).get("properties", {}):
            return pointer
    return None
