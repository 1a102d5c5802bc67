"""The editor's pages, the parts that their scripts fetch, and the one way to change something."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import orjson
import structlog
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from catman.domain.changes import (
    Change,
    Choice,
    Done,
    Kind,
    changed_lists,
    done_message,
    drop_choices,
    intended,
    of_interest,
    retire_choice,
    top_choice,
)
from catman.domain.impacts import AppAnswer, counted, total_of
from catman.domain.tree import Tree
from catman.neighbours import Neighbours, Question, Switchboard
from catman.pages import Pages
from catman.sessions import Sessions
from catman.trees import Trees
from catrelay.asgi import access_of, model_response, parse_query, path_id, read_model, resource
from catrelay.client import AtsClient, values_path
from catrelay.models import Category, CategoryValue, Id
from catrelay.problems import NotFound, Problem

ORGS = "orgs"
"""What stands for the org tree in the editor's addresses."""

UNSEEN = "The values below are not fetched anew yet: reload the page."

log = structlog.get_logger()


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChildrenQuery(_Query):
    parent: Id | None = None
    start: int = 0
    containing: Id | None = None


class SearchQuery(_Query):
    q: str = ""
    near: Id | None = None


class PreviewQuery(_Query):
    """onto: where the value was dropped; absent: the top level. retire: it goes without a successor."""

    onto: Id | None = None
    retire: bool = False


class ImpactQuery(_Query):
    kind: Kind
    onto: Id | None = None


@dataclass(frozen=True)
class Place:
    """The category a request is about. category: None for the org tree."""

    neighbours: Neighbours
    category: int | None

    @property
    def ats(self) -> AtsClient:
        return self.neighbours.ats


