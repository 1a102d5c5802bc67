"""The real ATS with all taken away that is ours: what a replica needs is in the public part of the contract."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import orjson
import pytest
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import open_registry
from catrelay.client import AtsClient
from catrelay.models import CategoryValueWrite, CategoryWrite
from replicator import Binding, Replicator
from tests.replicator.objects import App, articles, quotes
from tests.replicator.replicas import PUBLIC_URL, tree

pytestmark = pytest.mark.anyio

OURS = re.compile(
    r"/t/acme(|/categories/(remapped|versions)|/subscriptions.*|/candidates"
    r"|.*/values/(batch|digest|unavailable|undo|byExternalId/.*))"
)
ASKED_FOR = {b"accept-encoding", b"if-none-match", b"if-match", b"if-journal-seq", b"idempotency-key"}
TOLD = ("etag", "journal-seq", "vary")
OF_A_PAGE = ("lastSeq", "firstSeq", "epoch")


class Plain:
    """An ASGI app with what the contract marks as ours taken away: paths, headers, members."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        is_ours = OURS.fullmatch(scope["path"]) or "branches" in dict(parse_qsl(scope["query_string"].decode()))
        if is_ours or (scope["method"] == "POST" and scope["path"] == "/t/acme/categories"):
            await PlainTextResponse("Not here", 404)(scope, receive, send)
            return
        asked = [(name, value) for name, value in scope["headers"] if name not in ASKED_FOR]
        start: Message = {}
        body = b""

        async def take(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
            else:
                body += message.get("body", b"")

        await self._app({**scope, "headers": asked}, receive, take)
        if scope["path"].endswith("/values/remapped"):
            page = orjson.loads(body)
            body = orjson.dumps({name: member for name, member in page.items() if name not in OF_A_PAGE})
        headers = MutableHeaders(raw=start["headers"])
        for name in TOLD:
            del headers[name]
        headers["content-length"] = str(len(body))
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})


class World:
    """The ATS, seen whole by those who change it and plain by the app."""

    def __init__(self, whole: AtsClient, plain: Plain, token: str, app: App) -> None:
        self.whole = whole
        self.plain = plain
        self.token = token
        self.app = app
        self.category = 0
        self.ids: dict[str, int] = {}

    async def furnish(self) -> None:
        self.category = (await self.whole.create_category(CategoryWrite(name="Expertise"))).id
        for name in "ABCDE":
            await self.write(name=name)

    async def write(self, **members: object) -> None:
        value = await self.whole.write_value(self.category, CategoryValueWrite.model_validate(members))
        self.ids[value.name] = value.id

    async def remap(self, name: str, to: str) -> int:
        await self.write(id=self.ids[name], available=False, remappedTo=self.ids[to])
        return (await self.whole.journal(self.category, after=0)).results[-1].seq

    async def followed(self) -> dict[int, str | None]:
        """Where the quotes are after the next look by timer, by a process that knows only what is stored."""
        client = AtsClient("http://ats", "acme", self.token, transport=httpx.ASGITransport(self.plain))
        bindings: list[Binding] = [quotes(), articles()]
        replicator = Replicator(ats=client, store=self.app.store, bindings=bindings, public_url=PUBLIC_URL)
        await replicator.catch_up()
        await client.close()
        names = {id_: name for name, id_ in self.ids.items()}
        available = (await self.whole.tree_documents(self.category)).answer
        assert tree(self.app, self.category).keys() == available.keys()
        return {quote: None if at is None else names[at] for quote, at in self.app.quotes().items()}


@pytest.fixture
async def world(app: App, tmp_path: Path) -> AsyncIterator[World]:
    settings = AtsSettings(database=f"sqlite:///{tmp_path / 'ats.db'}")
    registry = open_registry(settings.database)
    registry.migrate()
    registry.add_tenant("acme")
    token = registry.add_token("acme", "test", "admin")
    registry.close()
    ats = create_app(settings)
    async with (
        ats.router.lifespan_context(ats),
        AtsClient("http://ats", "acme", token, transport=httpx.ASGITransport(ats)) as whole,
    ):
        world = World(whole, Plain(ats), token, app)
        await world.furnish()
        yield world


async def test_an_ats_without_all_that_is_ours_is_followed_by_timer_alone(world: World) -> None:
    app, category, ids = world.app, world.category, world.ids
    at = {name: app.add_quote(ids[name], category) for name in "ABCDE"}
    by_hand = app.add_quote(ids["A"], category)
    article = app.add_article({ids["A"], ids["C"]}, category)
    assert await world.followed() == {**{quote: name for name, quote in at.items()}, by_hand: "A"}

    first = await world.remap("A", "B")
    assert await world.followed() == {
        at["A"]: "B",
        at["B"]: "B",
        at["C"]: "C",
        at["D"]: "D",
        at["E"]: "E",
        by_hand: "B",
    }

    second = await world.remap("B", "C")
    third = await world.remap("C", "D")
    assert set((await world.followed()).values()) == {"D", "E"}
    assert app.articles() == {article: {ids["D"]}}

    app.pin_quote(by_hand, ids["E"])
    for seq in (third, second, first):
        await world.whole.undo(category, seq)
        await world.followed()
    assert await world.followed() == {**{quote: name for name, quote in at.items()}, by_hand: "E"}
    assert app.articles() == {article: {ids["A"], ids["C"]}}

    await world.write(id=ids["E"], available=False)
    await world.remap("D", "C")
    await world.write(id=ids["D"], available=True)
    assert await world.followed() == {
        at["A"]: "A", at["B"]: "B", at["C"]: "C", at["D"]: "C", at["E"]: None, by_hand: None
    }  # fmt: skip

    await world.write(id=ids["E"], available=True)
    await world.write(name="F", parent=ids["E"])
    assert (await world.followed())[at["E"]] is None
    with app.store.read() as unit:
        assert unit.cursors().keys() == {category}
        assert unit.state().epoch is None
    assert "/t/acme/categories/remapped" not in world.plain.asked
