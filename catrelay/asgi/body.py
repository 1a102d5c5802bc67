"""Reading requests: bodies within bounds, and everything parsed into models before it is used."""

import re
from collections.abc import Collection
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from catrelay.asgi.coding import inflate
from catrelay.models import MAX_ID
from catrelay.parsing import parse_body, summary, what_is_wrong
from catrelay.problems import (
    FieldError,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    UnsupportedMediaType,
)

Model = TypeVar("Model", bound=BaseModel)

JSON_MEDIA_TYPES = frozenset({"application/json", "application/merge-patch+json"})
CHARSETS = frozenset({"utf-8", "utf8"})
CONTENT_CODINGS = frozenset({"identity", "gzip", "x-gzip"})
# In a query a plus sign stands for a space.
_LOST_PLUS = re.compile(r"T\S+ \d\d:\d\d$")


async def read_model(request: Request, model: type[Model]) -> Model:
    """The request's JSON body as *model*. Raises InvalidRequest, PayloadTooLarge or UnsupportedMediaType."""
    return parse_body(await read_body(request), model)


async def read_body(
    request: Request, *, media_types: Collection[str] | None = JSON_MEDIA_TYPES, max_bytes: int | None = None
) -> bytes:
    """The request's body, refused as soon as it is too large. Also kept at request.state.body.

    media_types: what it may be declared as; None: anything. max_bytes: None: what the service allows. A gzipped body
    is unpacked, within the same bound.
    """
    if media_types is not None:
        _check_content_type(request.headers.get("content-type", "application/json"), media_types)
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in CONTENT_CODINGS:
        raise UnsupportedMediaType(f"The body's Content-Encoding is {coding[:100]}: send it as it is, or gzipped")
    limit: int = request.app.state.max_body_bytes if max_bytes is None else max_bytes
    body = await _received(request, limit)
    if coding != "identity":
        body = await run_in_threadpool(inflate, body, limit=limit)
    request.state.body = body
    return body


def _check_content_type(content_type: str, media_types: Collection[str]) -> None:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if media_type not in media_types:
        raise UnsupportedMediaType(f"The body is {media_type[:100]}: send {' or '.join(sorted(media_types))}")
    for name, _, text in (parameter.partition("=") for parameter in parameters):
        charset = text.strip('"')
        if name == "charset" and charset not in CHARSETS:
            raise UnsupportedMediaType(f"The body's charset is {charset[:100]}: send utf-8")


async def _received(request: Request, limit: int) -> bytes:
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


def parse_query(request: Request, model: type[Model]) -> Model:
    """The query string as *model*, a model that is not strict. Raises InvalidRequest naming each wrong parameter."""
    given: dict[str, str] = {}
    repeated: list[FieldError] = []
    for name, text in request.query_params.multi_items():
        if name in given:
            repeated.append(FieldError(name, "is given more than once"))
        given[name] = text
    if repeated:
        raise InvalidRequest(summary("The query", repeated), errors=repeated)
    try:
        return model.model_validate(given, strict=False, by_alias=True, by_name=False)
    except ValidationError as error:
        errors = [FieldError(".".join(str(part) for part in e["loc"]), _wrong_parameter(e)) for e in error.errors()]
        raise InvalidRequest(summary("The query", errors), errors=errors) from error


def _wrong_parameter(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a parameter here"
    lost_plus = isinstance(error["input"], str) and _LOST_PLUS.search(error["input"])
    return what_is_wrong(error) + ("; a + has to be sent as %2B" if lost_plus else "")


def path_id(request: Request, name: str) -> int:
    """The id in the path. Raises NotFound for what cannot be one."""
    text = request.path_params[name]
    if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) and 1 <= int(text) <= MAX_ID:
        return int(text)
    raise NotFound(f"{text[:40]!r} is no id")


def list_header(request: Request, name: str) -> str | None:
    """A header whose value is a list, which may be sent in one line or in several. None: it is not sent."""
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None
