"""Trees kept for a moment."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from catman.trees import MAX_AGE_SECONDS, MAX_KEPT, Trees
from catrelay.client import AtsClient


class Ats:
    """Answers with a tree that is another one each time. pause: awaited before an answer goes out."""

    def __init__(self) -> None:
        self.fetches = 0
        self.pause: Callable[[], Awaitable[None]] | None = None
        app = Starlette(routes=[Route("/t/acme/categories/byID/{category}/values", self.tree)])
        self.client = AtsClient("http://ats", "acme", "token", transport=httpx.ASGITransport(app))

    async def tree(self, _: Request) -> Response:
        self.fetches += 1
        fetched = [{"id": self.fetches, "name": "x", "available": True}]
        if self.pause is not None:
            await self.pause()
        return JSONResponse(fetched, headers={"journal-seq": "7"})


def test_a_tree_is_fetched_once_for_requests_in_a_row() -> None:
    async def scenario() -> None:
        ats, trees = Ats(), Trees(lambda: 0.0)

        first, second = await asyncio.gather(trees.tree(ats.client, 1), trees.tree(ats.client, 1))

        assert first is second
        assert first.journal_seq == 7

    asyncio.run(scenario())


def test_a_tree_grows_old() -> None:
    async def scenario() -> None:
        now = 0.0
        ats, trees = Ats(), Trees(lambda: now)
        await trees.tree(ats.client, 1)

        now = MAX_AGE_SECONDS
        await trees.tree(ats.client, 1)

        assert ats.fetches == 2

    asyncio.run(scenario())


def test_a_change_is_seen_at_once_also_when_a_fetch_was_under_way() -> None:
    async def scenario() -> None:
        ats, trees = Ats(), Trees(lambda: 0.0)

        async def change() -> None:
            trees.forget(ats.client, 1)
            ats.pause = None

        ats.pause = change
        overtaken = await trees.tree(ats.client, 1)
        current = await trees.tree(ats.client, 1)

        assert (overtaken.roots[0].id, current.roots[0].id) == (1, 2)

    asyncio.run(scenario())


def test_only_so_many_trees_are_kept() -> None:
    async def scenario() -> None:
        ats, trees = Ats(), Trees(lambda: 0.0)
        for category in range(1, MAX_KEPT + 2):
            await trees.tree(ats.client, category)

        await trees.tree(ats.client, MAX_KEPT + 1)
        await trees.tree(ats.client, 1)

        assert ats.fetches == MAX_KEPT + 2

    asyncio.run(scenario())
