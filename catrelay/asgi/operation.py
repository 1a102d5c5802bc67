"""What a method of a resource takes and answers, said once beside its handler: it is served and described by it.

    @answers(Category, 201, sends=[LOCATION], problems=[CategoryKeyTaken])
    async def create(self, request: Request, body: CategoryWrite) -> Response:
        '''Create a category.'''

A parameter *query* is the query string as its model, a parameter *body* the body as its model, with `Model | None` None
when nothing is sent; without *query* no query parameter is taken. A handler that is a plain function runs in the
threadpool, with a body too. The docstring's first line is the summary, the rest the description.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from types import NoneType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, get_args, get_type_hints, overload

from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from catrelay.asgi.body import JSON_MEDIA_TYPES, parse_query, read_body
from catrelay.asgi.headers import Header
from catrelay.parsing import parse_body
from catrelay.problems import Problem

P = ParamSpec("P")
Owner = TypeVar("Owner")

JSON = "application/json"
ANY = "*/*"
"""The media type of what is known only once it is there."""


class NoQuery(BaseModel):
    """No parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Operation:
    """What a method of a resource takes and answers.

    answer: the body's model; None where *media_type* has none, or with 204 no body at all.
    body: the model of what is read, None for no body; body_media_types: as what it is read; needs_body: that there has
    to be one.
    """

    summary: str
    description: str
    answer: type[BaseModel] | None
    statuses: tuple[int, ...]
    media_type: str | None
    query: type[BaseModel]
    body: type[BaseModel] | None
    body_media_types: frozenset[str]
    needs_body: bool
    takes: tuple[Header, ...]
    sends: tuple[Header, ...]
    problems: tuple[type[Problem], ...]


class Declare(Protocol):
    """Makes an endpoint of a handler."""

    @overload
    def __call__(self, handler: Callable[Concatenate[Request, P], Any], /) -> Callable[[Request], Any]: ...
    @overload
    def __call__(
        self, handler: Callable[Concatenate[Owner, Request, P], Any], /
    ) -> Callable[[Owner, Request], Any]: ...


def answers(
    answer: type[BaseModel] | None,
    *statuses: int,
    media_type: str | None = JSON,
    reads: type[BaseModel] | None = None,
    reads_media_types: Sequence[str] = (),
    takes: Sequence[Header] = (),
    sends: Sequence[Header] = (),
    problems: Sequence[type[Problem]] = (),
) -> Declare:
    """Declare what a handler answers when it succeeds: *answer* with one of *statuses* (200; without *answer* 204).

    media_type: the answer's, when it is no JSON. reads, reads_media_types: the body of a handler that reads it itself,
    or, where it is more than *body*'s model says, what it is. takes, sends: headers. problems: those that are not
    implied by path, query, body, headers and guard; a class stands for those below it, too.
    """

    def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
        hints = get_type_hints(handler)
        summary, _, description = (inspect.getdoc(handler) or "").partition("\n")
        operation = Operation(
            summary=summary.rstrip("."),
            description=description.strip(),
            answer=answer,
            statuses=statuses or ((204,) if answer is None else (200,)),
            media_type=media_type if answer is not None or statuses else None,
            query=hints.get("query", NoQuery),
            body=reads or _body_model(hints),
            body_media_types=frozenset(reads_media_types) or JSON_MEDIA_TYPES,
            needs_body=_needs_body(hints),
            takes=tuple(takes),
            sends=tuple(sends),
            problems=tuple(problems),
        )
        endpoint = _endpoint(handler, hints)
        vars(endpoint)["operation"] = operation
        return endpoint

    return declare


def operation_of(endpoint: object) -> Operation | None:
    """What *endpoint* was declared to take and answer; None: it was not."""
    found = getattr(endpoint, "operation", None)
    return found if isinstance(found, Operation) else None


def _body_model(hints: Mapping[str, Any]) -> type[BaseModel] | None:
    hint = hints.get("body")
    return next((each for each in get_args(hint) if each is not NoneType), hint)


def _needs_body(hints: Mapping[str, Any]) -> bool:
    return NoneType not in get_args(hints.get("body"))


def _endpoint(handler: Callable[..., Any], hints: Mapping[str, Any]) -> Callable[..., Any]:
    """*handler* as what is called with the request alone (and before it, where it is a method, its object)."""
    query, body, needs_body = hints.get("query"), _body_model(hints), _needs_body(hints)

    def parsed(request: Request) -> dict[str, BaseModel | None]:
        found = parse_query(request, query or NoQuery)
        return {"query": found} if query else {}

    if body is None and not inspect.iscoroutinefunction(handler):

        @wraps(handler)
        def call(*arguments: Any) -> Any:
            return handler(*arguments, **parsed(arguments[-1]))

        return call

    @wraps(handler)
    async def call_async(*arguments: Any) -> Any:
        request = arguments[-1]
        given = parsed(request)
        if body is not None:
            sent = await read_body(request)
            given["body"] = parse_body(sent, body) if sent or needs_body else None
        if inspect.iscoroutinefunction(handler):
            return await handler(*arguments, **given)
        return await run_in_threadpool(handler, *arguments, **given)

    return call_async
