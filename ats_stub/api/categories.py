"""Categories, their values, and the org tree."""

from collections.abc import Collection
from typing import Annotated
from urllib.parse import quote

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ats_stub.api.requests import Requests, category_in
from ats_stub.operations import categories as operations
from ats_stub.operations import values
from ats_stub.store import Unit, WriteUnit
from ats_stub.store.versions import TreeVersion
from catrelay.asgi import (
    AtMost,
    Guard,
    access_of,
    answers,
    json_response,
    model_response,
    path_id,
    resource,
)
from catrelay.asgi.body import list_header
from catrelay.asgi.conditions import is_known
from catrelay.asgi.headers import IDEMPOTENCY_KEY, IF_JOURNAL_SEQ, IF_MATCH, JOURNAL_SEQ, LOCATION
from catrelay.digest import digest
from catrelay.models import (
    MAX_ID,
    BatchResults,
    Categories,
    Category,
    CategoryCreate,
    CategoryValue,
    CategoryValues,
    CategoryValueUpload,
    CategoryValueWrite,
    CategoryVersion,
    CategoryVersions,
    CategoryWrite,
    Id,
    ValueList,
    ValuesBatch,
    ValuesDigest,
)
from catrelay.problems import (
    BadRequest,
    CategoryInUse,
    CategoryKeyTaken,
    Conflict,
    FieldError,
    LimitExceeded,
    NameRequired,
    NotFound,
    NullNotAllowed,
    ValueRuleBroken,
)

MAX_PAGE = 1_000
MAX_BRANCHES = 200


def _bounded(branches: tuple[int, ...]) -> tuple[int, ...]:
    if len(branches) > MAX_BRANCHES:
        raise LimitExceeded(
            f"branches names at most {MAX_BRANCHES} values", errors=[FieldError("branches", "names too many")]
        )
    return branches


Branches = Annotated[
    tuple[Id, ...],
    BeforeValidator(lambda text: text.split(",") if text else ()),
    AfterValidator(_bounded),
    WithJsonSchema({"type": "string", "pattern": r"^([1-9]\d{0,17}(,[1-9]\d{0,17})*)?$"}),
]


class _DeleteQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    force: bool = False


class _TreeQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    branches: Branches | None = Field(default=None, description="Ids of values at the top, with commas between them")


