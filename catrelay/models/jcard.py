"""jCards: personal details. Source: RFC 7095."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator

from catrelay.models.freeform import Fault, Place, faults_in, refuse


def _checked(card: list[Any]) -> list[Any]:
    refuse(list(faults_of(card)), card)
    return card


JCard = Annotated[list[Any], AfterValidator(_checked)]
"""`["vcard", [[name, {parameters}, type, value, ...], ...]]`, kept as it came.

The shape is checked, not what the properties mean: a card of a later version of vCard is one, too.
"""


def faults_of(card: list[Any]) -> Iterator[Fault]:
    """Where and why *card* is no jCard."""
    if len(card) != 2 or not isinstance(card[1], list):
        yield (), 'should be an array of "vcard" and an array of properties'
        return
    if card[0] != "vcard":
        yield (0,), 'should be "vcard"'
    for index, entry in enumerate(card[1]):
        yield from _faults_of_property(entry, (1, index))


def _faults_of_property(entry: object, at: Place) -> Iterator[Fault]:
    if not isinstance(entry, list) or len(entry) < 4:
        yield at, "should be an array of a name, parameters, a type and at least one value"
        return
    name, parameters, kind, *values = entry
    yield from _faults_of_word(name, "name of a property", (*at, 0))
    yield from _faults_of_parameters(parameters, (*at, 1))
    yield from _faults_of_word(kind, "type of its values", (*at, 2))
    for index, value in enumerate(values, start=3):
        if _is_value(value):
            yield from faults_in(value, (*at, index))
        else:
            yield (*at, index), "should be a text, a number, true, false, or an array of these or of arrays of these"


def _faults_of_word(word: object, what: str, at: Place) -> Iterator[Fault]:
    if isinstance(word, str) and word:
        yield from faults_in(word, at)
    else:
        yield at, f"should be the {what}"


def _faults_of_parameters(parameters: object, at: Place) -> Iterator[Fault]:
    if not isinstance(parameters, dict):
        yield at, "should be an object of parameters"
        return
    for name, value in parameters.items():
        texts = value if isinstance(value, list) else [value]
        if all(isinstance(text, str) for text in texts):
            yield from faults_in({name: value}, at)
        else:
            yield (*at, name), "should be a text or an array of texts"


def _is_value(value: object, arrays: int = 2) -> bool:
    """Whether *value* can be a property's: a structured one is an array of components, which may be arrays."""
    if isinstance(value, list):
        return arrays > 0 and all(_is_value(component, arrays - 1) for component in value)
    return isinstance(value, str | bool | int | float)