class Views:
    """The endpoints."""

    def __init__(self, sessions: Sessions, pages: Pages, switchboard: Switchboard, trees: Trees) -> None:
        self._sessions = sessions
        self._pages = pages
        self._switchboard = switchboard
        self._trees = trees

    def routes(self) -> list[BaseRoute]:
        page, part, change = self._sessions.page, self._sessions.part, self._sessions.change
        editor = "/t/{tenant}/edit/{category}"
        return [
            resource("/t/{tenant}/sign-in", page=True, get=self._sessions.sign_in_form, post=self._sessions.sign_in),
            resource("/t/{tenant}/sign-out", page=True, post=self._sessions.sign_out),
            resource("/t/{tenant}/edit", page=True, get=page(self.categories)),
            resource(editor, page=True, get=page(self.editor)),
            resource(f"{editor}/children", page=True, get=part(self.children)),
            resource(f"{editor}/search", page=True, get=part(self.search)),
            resource(f"{editor}/changes", page=True, post=change(self.change)),
            resource(f"{editor}/values/{{value}}", page=True, get=part(self.details)),
            resource(f"{editor}/values/{{value}}/summaries", page=True, get=part(self.summaries)),
            resource(f"{editor}/values/{{value}}/preview", page=True, get=part(self.preview)),
            resource(f"{editor}/values/{{value}}/impacts", page=True, get=part(self.impacts)),
        ]

    async def categories(self, request: Request) -> Response:
        """All categories, and the org tree where there is one."""
        ats = (await self._neighbours(request)).ats
        snapshot = await ats.categories()
        discovery = await ats.discover()
        has_orgs = discovery is not None and discovery.orgs_category is not None
        in_order = sorted(snapshot.answer, key=lambda category: (category.name.casefold(), category.id))
        return self._pages.page(request, "categories.html", {"categories": in_order, "has_orgs": has_orgs})

    async def editor(self, request: Request) -> Response:
        """A category's tree, its first roots rendered."""
        place = await self._place(request)
        category = await _category(place)
        tree = await self._trees.tree(place.ats, place.category)
        context = {
            "category": category,
            "segment": request.path_params["category"],
            "page": tree.page(None),
            "count": len(tree),
        }
        return self._pages.page(request, "editor.html", context)

    async def children(self, request: Request) -> Response:
        """A page of the values below a value."""
        query = parse_query(request, ChildrenQuery)
        tree = await self._tree(request)
        if query.parent is not None:
            _available(tree, query.parent)
        page = tree.page(query.parent, start=max(query.start, 0), containing=query.containing)
        return self._pages.page(request, "children.html", {"page": page})

    async def search(self, request: Request) -> Response:
        """Values by name; without one, those beside the value *near*."""
        query = parse_query(request, SearchQuery)
        tree = await self._tree(request)
        beside = not query.q.strip() and tree.get(query.near) is not None
        found = tree.siblings(query.near) if beside and query.near is not None else tree.search(query.q)
        paths = {value.id: tree.path(value.id)[:-1] for value in found.values}
        return self._pages.page(request, "found.html", {"found": found, "paths": paths, "beside": beside})

    async def details(self, request: Request) -> Response:
        """What there is to know of a value, also of one that is not available any more."""
        place = await self._place(request)
        tree = await self._trees.tree(place.ats, place.category)
        number = path_id(request, "value")
        value = tree.get(number) or await place.ats.value(place.category, number)
        context = {
            "value": value,
            "path": tree.path(value.id)[:-1],
            "count": len(value.values or ()),
            "successor": None if value.available else await _successor(place, tree, value),
            "apps": list(place.neighbours.apps),
            "can_change": access_of(request).allows("write"),
        }
        return self._pages.page(request, "details.html", context)

    async def summaries(self, request: Request) -> Response:
        """What each app holds on a value, a line of JSON each, in the order of their answers."""
        place = await self._place(request)
        value, where = path_id(request, "value"), values_path(place.category)
        return self._answers(place, lambda client: client.summary(where, value))

    async def preview(self, request: Request) -> Response:
        """The dialog that says what a drop can mean."""
        query = parse_query(request, PreviewQuery)
        place = await self._place(request)
        tree = await self._trees.tree(place.ats, place.category)
        value = _available(tree, path_id(request, "value"))
        target = None if query.onto is None else _available(tree, query.onto)
        choices: tuple[Choice, ...]
        if query.retire:
            choices = (retire_choice(tree, value.id),)
        elif target is None:
            choices = (top_choice(tree, value.id),)
        else:
            choices = drop_choices(tree, await _category(place), value.id, target.id)
        context = {
            "value": value,
            "target": target,
            "choices": choices,
            "chosen": next((choice.kind for choice in choices if choice.refusal is None), None),
            "apps": list(place.neighbours.apps),
            "journal_seq": tree.journal_seq,
        }
        return self._pages.page(request, "preview.html", context)

    async def impacts(self, request: Request) -> Response:
        """What a change would do at each app, a line of JSON each, and a last one with the total."""
        query = parse_query(request, ImpactQuery)
        place = await self._place(request)
        value, where = path_id(request, "value"), values_path(place.category)
        write = intended(Change(kind=query.kind, value=value, onto=query.onto))
        return self._answers(place, lambda client: client.change_impact(where, value, write), change=True)

    async def change(self, request: Request) -> Response:
        """Have the ATS make a change."""
        asked = await read_model(request, Change)
        place = await self._place(request)
        before = await self._trees.tree(place.ats, place.category)
        try:
            written = await place.ats.write_value(place.category, intended(asked), if_journal_seq=asked.journal_seq)
        finally:
            # Also without an answer: the ATS may have done it.
            self._trees.forget(place.ats, place.category)
        try:
            after = await self._trees.tree(place.ats, place.category)
        except Problem as problem:
            # The change was made all the same: only what came of it cannot be shown.
            log.warning("tree cannot be fetched after a change", category=place.category, reason=problem.detail)
            message = f"{done_message(asked, before, before, written)} {UNSEEN}"
            return model_response(Done(message=message, lists=(), path=()))
        next_value = of_interest(asked, before, written)
        path = () if next_value is None else after.path(next_value)
        return model_response(
            Done(
                message=done_message(asked, before, after, written),
                how_many=counted(len(after), "values"),
                lists=changed_lists(asked, before, after, written),
                path=tuple(step.id for step in path),
            )
        )

    def _answers(self, place: Place, question: Question, *, change: bool = False) -> Response:
        async def lines() -> AsyncIterator[bytes]:
            answers: list[AppAnswer] = []
            # Closed at once when the person has gone on, so that no app works on for nobody.
            async with aclosing(self._switchboard.ask(place.neighbours.apps, question)) as asked:
                async for answer in asked:
                    answers.append(answer)
                    yield self._line("answer.html", {"answer": answer, "change": change}, app=answer.app)
            yield self._line("total.html", {"total": total_of(answers)})

        return StreamingResponse(lines(), media_type="application/x-ndjson", headers={"cache-control": "no-store"})

    def _line(self, template: str, context: Mapping[str, object], **members: str) -> bytes:
        return orjson.dumps(members | {"html": self._pages.render(template, context)}) + b"\n"

    async def _neighbours(self, request: Request) -> Neighbours:
        return await self._switchboard.neighbours(request.path_params["tenant"])

    async def _place(self, request: Request) -> Place:
        is_orgs = request.path_params["category"] == ORGS
        category = None if is_orgs else path_id(request, "category")
        return Place(await self._neighbours(request), category)

    async def _tree(self, request: Request) -> Tree:
        place = await self._place(request)
        return await self._trees.tree(place.ats, place.category)


async def _category(place: Place) -> Category | None:
    return None if place.category is None else await place.ats.category(place.category)


async def _successor(place: Place, tree: Tree, value: CategoryValue) -> CategoryValue | None:
    """The available value that the objects of *value*, which is retired, are at by now."""
    passed = {value.id}
    while value.remapped_to is not None and value.remapped_to not in passed:
        passed.add(value.remapped_to)
        value = tree.get(value.remapped_to) or await place.ats.value(place.category, value.remapped_to)
        if value.available:
            return value
    return None


def _available(tree: Tree, value: int) -> CategoryValue:
    found = tree.get(value)
    if found is None:
        raise NotFound(f"Value {value} is not, or no longer, among the available values of this category")
    return found
