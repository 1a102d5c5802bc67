"""JSON whose shape the contract leaves open, kept as it came: what may stand in it, and errors by pointer."""

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from catrelay.models.wire import MAX_EXACT_INTEGER

MAX_FREEFORM_DEPTH = 32
"""Levels of objects and arrays: parsers have an end, and an answer stands some levels deeper than what was sent."""

Place: TypeAlias = tuple[int | str, ...]
"""Where something is: the steps of a JSON Pointer."""
Fault: TypeAlias = tuple[Place, str]


def faults_in(value: object, at: Place = ()) -> Iterator[Fault]:
    """What in *value*, parsed JSON that stands at *at*, the contract does not allow: see "Bodies"."""
    if value is None:
        yield at, "cannot be null"
    elif isinstance(value, str):
        yield from _faults_in_text(value, at)
    elif isinstance(value, float) and not math.isfinite(value):
        yield at, "should be a finite number"
    elif isinstance(value, int) and abs(value) > MAX_EXACT_INTEGER:
        yield at, "should be an integer of at most 53 bits, or a fraction"
    elif isinstance(value, dict | list) and len(at) >= MAX_FREEFORM_DEPTH:
        yield at, f"is nested more than {MAX_FREEFORM_DEPTH} levels deep"
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _faults_in_text(name, (*at, name))
            yield from faults_in(member, (*at, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from faults_in(item, (*at, index))


def _faults_in_text(text: str, at: Place) -> Iterator[Fault]:
    if "\x00" in text:
        yield at, "contains the character U+0000, which cannot be stored"


def refuse(faults: Sequence[Fault], value: object) -> None:
    """Raise a ValidationError that has all of *faults*, each at its place within *value*, unless there are none."""
    if faults:
        raise ValidationError.from_exception_data(
            "freeform",
            [
                InitErrorDetails(type=PydanticCustomError("freeform", "{fault}", {"fault": fault}), loc=at, input=value)
                for at, fault in faults
            ],
        )


def _without_cleared(value: object) -> object:
    """*value* without the members that are null: after a merge patch those are what it cleared."""
    if not isinstance(value, dict):
        return value
    return {name: _without_cleared(member) for name, member in value.items() if member is not None}


def _checked(details: dict[str, Any]) -> dict[str, Any]:
    kept = {name: _without_cleared(member) for name, member in details.items() if member is not None}
    refuse(list(faults_in(kept)), kept)
    return kept


Details = Annotated[dict[str, Any], AfterValidator(_checked)]
"""An object of any members. Null clears one; within an array, which a merge patch replaces whole, it is refused."""
