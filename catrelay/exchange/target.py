"""The tenant that an import writes to: really, or in a dry run."""

from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Protocol

import orjson
from pydantic import BaseModel

from catrelay.client import AtsClient
from catrelay.exchange.lines import Document
from catrelay.exchange.nodes import Node, node_of
from catrelay.exchange.objects import PATHS, ObjectKind
from catrelay.exchange.records import Intent
from catrelay.models import MAX_ID, BatchResults, Category, CategoryWrite
from catrelay.problems import Forbidden, NotFound, Problem, TooManyRequests, Unauthorized, Unavailable
from catrelay.trees import flattened

ENDING: tuple[type[Problem], ...] = (Unavailable, TooManyRequests, Unauthorized, Forbidden)
"""Problems that are not one object's: the import stops, and can be run again."""

Made = Sequence[int | Problem]
"""For each object of an intent its id in the target, or why it has none."""


class _WithId(BaseModel):
    id: int


class Target(Protocol):
    """What an import asks of the target. Every method raises what is in ENDING, and returns other problems."""

    async def categories(self) -> list[Category]:
        """All categories, the org tree's last."""

    async def values(self, category: int) -> dict[int, Node]:
        """The values of a category, the unavailable ones included."""

    def objects(self, kind: ObjectKind) -> AsyncIterator[Document]:
        """All objects of a kind, by id."""

    async def make(self, intent: Intent) -> Made:
        """Carry out *intent*; again, if need be."""

    async def change_category(self, category: int, write: CategoryWrite) -> Problem | None:
        """Change a category."""

    async def change_object(self, kind: ObjectKind, target: int, patch: Document) -> Problem | None:
        """Change a user, job or candidate."""


class AtsTarget:
    """A tenant of an ATS."""

    def __init__(self, ats: AtsClient, orgs_category: int) -> None:
        self._ats = ats
        self._orgs_category = orgs_category

    async def categories(self) -> list[Category]:
        return [*(await self._ats.categories()).answer, await self._ats.category(self._orgs_category)]

    async def values(self, category: int) -> dict[int, Node]:
        found = {value.id: node_of(value) for value in flattened((await self._ats.tree(category)).answer)}
        after = 0
        while True:
            page = await self._ats.unavailable(category, after=after)
            found.update((value.id, node_of(value)) for value in page.results)
            if page.next is None:
                return found
            after = page.results[-1].id

    async def objects(self, kind: ObjectKind) -> AsyncIterator[Document]:
        for path in (PATHS[kind], "/jobs/template") if kind == "job" else (PATHS[kind],):
            try:
                async for document in self._ats.documents(path):
                    yield document
            except NotFound:
                return  # an ATS that has no such objects

    async def make(self, intent: Intent) -> Made:
        headers = {"idempotency-key": intent.key}
        try:
            response = await self._ats.request("POST", intent.path, body=orjson.loads(intent.body), headers=headers)
        except ENDING:
            raise
        except Problem as problem:
            return [problem] * len(intent.sources)
        if intent.kind != "value":
            return [self._ats.parse(response, _WithId).id]
        return [
            Problem.from_document(result.problem or {}, status=result.status)
            if result.value is None
            else result.value.id
            for result in self._ats.parse(response, BatchResults).results
        ]

    async def change_category(self, category: int, write: CategoryWrite) -> Problem | None:
        return await self._write("POST", f"/categories/byID/{category}", write.to_patch())

    async def change_object(self, kind: ObjectKind, target: int, patch: Document) -> Problem | None:
        return await self._write("PATCH", f"{PATHS[kind]}/byID/{target}", patch)

    async def _write(self, method: str, path: str, body: Document) -> Problem | None:
        try:
            await self._ats.request(method, path, body=body)
        except ENDING:
            raise
        except Problem as problem:
            return problem
        return None


class DryTarget:
    """A tenant that is read and not written: what would be made gets an id that nothing has."""

    def __init__(self, real: AtsTarget) -> None:
        self._real = real
        self._ids = count(MAX_ID, -1)
        self._made_up: set[int] = set()

    async def categories(self) -> list[Category]:
        return await self._real.categories()

    async def values(self, category: int) -> dict[int, Node]:
        return {} if category in self._made_up else await self._real.values(category)

    def objects(self, kind: ObjectKind) -> AsyncIterator[Document]:
        return self._real.objects(kind)

    async def make(self, intent: Intent) -> Made:
        if intent.kind == "value":
            values = orjson.loads(intent.body)["values"]
            return [value.get("id") or next(self._ids) for value in values]
        made = next(self._ids)
        if intent.kind == "category":
            self._made_up.add(made)
        return [made]

    async def change_category(self, category: int, write: CategoryWrite) -> Problem | None:
        return None

    async def change_object(self, kind: ObjectKind, target: int, patch: Document) -> Problem | None:
        return None
