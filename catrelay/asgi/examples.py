"""Example documents, made from schemas."""

import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from catrelay.asgi.schemas import REF

Schema = Mapping[str, Any]

# What says more than "text" would.
_TEXTS = {
    "name": "Auckland",
    "code": "AKL",
    "externalId": "nz-akl",
    "tenant": "acme",
    "title": "Engineer",
    "url": "https://app.example/hooks",
    "at": "2026-11-22T09:00:00Z",
}
_FORMATS = {"date-time": "2026-11-22T09:00:00Z", "date": "2026-11-22", "email": "kiri@example.com"}
_PLAIN = {"boolean": True, "integer": 1, "number": 1.5, "null": None}


class Examples:
    """Makes examples. by_name: the schemas that others refer to."""

    def __init__(self, by_name: Mapping[str, Schema]) -> None:
        self._by_name = by_name

    def of(self, schema: Schema, name: str = "", above: tuple[str, ...] = ()) -> object:
        """A document that *schema* describes. name: the member's; above: schemas that it stands within."""
        if "$ref" in schema:
            referred = schema["$ref"].removeprefix(REF)
            return self.of(self._by_name[referred], name, (*above, referred))
        if "anyOf" in schema:
            return self.of(schema["anyOf"][0], name, above)
        for given in ("const", "default"):
            if given in schema:
                return schema[given]
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "array":
            return [self.of(schema.get("items", {}), name, above)]
        if kind == "object":
            return self._object(schema, above)
        return _PLAIN.get(str(kind), _FORMATS.get(schema.get("format", ""), _TEXTS.get(name, "text")))

    def _object(self, schema: Schema, above: tuple[str, ...]) -> dict[str, object]:
        members = schema.get("properties", {})
        if not members and isinstance(schema.get("additionalProperties"), dict):
            return {"jobs": self.of(schema["additionalProperties"], above=above)}
        return {
            name: self.of(member, name, above) for name, member in members.items() if not _leads_back(member, above)
        }


def shown(document: object) -> str:
    """*document* as people read it."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def curl(method: str, path: str, operation: Schema, examples: Examples) -> str:
    """The command that asks for *operation*; $ROOT and $TOKEN are the reader's."""
    query: dict[str, str] = {}
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(examples.of(parameter["schema"], parameter["name"])))
        elif parameter["in"] == "query" and parameter["required"]:
            query[parameter["name"]] = str(examples.of(parameter["schema"], parameter["name"]))
    lines = [f'curl {"" if method == "GET" else f"-X {method} "}"$ROOT{path}{"?" + urlencode(query) if query else ""}"']
    if operation["security"]:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    for media_type, content in list(operation.get("requestBody", {}).get("content", {}).items())[:1]:
        body = orjson.dumps(examples.of(content["schema"])).decode()
        lines += [f'-H "Content-Type: {media_type}"', f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(lines)


def _leads_back(schema: Schema, above: tuple[str, ...]) -> bool:
    """Whether *schema* is made of what it stands within, and would have no end."""
    if "$ref" in schema:
        return schema["$ref"].removeprefix(REF) in above
    inner = [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]
    return any(_leads_back(part, above) for part in inner)
