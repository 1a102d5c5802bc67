"""A small ATS over HTTP, made of `AtsRules`: the documented API, and our additions when it shall have them."""

from dataclasses import dataclass, field
from typing import cast

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from catrelay.asgi import exception_handlers, model_response, parse_body, resource
from catrelay.asgi.resources import json_response
from catrelay.models import (
    BatchResult,
    BatchResults,
    CategoryValue,
    CategoryValues,
    CategoryValueWrite,
    Discovery,
    RelatedData,
    ValueList,
    ValuesBatch,
)
from catrelay.problems import LimitExceeded, NotFound, Problem, ValueHasChildren
from tests.uploader.ats_rules import AtsRules

ALL_CAPABILITIES = ("values.batch", "values.byExternalId", "values.unavailable")
CATEGORY = 17
JOURNAL_SEQ = 57


@dataclass
class StandIn:
    """One category, 17, in any tenant. orgs_category: what it says of itself.

    jobs: by value, how many jobs reference it. calls: what was asked.
    """

    rules: AtsRules = field(default_factory=AtsRules)
    capabilities: tuple[str, ...] | None = ALL_CAPABILITIES
    orgs_category: int | None = None
    jobs: dict[int, int] = field(default_factory=dict)
    max_batch: int = 500
    calls: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        routes = self._value_routes(f"/t/{{tenant}}/categories/byID/{CATEGORY}/values")
        if self.orgs_category is not None:
            routes += self._value_routes("/t/{tenant}/orgs/values")
        if self.capabilities is not None:
            routes.append(resource("/t/{tenant}", get=self.discover))
        app = Starlette(routes=routes, exception_handlers=exception_handlers())
        app.state.max_body_bytes = 10_000_000
        return app

    def _value_routes(self, values: str) -> list[Route]:
        routes = [
            resource(values, get=self.tree, post=self.write),
            resource(f"{values}/byID/{{value}}", get=self.value),
            resource(f"{values}/byID/{{value}}/summary", get=self.summary),
            resource(f"{values}/byID/{{value}}/changeImpact", post=self.impact),
        ]
        if self.capabilities is not None:
            routes += [
                resource(f"{values}/batch", post=self.batch),
                resource(f"{values}/unavailable", get=self.unavailable),
                resource(f"{values}/byExternalId/{{external_id:path}}", get=self.by_external_id),
            ]
        return routes

    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(self.app())

    async def discover(self, request: Request) -> Response:
        assert self.capabilities is not None
        self.calls.append("discover")
        return model_response(
            Discovery(service="ats", version="1", capabilities=self.capabilities, orgs_category=self.orgs_category)
        )

    async def tree(self, request: Request) -> Response:
        self.calls.append("tree")
        tree = CategoryValues(self.rules.tree()).model_dump_json(by_alias=True, exclude_none=True).encode()
        return json_response(tree, headers={"journal-seq": str(JOURNAL_SEQ)} if self.capabilities is not None else {})

    async def value(self, request: Request) -> Response:
        self.calls.append("value")
        return model_response(self._value(request))

    async def by_external_id(self, request: Request) -> Response:
        self.calls.append("byExternalId")
        found = self.rules.by_external_id(request.path_params["external_id"])
        if found is None:
            raise NotFound("There is none")
        return model_response(found)

    async def unavailable(self, request: Request) -> Response:
        self.calls.append("unavailable")
        after, limit = int(request.query_params["gtID"]), int(request.query_params["limit"])
        found = sorted(id_ for id_, value in self.rules.values.items() if not value.available and id_ > after)
        page = tuple(self.rules.values[id_] for id_ in found[:limit])
        return model_response(ValueList(results=page, next="more" if len(found) > limit else None))

    async def impact(self, request: Request) -> Response:
        self.calls.append("impact")
        if self.rules.children(self._value(request).id):
            raise ValueHasChildren("It has children")
        return self._related(request)

    async def summary(self, request: Request) -> Response:
        self.calls.append("summary")
        return self._related(request)

    def _related(self, request: Request) -> Response:
        count = self.jobs.get(self._value(request).id, 0)
        if count == 0:
            raise NotFound("Nothing")
        return model_response(RelatedData(summary=f"{count} jobs", counts={"jobs": count}))

    async def write(self, request: Request) -> Response:
        self.calls.append("write")
        return model_response(self.rules.write(parse_body(await request.body(), CategoryValueWrite)))

    async def batch(self, request: Request) -> Response:
        self.calls.append("batch")
        batch = parse_body(await request.body(), ValuesBatch)
        if len(batch.values) > self.max_batch:
            raise LimitExceeded("Too many")
        return model_response(BatchResults(results=tuple(self._one(write) for write in batch.values)))

    def _one(self, write: CategoryValueWrite) -> BatchResult:
        try:
            return BatchResult(status=200, value=self.rules.write(write))
        except Problem as problem:
            return BatchResult(status=problem.status, problem=problem.document())

    def _value(self, request: Request) -> CategoryValue:
        found = self.rules.values.get(int(request.path_params["value"]))
        if found is None:
            raise NotFound("There is none")
        return found


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Faulty(httpx.AsyncBaseTransport):
    """Passes requests on, except that the one numbered *at* (from 0) raises *error*: before or after the ATS has acted.

    dies: everything after it fails too, as in a process that is gone.
    """

    inner: httpx.AsyncBaseTransport
    at: int
    error: BaseException
    acted: bool
    dies: bool = False
    requests: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        number = self.requests
        self.requests += 1
        if number == self.at or (self.dies and number > self.at):
            if self.acted and number == self.at:
                await self.inner.handle_async_request(request)
            raise self.error
        return await self.inner.handle_async_request(request)


@dataclass
class Answering(httpx.AsyncBaseTransport):
    """Passes requests on, except that the one numbered *at* is answered with *status* and no problem document."""

    inner: httpx.AsyncBaseTransport
    at: int
    status: int
    requests: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        number = self.requests
        self.requests += 1
        if number == self.at:
            return httpx.Response(self.status, content=b"<html>", request=request)
        return await self.inner.handle_async_request(request)


def body(*nodes: object, test: bool = False) -> dict[str, object]:
    """An upload of *nodes*."""
    return {"testFlag": test, "categoryValues": list(nodes)}


def loaded(content: bytes) -> dict[str, object]:
    """A JSON object."""
    return cast(dict[str, object], orjson.loads(content))
