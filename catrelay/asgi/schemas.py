"""The schemas of an API: of its models, by name, and of the problem documents."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue, models_json_schema

from catrelay.models.wire import ContractSchema
from catrelay.problems import TYPE_PREFIX, Problem

Mode = Literal["validation", "serialization"]
Use = tuple[type[BaseModel], Mode]

REF = "#/components/schemas/"

PROBLEM: JsonSchemaValue = {
    "type": "object",
    "description": "What is wrong (RFC 9457). Decide by *type*; some types have members of their own.",
    "properties": {
        "type": {"type": "string", "pattern": f"^{TYPE_PREFIX}"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "The path that was asked for"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "description": "What is wrong at one place",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON Pointer into the body, or a query parameter"},
                    "detail": {"type": "string"},
                },
                "required": ["pointer", "detail"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}


class Schemas:
    """The schemas of *uses*: an answer's model is described as it is sent, a request's as it is taken."""

    def __init__(self, uses: Iterable[Use]) -> None:
        refs, root = models_json_schema(
            sorted(set(uses), key=lambda use: (use[0].__module__, use[0].__qualname__, use[1])),
            by_alias=True,
            ref_template=REF + "{model}",
            schema_generator=ContractSchema,
        )
        self._refs = refs
        self.by_name: dict[str, Any] = {**root.get("$defs", {}), "Problem": PROBLEM}

    def reference(self, model: type[BaseModel], mode: Mode) -> JsonSchemaValue:
        """A reference to the model's schema."""
        return self._refs[(model, mode)]

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """*schema*, or what it refers to."""
        while "$ref" in schema:
            schema = self.by_name[schema["$ref"].removeprefix(REF)]
        return schema


def query_schema(model: type[BaseModel]) -> JsonSchemaValue:
    """The schema of a query's model, whole."""
    return model.model_json_schema(by_alias=True, schema_generator=ContractSchema)


def problem_schema(kinds: Iterable[type[Problem]]) -> JsonSchemaValue:
    """A problem document of one of *kinds*, which share a status."""
    types = sorted({kind.type: kind.status for kind in kinds}.items())
    return {
        "$ref": f"{REF}Problem",
        "properties": {"type": {"enum": [TYPE_PREFIX + name for name, _ in types]}, "status": {"const": types[0][1]}},
    }
