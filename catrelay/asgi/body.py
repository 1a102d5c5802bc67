"""Reading requests: bodies within bounds, and everything parsed into models before it is used."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from catrelay.models import MAX_ID
from catrelay.problems import (
    FieldError,
    InvalidRequest,
    MalformedJson,
    NotFound,
    PayloadTooLarge,
    UnsupportedMediaType,
)

Model = TypeVar("Model", bound=BaseModel)

JSON_MEDIA_TYPES = {"application/json", "application/merge-patch+json"}


async def read_model(request: Request, model: type[Model]) -> Model:
    """The request's JSON body as *model*. Raises InvalidRequest, PayloadTooLarge or UnsupportedMediaType."""
    return parse_body(await read_body(request), model)


async def read_body(request: Request) -> bytes:
    """The request's body, refused as soon as it is larger than the service allows, or is declared not to be JSON."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type not in JSON_MEDIA_TYPES:
        raise UnsupportedMediaType(f"The body is {media_type}: send application/json")
    limit: int = request.app.state.max_body_bytes
    if int(request.headers.get("content-length") or 0) > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge(f"The body is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def parse_body(body: bytes, model: type[Model]) -> Model:
    """*body* as *model*. Raises InvalidRequest with a pointer to each member that is wrong."""
    try:
        return model.model_validate_json(body, by_alias=True, by_name=False)
    except ValidationError as error:
        raise _invalid_body(error) from error


def parse_query(request: Request, model: type[Model]) -> Model:
    """The query string as *model*, a model that is not strict. Raises InvalidRequest naming each wrong parameter."""
    given: dict[str, str] = {}
    repeated: list[FieldError] = []
    for name, text in request.query_params.multi_items():
        if name in given:
            repeated.append(FieldError(name, "is given more than once"))
        given[name] = text
    if repeated:
        raise InvalidRequest("The query has a repeated parameter", errors=repeated)
    try:
        return model.model_validate(given, strict=False, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = [
            FieldError(".".join(str(part) for part in e["loc"]), _message(e["type"], e["msg"])) for e in error.errors()
        ]
        raise InvalidRequest(_summary("The query", errors), errors=errors) from error


def path_id(request: Request, name: str) -> int:
    """The id in the path. Raises NotFound for what cannot be one."""
    text = request.path_params[name]
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) and 1 <= int(text) <= MAX_ID:
        return int(text)
    raise NotFound(f"{text[:40]!r} is no id")


def _invalid_body(error: ValidationError) -> InvalidRequest:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return MalformedJson(found[0]["msg"])
    errors = [FieldError(_pointer(e["loc"]), _message(e["type"], e["msg"])) for e in found]
    return InvalidRequest(_summary("The body", errors), errors=errors)


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _message(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is not a member that this resource takes"
    return message.removeprefix("Value error, ")


def _summary(what: str, errors: list[FieldError]) -> str:
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{what} is wrong at {first.pointer or 'its root'}: {first.detail}{more}"
