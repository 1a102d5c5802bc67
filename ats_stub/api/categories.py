"""Categories, their values, and the org tree."""

from collections.abc import Callable
from urllib.parse import quote

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.requests import Requests, category_in
from ats_stub.operations import categories as operations
from ats_stub.operations import values
from ats_stub.store import Unit, WriteUnit
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
from catrelay.asgi.body import list_header
from catrelay.asgi.conditions import is_known
from catrelay.digest import digest
from catrelay.models import MAX_ID, Categories, CategoryValueUpload, CategoryWrite, ValueList, ValuesBatch
from catrelay.problems import LimitExceeded, NotFound

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

    def __init__(self, requests: Requests, guard: Guard) -> None:
        self._requests = requests
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
            resource(f"{path}/digest", get=guard.read(self.digest)),
            resource(f"{path}/unavailable", get=guard.read(self.unavailable)),
            resource(f"{path}/byID/{{value}}", get=guard.read(self.value)),
            resource(f"{path}/byExternalId/{{externalId:path}}", get=guard.read(self.value_by_external_id)),
        ]

    def list(self, request: Request) -> Response:
        with self._requests.read(request) as unit:
            listed = unit.categories.listed(orgs_category=unit.counters.orgs_category)
            headers = _journal_seq(unit)
        documents = [category.to_document() for category in Categories(tuple(listed)).root]
        return json_response(orjson.dumps(documents), headers=headers)

    async def create(self, request: Request) -> Response:
        write = await read_model(request, CategoryWrite)
        tenant = access_of(request).tenant

        def act(unit: WriteUnit) -> Response:
            category = operations.create_category(unit, write)
            location = f"/t/{quote(tenant, safe='')}/categories/byID/{category.id}"
            return model_response(category, status=201, headers={"location": location})

        return await self._requests.write(request, act)

    def show(self, request: Request) -> Response:
        with self._requests.read(request) as unit:
            return model_response(operations.category_of(unit, path_id(request, "category")))

    async def update(self, request: Request) -> Response:
        write = await read_model(request, CategoryWrite)
        category = path_id(request, "category")
        return await self._requests.write(
            request, lambda unit: model_response(operations.update_category(unit, category, write))
        )

    async def delete(self, request: Request) -> Response:
        query = parse_query(request, _DeleteQuery)
        category = path_id(request, "category")

        def act(unit: WriteUnit) -> Response:
            operations.delete_category(unit, category, force=query.force)
            return Response(status_code=204)

        return await self._requests.write(request, act)

    def tree(self, request: Request) -> Response:
        with self._requests.read(request) as unit:
            category = category_in(request, unit)
            return _unless_known(
                request, unit, _etag(unit, category), lambda etag: json_response(unit.values.tree(category), etag=etag)
            )

    def digest(self, request: Request) -> Response:
        with self._requests.read(request) as unit:
            category, seq = category_in(request, unit), unit.counters.seq
            return _unless_known(
                request,
                unit,
                _etag(unit, category, seq),
                lambda etag: model_response(digest(unit.values.documents(category), seq=seq), etag=etag),
            )

    def value(self, request: Request) -> Response:
        with self._requests.read(request) as unit:
            category, value = category_in(request, unit), path_id(request, "value")
            return model_response(values.value_of(unit, category, value).as_answered())

    def value_by_external_id(self, request: Request) -> Response:
        external_id: str = request.path_params["externalId"]
        with self._requests.read(request) as unit:
            category = operations.category_of(unit, category_in(request, unit)).id
            value = None if "\x00" in external_id else unit.values.by_external_id(category, external_id)
            if value is None:
                raise NotFound(f"Category {category} has no value with the externalId {external_id[:100]!r}")
            return model_response(value.as_answered())

    def unavailable(self, request: Request) -> Response:
        query = parse_query(request, _UnavailableQuery)
        if query.limit > MAX_PAGE:
            raise LimitExceeded(f"limit is at most {MAX_PAGE}")
        with self._requests.read(request) as unit:
            category = operations.category_of(unit, category_in(request, unit)).id
            found = unit.values.unavailable(category, after=query.gt_id, limit=query.limit + 1)
        page = [value.as_answered() for value in found[: query.limit]]
        more = f"{quote(request.url.path)}?gtID={page[-1].id}&limit={query.limit}" if len(found) > query.limit else None
        return model_response(ValueList(results=tuple(page), next=more))

    async def write_value(self, request: Request) -> Response:
        # A node with children is understood, so that the answer can say that it is not taken here.
        write = await read_model(request, CategoryValueUpload)

        def act(unit: WriteUnit) -> Response:
            value, created = values.write_value(unit, category_in(request, unit), write)
            return model_response(value.as_answered(), status=201 if created else 200)

        return await self._requests.write(request, act)

    async def write_values(self, request: Request) -> Response:
        batch = await read_model(request, ValuesBatch)

        def act(unit: WriteUnit) -> Response:
            category = category_in(request, unit)
            return model_response(values.write_values(unit, category, batch.values, atomic=batch.atomic))

        return await self._requests.write(request, act)


def _etag(unit: Unit, category: int, *others: int) -> str:
    """Of an answer that is made from the category's values alone, and from *others*. Raises NotFound."""
    version = unit.categories.version(category)
    if version is None:
        raise NotFound(f"There is no category {category}")
    return f'"{"-".join(map(str, (unit.counters.epoch[:8], category, version, *others)))}"'


def _unless_known(request: Request, unit: Unit, etag: str, make: Callable[[str], Response]) -> Response:
    """What *make* answers; who has it already is answered without making it again."""
    is_had = is_known(list_header(request, "if-none-match"), etag)
    response = Response(status_code=304, headers={"etag": etag}) if is_had else make(etag)
    response.headers.update(_journal_seq(unit))
    return response


def _journal_seq(unit: Unit) -> dict[str, str]:
    return {"journal-seq": str(unit.counters.seq)}
