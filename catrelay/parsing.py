"""JSON that others sent, parsed into models before it is used. What is wrong is said by pointer."""

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from catrelay.problems import FieldError, InvalidRequest, MalformedJson

Model = TypeVar("Model", bound=BaseModel)

# What pydantic begins its sentences with: the pointer beside them says it better.
_PYTHONS_WORDS = re.compile("^(Value error, |(Input|String|List|Tuple|Dictionary) (?=should ))")


def parse_body(body: bytes, model: type[Model]) -> Model:
    """*body* as *model*. Raises InvalidRequest with a pointer to each member that is wrong."""
    try:
        return model.model_validate_json(body, by_alias=True, by_name=False)
    except ValidationError as error:
        raise _invalid(error, body) from error


def what_is_wrong(error: ErrorDetails) -> str:
    """One error of a ValidationError in our words."""
    match error["type"]:
        case "extra_forbidden":
            return "is not a member that this resource takes"
        case "missing":
            return "is missing"
        case _:
            return _PYTHONS_WORDS.sub("", error["msg"])


def summary(what: str, errors: list[FieldError]) -> str:
    """The sentence that names the first of *errors* and counts the others."""
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{what} is wrong at {first.pointer or 'its root'}: {first.detail}{more}"


def _invalid(error: ValidationError, body: bytes) -> InvalidRequest:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return MalformedJson(found[0]["msg"] if body.strip() else "The body is empty")
    document = from_json(body)
    errors = [FieldError(_pointer(e, document), what_is_wrong(e)) for e in found]
    return InvalidRequest(summary("The body", errors), errors=errors)


def _pointer(error: ErrorDetails, document: Any) -> str:
    """The place in *document*, without the names of a union's members, which stand in the error's location too."""
    *above, last = error["loc"] or ("",)
    places: list[int | str] = []
    for part in [*above, last]:
        try:
            document = document[part]
        except (LookupError, TypeError):
            if error["type"] != "missing" or part is not last:
                continue
        places.append(part)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in places)
