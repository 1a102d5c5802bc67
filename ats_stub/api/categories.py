"""Categories, their values, and the org tree."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from urllib.parse import quote

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.operations import categories as operations
from ats_stub.store import Store, Unit
from catrelay.asgi import (
    Guard,
    access_of,
    json_response,
    model_response,
    parse_query,
    path_id,
    read_model,
    resource,
)
from catrelay.models import MAX_ID, Categories, CategoryValueUpload, CategoryWrite, ValueList, ValuesBatch
from catrelay.problems import InvalidRequest, LimitExceeded, NotFound
from catrelay.trees import nested

MAX_PAGE = 1_000


class _DeleteQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    force: bool = False


class _UnavailableQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    gt_id: int = Field(default=0, ge=0, le=MAX_ID, alias="gtID")
    limit: int = Field(default=MAX_PAGE, ge=1)


class CategoriesApi:
    """`/categories...` and, for values of the org tree, `/orgs/values...`."""

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    def routes(self) -> list[Route]:
        guard = self._guard
        return [
            resource("/t/{tenant}/categories", get=guard.read(self.list), post=guard.write(self.create)),
            resource(
                "/t/{tenant}/categories/byID/{category}",
                get=guard.read(self.show),
                post=guard.write(self.update),
                delete=guard.write(self.delete),
            ),
            *self._value_routes("/t/{tenant}/categories/byID/{category}/values"),
            *self._value_routes("/t/{tenant}/orgs/values"),
        ]

    def _value_routes(self, path: str) -> list[Route]:
        guard = self._guard
        return [
            resource(path, get=guard.read(self.tree), post=guard.write(self.write_value)),
            resource(f"{path}/batch", post=guard.write(self.write_values)),
            resource(f"{path}/unavailable", get=guard.read(self.unavailable)),
            resource(f"{path}/byID/{{value}}", get=guard.read(self.value)),
            resource(f"{path}/byExternalId/{{externalId:path}}", get=guard.read(self.value_by_external_id)),
        ]

    def list(self, request: Request) -> Response:
        with self._read(request) as unit:
            listed = unit.categories.listed(orgs_category=unit.counters.orgs_category)
            headers = _journal_seq(unit)
        documents = [category.to_document() for category in Categories(tuple(listed)).root]
        return json_response(orjson.dumps(documents), headers=headers)

    async def create(self, request: Request) -> Response:
        write = await read_model(request, CategoryWrite)
        access = access_of(request)
        category = await run_in_threadpool(operations.create_category, self._store, access, write, now=_now())
        location = f"/t/{quote(access.tenant, safe='')}/categories/byID/{category.id}"
        return model_response(category, status=201, headers={"location": location})

    def show(self, request: Request) -> Response:
        with self._read(request) as unit:
            return model_response(operations.category_of(unit, path_id(request, "category")))

    async def update(self, request: Request) -> Response:
        write = await read_model(request, CategoryWrite)
        category = path_id(request, "category")
        updated = await run_in_threadpool(
            operations.update_category, self._store, access_of(request), category, write, now=_now()
        )
        return model_response(updated)

    def delete(self, request: Request) -> Response:
        query = parse_query(request, _DeleteQuery)
        category = path_id(request, "category")
        operations.delete_category(self._store, access_of(request), category, force=query.force, now=_now())
        return Response(status_code=204)

    def tree(self, request: Request) -> Response:
        with self._read(request) as unit:
            category = operations.category_of(unit, category_in(request, unit))
            values = unit.values.available(category.id)
            headers = _journal_seq(unit)
        return json_response(orjson.dumps(nested(value.document() for value in values)), headers=headers)

    def value(self, request: Request) -> Response:
        with self._read(request) as unit:
            category = operations.category_of(unit, category_in(request, unit)).id
            value_id = path_id(request, "value")
            value = unit.values.value(value_id)
            if value is None or value.category != category:
                raise NotFound(f"Category {category} has no value {value_id}")
            return model_response(value.as_answered())

    def value_by_external_id(self, request: Request) -> Response:
        external_id: str = request.path_params["externalId"]
        with self._read(request) as unit:
            category = operations.category_of(unit, category_in(request, unit)).id
            value = None if "\x00" in external_id else unit.values.by_external_id(category, external_id)
            if value is None:
                raise NotFound(f"Category {category} has no value with the externalId {external_id[:100]!r}")
            return model_response(value.as_answered())

    def unavailable(self, request: Request) -> Response:
        query = parse_query(request, _UnavailableQuery)
        if query.limit > MAX_PAGE:
            raise LimitExceeded(f"limit is at most {MAX_PAGE}")
        with self._read(request) as unit:
            category = operations.category_of(unit, category_in(request, unit)).id
            found = unit.values.unavailable(category, after=query.gt_id, limit=query.limit + 1)
        page = [value.as_answered() for value in found[: query.limit]]
        more = f"{quote(request.url.path)}?gtID={page[-1].id}&limit={query.limit}" if len(found) > query.limit else None
        return model_response(ValueList(results=tuple(page), next=more))

    async def write_value(self, request: Request) -> Response:
        # A node with children is understood, so that the answer can say that it is not taken here.
        write = await read_model(request, CategoryValueUpload)
        category = await run_in_threadpool(self._category, request)
        value, created = await run_in_threadpool(
            operations.write_value,
            self._store,
            access_of(request),
            category,
            write,
            now=_now(),
            if_journal_seq=_if_journal_seq(request),
        )
        return model_response(value.as_answered(), status=201 if created else 200)

    async def write_values(self, request: Request) -> Response:
        batch = await read_model(request, ValuesBatch)
        category = await run_in_threadpool(self._category, request)
        results = await run_in_threadpool(
            operations.write_values,
            self._store,
            access_of(request),
            category,
            batch.values,
            atomic=batch.atomic,
            now=_now(),
            if_journal_seq=_if_journal_seq(request),
        )
        return model_response(results)

    def _category(self, request: Request) -> int:
        """The category that the path names. The org tree's never changes, so this needs no part in the write."""
        with self._read(request) as unit:
            return category_in(request, unit)

    def _read(self, request: Request) -> AbstractContextManager[Unit]:
        return self._store.read(access_of(request).tenant_id)


def category_in(request: Request, unit: Unit) -> int:
    """The id of the category that the path names; `/orgs` names that of the org tree."""
    if "category" in request.path_params:
        return path_id(request, "category")
    return unit.counters.orgs_category


def _journal_seq(unit: Unit) -> dict[str, str]:
    return {"journal-seq": str(unit.counters.seq)}


def _if_journal_seq(request: Request) -> int | None:
    text = request.headers.get("if-journal-seq")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < len(str(MAX_ID))):
        raise InvalidRequest("The header If-Journal-Seq is a journal entry's seq")
    return int(text)


def _now() -> datetime:
    return datetime.now(UTC)