class _UnavailableQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    gt_id: int = Field(default=0, ge=0, le=MAX_ID, alias="gtID")
    limit: Annotated[int, Field(ge=1), AtMost(MAX_PAGE)] = MAX_PAGE


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
            resource("/t/{tenant}/categories/versions", get=guard.read(self.versions)),
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

    @answers(Categories, sends=[JOURNAL_SEQ])
    def list(self, request: Request) -> Response:
        """All categories but the org tree's."""
        with self._requests.read(request) as unit:
            listed = unit.categories.listed(orgs_category=unit.counters.orgs_category)
            headers = _journal_seq(unit)
        documents = [category.to_document() for category in Categories(tuple(listed)).root]
        return json_response(orjson.dumps(documents), headers=headers)

    @answers(
        Category,
        201,
        reads=CategoryCreate,
        takes=[IDEMPOTENCY_KEY],
        sends=[LOCATION],
        problems=[CategoryKeyTaken, NameRequired, NullNotAllowed],
    )
    async def create(self, request: Request, body: CategoryWrite) -> Response:
        """Create a category."""
        tenant = access_of(request).tenant

        def act(unit: WriteUnit) -> Response:
            category = operations.create_category(unit, body)
            location = f"/t/{quote(tenant, safe='')}/categories/byID/{category.id}"
            return model_response(category, status=201, headers={"location": location})

        return await self._requests.write(request, act)

    @answers(Category)
    def show(self, request: Request) -> Response:
        """One category, without its values."""
        with self._requests.read(request) as unit:
            return model_response(operations.category_of(unit, path_id(request, "category")))

    @answers(
        Category,
        takes=[IF_MATCH, IDEMPOTENCY_KEY],
        problems=[CategoryKeyTaken, NameRequired, NullNotAllowed],
    )
    async def update(self, request: Request, body: CategoryWrite) -> Response:
        """Change a category, by a JSON Merge Patch."""
        category = path_id(request, "category")
        return await self._requests.write(
            request, lambda unit: model_response(operations.update_category(unit, category, body))
        )

    @answers(None, takes=[IF_MATCH], problems=[CategoryInUse, Conflict])
    async def delete(self, request: Request, query: _DeleteQuery) -> Response:
        """Delete a category with all of its values.

        Refused while objects use them, unless `force` is given: then each value is inactivated first.
        """
        category = path_id(request, "category")

        def act(unit: WriteUnit) -> Response:
            operations.delete_category(unit, category, force=query.force)
            return Response(status_code=204)

        return await self._requests.write(request, act)

    @answers(CategoryVersions, sends=[JOURNAL_SEQ])
    def versions(self, request: Request) -> Response:
        """The versions of all categories, the org tree's included, to tell at once whether anything changed."""
        found = self._requests.tree_versions(request)
        versions = CategoryVersions(
            epoch=found[0].epoch,
            seq=found[0].seq,
            categories=tuple(CategoryVersion(id=each.category, version=each.name) for each in found),
        )
        return model_response(versions, headers={"journal-seq": str(versions.seq)})

    @answers(CategoryValues, sends=[JOURNAL_SEQ], problems=[LimitExceeded, NotFound])
    def tree(self, request: Request, query: _TreeQuery) -> Response:
        """The tree of available values.

        With `branches` only those values at the top, each with all that stands below it.
        """
        return self._whole_tree(request) if query.branches is None else self._branches(request, query.branches)

    def _whole_tree(self, request: Request) -> Response:
        known = list_header(request, "if-none-match")
        if known is not None:
            # Before there is a snapshot: most who ask like this have the tree, and shall cost next to nothing.
            present = self._requests.tree_version(request)
            if present is not None and is_known(known, present.etag):
                return Response(status_code=304, headers={"etag": present.etag, "journal-seq": str(present.seq)})
        with self._requests.read(request) as unit:
            category = category_in(request, unit)
            return json_response(
                unit.trees.whole(category), etag=_version(unit, category).etag, headers=_journal_seq(unit)
            )

    def _branches(self, request: Request, roots: Collection[int]) -> Response:
        with self._requests.read(request) as unit:
            category = category_in(request, unit)
            _version(unit, category)
            # Named by what is answered: the tree's version would be that of all other branches, too.
            return json_response(unit.trees.branches(category, roots), headers=_journal_seq(unit))

    @answers(ValuesDigest, sends=[JOURNAL_SEQ], problems=[NotFound])
    def digest(self, request: Request) -> Response:
        """A hash of the tree and of each of its branches, to tell whether a replica has drifted."""
        with self._requests.read(request) as unit:
            category = category_in(request, unit)
            _version(unit, category)
            found = digest(unit.trees.documents(category), seq=unit.counters.seq)
            return model_response(found, headers=_journal_seq(unit))

    @answers(CategoryValue)
    def value(self, request: Request) -> Response:
        """One value, available or not."""
        with self._requests.read(request) as unit:
            category, value = category_in(request, unit), path_id(request, "value")
            return model_response(values.value_of(unit, category, value).as_answered())

    @answers(CategoryValue)
    def value_by_external_id(self, request: Request) -> Response:
        """One value, available or not, by its `externalId`."""
        external_id: str = request.path_params["externalId"]
        with self._requests.read(request) as unit:
            category = operations.category_of(unit, category_in(request, unit)).id
            value = None if "\x00" in external_id else unit.values.by_external_id(category, external_id)
            if value is None:
                raise NotFound(f"Category {category} has no value with the externalId {external_id[:100]!r}")
            return model_response(value.as_answered())

    @answers(ValueList, problems=[NotFound])
    def unavailable(self, request: Request, query: _UnavailableQuery) -> Response:
        """The unavailable values, by id."""
        with self._requests.read(request) as unit:
            category = operations.category_of(unit, category_in(request, unit)).id
            found = unit.values.unavailable(category, after=query.gt_id, limit=query.limit + 1)
        page = [value.as_answered() for value in found[: query.limit]]
        more = f"{quote(request.url.path)}?gtID={page[-1].id}&limit={query.limit}" if len(found) > query.limit else None
        return model_response(ValueList(results=tuple(page), next=more))

    # A node with children is understood, so that the answer can say that it is not taken here.
    @answers(
        CategoryValue,
        200,
        201,
        reads=CategoryValueWrite,
        takes=[IF_MATCH, IF_JOURNAL_SEQ, IDEMPOTENCY_KEY],
        problems=[LimitExceeded, NotFound, ValueRuleBroken],
    )
    async def write_value(self, request: Request, body: CategoryValueUpload) -> Response:
        """Create or update a value, by a JSON Merge Patch.

        `id` or `externalId` name the value; without either, and with an `externalId` that no value has, it is created.
        Making it unavailable with `remappedTo` moves all that references it.
        """

        def act(unit: WriteUnit) -> Response:
            value, created = values.write_value(unit, category_in(request, unit), body)
            return model_response(value.as_answered(), status=201 if created else 200)

        return await self._requests.write(request, act)

    @answers(
        BatchResults,
        takes=[IF_JOURNAL_SEQ, IDEMPOTENCY_KEY],
        problems=[BadRequest, LimitExceeded, NotFound, ValueRuleBroken],
    )
    async def write_values(self, request: Request, body: ValuesBatch) -> Response:
        """Write many values in order, all in one commit. With `atomic` all or none."""

        def act(unit: WriteUnit) -> Response:
            category = category_in(request, unit)
            return model_response(values.write_values(unit, category, body.values, atomic=body.atomic))

        return await self._requests.write(request, act)


def _version(unit: Unit, category: int) -> TreeVersion:
    version = unit.categories.version(category)
    if version is None:
        raise NotFound(f"There is no category {category}")
    return TreeVersion(unit.counters.epoch, unit.counters.seq, category, version)


def _journal_seq(unit: Unit) -> dict[str, str]:
    return {"journal-seq": str(unit.counters.seq)}
