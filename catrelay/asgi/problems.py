"""The one map from conditions to `application/problem+json` answers."""

from collections.abc import Callable

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from catrelay.problems import BadRequest, InternalError, MethodNotAllowed, NotFound, Problem, of_status

log = structlog.get_logger()

Handler = Callable[[Request, Exception], Response]

# What belongs to every answer with this status.
_HEADERS = {401: {"www-authenticate": "Bearer"}, 415: {"accept-encoding": "gzip"}}


def exception_handlers() -> dict[type[Exception], Handler]:
    """For Starlette's *exception_handlers*."""
    return {
        Problem: _problem,
        HTTPException: _http_exception,
        ClientDisconnect: _disconnected,
        Exception: _unforeseen,
    }


def problem_response(request: Request, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """The answer that reports *problem*."""
    return Response(
        orjson.dumps(problem.document(request.url.path)),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=_HEADERS.get(problem.status, {}) | (headers or {}),
    )


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(request, error)


def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    problem: Problem
    if error.status_code == MethodNotAllowed.status:
        methods = headers.pop("Allow", "GET, HEAD").split(", ")  # Starlette's static files do not say theirs
        headers["allow"] = ", ".join(sorted(methods))
        problem = MethodNotAllowed(f"{request.method} is not among the methods of {request.url.path}")
    elif error.status_code == NotFound.status:
        problem = NotFound(f"{request.url.path} is not a resource of this service")
    else:
        problem = of_status(error.status_code)(error.detail)
    return problem_response(request, problem, headers)


def _disconnected(request: Request, _: Exception) -> Response:
    """Nobody hears it: the client went away before its body was there."""
    return problem_response(request, BadRequest("The body ends early"))


def _unforeseen(request: Request, error: Exception) -> Response:
    log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    return problem_response(
        request, InternalError("The request failed for a reason that was logged, with nothing changed")
    )
