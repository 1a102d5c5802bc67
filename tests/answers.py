"""Validates what services answer: each answer against the contract's schemas, each error against RFC 9457.

Wrap the transport of a client, and every answer that passes through it is validated:

    transport = ValidatingTransport(httpx.ASGITransport(app))
    async with AtsClient("http://ats", "acme", token, transport=transport) as ats:
        await ats.categories()

An answer got in another way is validated by `AnswerValidator().check_response(response)`, or without a response by
`AnswerValidator().check("GET", "/t/acme/categories", 200, document)`. A wrong answer is an AssertionError that names
the request, the schema and the place. Answers are validated against the schemas made from our models and, where
CATRELAY_PUBLISHED_SCHEMAS names their folder, the published ones. What no service of ours serves is only
checked for what holds for all: no null anywhere, errors are problem documents.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import httpx
import orjson
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from catrelay.models import BatchResults, CategoryValue, DeltaPing, UploadStatus, answer_schema
from catrelay.problems import TYPE_PREFIX, Problem
from tests.endpoints import Endpoint, endpoints
from tests.published_schemas import PublishedSchemas

# The sample app's own answers: a testimonial that lost its value has null there.
WITH_NULLS = re.compile(r"/testimonials(/\d+)?")

# Bodies of the pings that a subscriber is sent, by path below /t/{tenant}; other pings have none.
PINGS: tuple[tuple[str, type[BaseModel], str], ...] = (
    ("/categories/byID/{category}/values/byID/{value}/deltaPings", CategoryValue, "categoryValue.json"),
    ("/orgs/values/byID/{value}/deltaPings", CategoryValue, "categoryValue.json"),
    ("/jobs/open/byID/{job}/deltaPings", DeltaPing, "deltaPing.json"),
    ("/jobs/open/externally/byID/{job}/deltaPings", DeltaPing, "deltaPing.json"),
    ("/users/byID/{user}/deltaPings", DeltaPing, "deltaPing.json"),
    ("/candidates/byID/{candidate}/deltaPings", DeltaPing, "deltaPing.json"),
    ("/categories/byID/{category}/values/uploads/byID/{upload}/deltaPings", UploadStatus, "uploadStatus.json"),
    ("/orgs/values/uploads/byID/{upload}/deltaPings", UploadStatus, "uploadStatus.json"),
)


class AnswerValidator:
    """Says whether an answer is what the contract describes."""

    def __init__(self) -> None:
        self._published = published_schemas()

    def check_response(self, response: httpx.Response) -> None:
        """Raise AssertionError unless *response*, read whole, is right: status, headers and body."""
        request = response.request
        what = f"{request.method} {request.url.path} answered {response.status_code}"
        media_type = response.headers.get("content-type", "").partition(";")[0]
        if response.status_code >= 400 and request.method != "HEAD":
            assert media_type == "application/problem+json", f"{what}: an error as {media_type or 'nothing'}"
            assert response.status_code != 405 or "allow" in response.headers, f"{what} without Allow"
            assert response.status_code != 401 or "www-authenticate" in response.headers, (
                f"{what} without WWW-Authenticate"
            )
        document = orjson.loads(response.content) if media_type.endswith("json") and response.content else None
        path = request.url.raw_path.decode().partition("?")[0]
        if request.method != "HEAD":
            self.check(request.method, path, response.status_code, document)
        endpoint = _endpoint(request.method, path)
        if response.is_success and endpoint is not None and endpoint.journal_seq:
            assert re.fullmatch(r"0|[1-9]\d*", response.headers.get("journal-seq", "")), f"{what} without Journal-Seq"

    def check(self, method: str, path: str, status: int, document: object) -> None:
        """Raise AssertionError unless *document* is right. path: as requested, or its template; None: no body."""
        what = f"{method} {path} answered {status}"
        for place in _nulls(document, "$"):
            assert WITH_NULLS.fullmatch(_below_tenant(path)), f"{what} with null at {place}"
        if status >= 400:
            self.check_problem(document, status)
            return
        if status == 304:  # whoever has the answer already
            assert (method, document) == ("GET", None), what
            return
        endpoint = _endpoint(method, path)
        if endpoint is None or status == 304:
            assert status != 304 or document is None, f"{what} with a body"
            return
        assert status in endpoint.statuses, f"{what}, not {' or '.join(map(str, endpoint.statuses))}"
        if endpoint.model is None:
            assert document is None, f"{what} with a body"
        else:
            self._check_document(what, document, endpoint.model, endpoint.published)
        if isinstance(document, dict) and endpoint.model is BatchResults:
            for result in document["results"]:
                if result["status"] >= 400:
                    self.check_problem(result["problem"], result["status"])

    def check_problem(self, document: object, status: int) -> None:
        """Raise AssertionError unless *document* is a problem document of one of our types, with this *status*."""
        assert isinstance(document, dict), f"a problem is an object, not {document!r}"
        kind = Problem.types().get(str(document.get("type")).removeprefix(TYPE_PREFIX))
        assert str(document.get("type")).startswith(TYPE_PREFIX), f"not a type of ours: {document}"
        assert kind is not None, f"no known problem type: {document}"
        assert document.get("title") == kind.title, f"the title of {kind.type} is {kind.title!r}: {document}"
        assert document.get("status") == status == kind.status, (
            f"{kind.type} is {kind.status}, not {status}: {document}"
        )
        assert isinstance(document.get("detail"), str), f"no detail: {document}"
        assert document["detail"].strip(), f"an empty detail: {document}"
        assert isinstance(document.get("instance", ""), str), f"the instance is a path: {document}"
        for error in document.get("errors", []):
            assert set(error) == {"pointer", "detail"}, f"an error is a pointer and a detail: {document}"
            assert all(isinstance(text, str) for text in error.values()), f"not text: {document}"

    def check_ping(self, path: str, body: bytes) -> None:
        """Raise AssertionError unless *body* is what the ping at *path* (below /t/{tenant}) carries."""
        for template, model, published in PINGS:
            if _pattern(template).fullmatch(path):
                document = orjson.loads(body)
                assert not list(_nulls(document, "$")), f"the ping {path} has a null"
                self._check_document(f"the ping {path}", document, model, published)
                return
        assert path.endswith("/deltaPings"), f"no ping: {path}"
        assert not body, f"the ping {path} has a body"

    def _check_document(self, what: str, document: object, model: type[BaseModel], published: str | None) -> None:
        for error in _own_schema(model).iter_errors(cast(Any, document)):
            raise AssertionError(f"{what}, which is no {model.__name__} at {error.json_path}: {error.message}")
        if self._published is not None and published is not None:
            for message in self._published.errors(published, document):
                raise AssertionError(f"{what}, which is not as {published} says at {message}")


class ValidatingTransport(httpx.AsyncBaseTransport):
    """Passes requests on to *transport* and validates every answer (not for streams without an end)."""

    def __init__(self, transport: httpx.AsyncBaseTransport, validator: AnswerValidator | None = None) -> None:
        self._transport = transport
        self._validator = validator or AnswerValidator()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        response.request = request
        await response.aread()
        self._validator.check_response(response)
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


@cache
def published_schemas() -> PublishedSchemas | None:
    """The published schemas, where there are any."""
    folder = os.environ.get("CATRELAY_PUBLISHED_SCHEMAS")
    return PublishedSchemas(Path(folder)) if folder else None


@cache
def _own_schema(model: type[BaseModel]) -> Draft202012Validator:
    return Draft202012Validator(answer_schema(model))


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in re.split(r"\{\w+\}", template)))


def _endpoint(method: str, path: str) -> Endpoint | None:
    """The endpoint of *path*. Of several templates that fit, the one with the fewest parameters is meant."""
    below_tenant = _below_tenant(path)
    fitting = [e for e in endpoints() if e.method == method and _pattern(e.path).fullmatch(below_tenant)]
    return min(fitting, key=lambda endpoint: endpoint.path.count("{"), default=None)


def _below_tenant(path: str) -> str:
    return re.sub(r"^/t/[^/]+", "", path)


def _nulls(document: object, place: str) -> Iterator[str]:
    if document is None and place != "$":
        yield place
    elif isinstance(document, dict):
        for name, member in document.items():
            yield from _nulls(member, f"{place}.{name}")
    elif isinstance(document, list):
        for index, item in enumerate(document):
            yield from _nulls(item, f"{place}[{index}]")
