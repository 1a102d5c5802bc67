"""What all wire models share: names, strictness, and how they become JSON."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import CoreSchema, WithDefaultSchema

MAX_ID = 2**63 - 1
MAX_EXACT_INTEGER = 2**53
"""Up to here, databases and other languages keep a JSON number as it was."""
MAX_KEY_CHARACTERS = 500
"""Bound of members that databases index: PostgreSQL refuses index rows of more than 2 704 bytes."""

_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")


class Wire(BaseModel):
    """A JSON object of the contract: camelCase on the wire, snake_case here, unknown members refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
    )

    def to_json(self) -> bytes:
        """This object as UTF-8 JSON, members that are not set left out (the contract has no null in answers)."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()

    def to_document(self) -> dict[str, Any]:
        """This object as JSON-ready values, members that are not set left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_patch(self) -> dict[str, Any]:
        """The members that were given, explicit nulls included: the body of a JSON Merge Patch request."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("contains the character U+0000, which cannot be stored")
    return text


def _from_date_time(moment: object) -> object:
    # Parsed here: pydantic would take a number in quotes for seconds since 1970.
    if not isinstance(moment, str):
        return moment
    try:
        if _DATE_TIME.match(moment):
            return datetime.fromisoformat(moment.upper())
    except ValueError:
        pass
    raise ValueError("is not a date and time of RFC 3339, such as 2026-11-22T09:00:00Z")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from error


def _exact_number(number: object, validate: ValidatorFunctionWrapHandler) -> int | float:
    try:
        valid: int | float = validate(number)
    except ValidationError:
        # A union's own errors point at its members (/sequence/int), which no body has.
        raise PydanticCustomError("number_type", "Input should be a finite number") from None
    if isinstance(valid, int) and abs(valid) > MAX_EXACT_INTEGER:
        raise PydanticCustomError("number_size", "Input should be an integer of at most 53 bits, or a fraction")
    return valid


Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Number = Annotated[int | float, WrapValidator(_exact_number)]
Text = Annotated[str, AfterValidator(_without_nul)]
Key = Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARACTERS), AfterValidator(_without_nul)]
Moment = Annotated[AwareDatetime, BeforeValidator(_from_date_time), AfterValidator(_in_utc)]


class NeverNull:
    """Annotates a member that null cannot clear. A rule refuses it, by its name; this describes it."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        kept = [part for part in described.pop("anyOf") if part != {"type": "null"}]
        return described | (kept[0] if len(kept) == 1 else {"anyOf": kept})


class ContractSchema(GenerateJsonSchema):
    """A member that may be absent from an answer is never null there; in a request, null clears it."""

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", "") is not None:
            return super().default_schema(schema)
        inner = schema["schema"]
        may_be_absent_only = self.mode == "serialization" and inner["type"] == "nullable"
        return self.generate_inner(inner["schema"] if may_be_absent_only else inner)

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def answer_schema(model: type[BaseModel]) -> JsonSchemaValue:
    """The JSON Schema (2020-12) that every answer made from *model* validates against."""
    return model.model_json_schema(by_alias=True, mode="serialization", schema_generator=ContractSchema)
