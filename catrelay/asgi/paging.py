"""Bounds of what a query may ask for."""

from dataclasses import dataclass

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from catrelay.problems import FieldError, LimitExceeded


@dataclass(frozen=True)
class AtMost:
    """Annotates a number of a query: above *maximum* the answer is `limit-exceeded`, never less than was asked for."""

    maximum: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema) | {"maximum": self.maximum}

    def _check(self, number: int, info: core_schema.ValidationInfo) -> int:
        if number > self.maximum:
            name = info.field_name or "number"
            raise LimitExceeded(f"{name} is at most {self.maximum}", errors=[FieldError(name, "is too large")])
        return number
