"""The ATS is away, moves on while it is read, or answers nonsense: nothing is lost, and all is well once it is."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import orjson
import pytest

from catrelay.client import AtsClient
from catrelay.problems import ServiceUnreachable, Unavailable
from replicator import Replicator
from tests.replicator.objects import CATEGORY, App, articles, quotes
from tests.replicator.replicas import ats_tree, catch_up, tree
from tests.replicator.standin import StandIn
from tests.replicator.test_catchup import everywhere
from tests.virtual_time import VirtualLoop

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
READER = {"authorization": "Bearer reader"}


class Garbled(httpx.AsyncBaseTransport):
    """The way to an ATS that answers GETs of *path* with *body*."""

    def __init__(self, ats: StandIn, path: str, body: bytes) -> None:
        self._way = ats.transport()
        self._path = path
        self._body = body
        self._asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path == f"/t/acme{self._path}":
            self._asked += 1
            assert self._asked < 10, "it is asked without end"
            return httpx.Response(200, content=self._body, headers={"content-type": "application/json"})
        return await self._way.handle_async_request(request)


class Away(httpx.AsyncBaseTransport):
    """The way to an ATS that takes no connections at first."""

    def __init__(self, ats: StandIn) -> None:
        self._way = ats.transport()
        self.is_away = True
        self.refused = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            self.refused += 1
            raise httpx.ConnectError("connection refused")
        return await self._way.handle_async_request(request)


def catch_up_through(way: httpx.AsyncBaseTransport, app: App) -> None:
    async def follow() -> None:
        async with AtsClient("http://ats", "acme", "token", transport=way) as client, asyncio.timeout(30):
            await Replicator(ats=client, store=app.store, bindings=[quotes(), articles()]).catch_up()

    asyncio.run(follow())


VALUE = {"id": 1, "name": "One", "available": True}
NO_TREES: list[object] = [
    [VALUE | {"id": "1"}],
    [VALUE | {"id": 1.5}],
    [VALUE | {"id": 0}],
    [VALUE | {"id": 2**70}],
    [VALUE | {"id": True}],
    [{"name": "One", "available": True}],
    [VALUE | {"name": None}],
    [VALUE | {"name": 1}],
    [VALUE | {"available": "yes"}],
    [VALUE | {"values": [1]}],
    [VALUE | {"values": "none"}],
    {"values": [VALUE]},
    "tree",
    None,
]
TREE = f"/categories/byID/{CATEGORY}/values"
JOURNAL = "/categories/remapped"
ENTRY = {"seq": 1, "category": 17, "id": 1, "operation": "inactivate", "at": "2026-11-22T09:00:00Z"}
NONSENSE: list[tuple[str, bytes]] = [
    *((TREE, json.dumps(body).encode()) for body in NO_TREES),
    (TREE, b"<!doctype html><title>Maintenance</title>"),
    (TREE, b"[" * 100_000),
    (TREE, b"\xff\xfe"),
    ("/categories", b'[{"id":"17","name":"Expertise"}]'),
    ("/categories", b"{}"),
    (JOURNAL, b"[]"),
    (JOURNAL, orjson.dumps({"results": [ENTRY | {"seq": "1"}], "lastSeq": 1, "epoch": "first"})),
    (JOURNAL, orjson.dumps({"results": [ENTRY | {"operation": "explode"}], "lastSeq": 1, "epoch": "first"})),
    (JOURNAL, orjson.dumps({"results": [ENTRY | {"operation": "remap"}], "lastSeq": 1, "epoch": "first"})),
    (JOURNAL, orjson.dumps({"results": [ENTRY, ENTRY], "lastSeq": 1, "epoch": "first"})),
    (JOURNAL, orjson.dumps({"results": [ENTRY], "lastSeq": 9, "epoch": "first"})),
    ("", b'{"service":1}'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), NONSENSE, ids=map(str, range(len(NONSENSE))))
def test_an_answer_that_is_none_changes_nothing(ats: StandIn, app: App, path: str, body: bytes) -> None:
    catch_up(ats, app)
    before = tree(app)
    quote = app.add_quote(2)
    ats.change(3, name="Three")

    with pytest.raises(ServiceUnreachable):
        catch_up_through(Garbled(ats, path, body), app)

    assert (tree(app), app.quotes()) == (before, {quote: 2})
    ats.remap(2, 3)
    catch_up(ats, app)
    assert (tree(app), app.quotes()) == (ats_tree(ats), {quote: 3})


@everywhere
def test_remaps_that_lead_nowhere_leave_objects_where_they_are(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    looped, alone = app.add_quote(1), app.add_quote(3)
    for value, target in ((1, 2), (2, 1), (3, 3)):
        ats.change(value, available=False, remapped_to=target)
    ats.restore(5)
    ats.compact()

    catch_up(ats, app)

    assert app.quotes() == {looped: 1, alone: 3}
    assert tree(app) == ats_tree(ats)


@everywhere
def test_a_remap_to_a_value_that_is_not_there_takes_the_value_away(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    quote = app.add_quote(1)
    ats.change(1, available=False, remapped_to=99)
    ats.restore(5)
    ats.compact()

    catch_up(ats, app)

    assert app.quotes() == {quote: None}


PATHS = [JOURNAL, f"{TREE}/remapped", "/categories", TREE, f"{TREE}/digest", "/categories/versions", "/orgs/values"]


@everywhere
@pytest.mark.parametrize("path", PATHS)
def test_a_target_that_is_remapped_while_the_remap_is_followed_ends_the_chain(
    ats: StandIn, app: App, path: str
) -> None:
    catch_up(ats, app)
    quote, article = app.add_quote(1), app.add_article({1, 2})
    ats.remap(1, 2)

    def meanwhile(asked: str) -> None:
        if asked == path and len(ats.journal) == 1:
            ats.remap(2, 3)

    ats.meanwhile = meanwhile
    catch_up(ats, app)
    ats.meanwhile = lambda path: None
    catch_up(ats, app)

    end = ats.values[CATEGORY, 2].remapped_to or 2  # plain and not, they are asked for different things
    assert (app.quotes(), app.articles()) == ({quote: end}, {article: {end}})
    assert tree(app) == ats_tree(ats)


@everywhere
@pytest.mark.parametrize("looks", [1, 2, 3])
def test_a_to_b_and_after_a_came_back_b_to_a_brings_all_to_a(ats: StandIn, app: App, looks: int) -> None:
    catch_up(ats, app)
    at_a, at_b, article = app.add_quote(1), app.add_quote(2), app.add_article({1, 2})

    for number, change in enumerate((partial(ats.remap, 1, 2), partial(ats.restore, 1), partial(ats.remap, 2, 1)), 1):
        change()
        if number % looks == 0:
            catch_up(ats, app)

    catch_up(ats, app)
    assert (app.quotes(), app.articles()) == ({at_a: 1, at_b: 1}, {article: {1}})
    assert tree(app) == ats_tree(ats)


@everywhere
def test_an_ats_that_goes_away_behind_any_request_is_followed_when_it_is_back(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    ats.add_category(18)
    ats.add(81, category=18)
    quote, other = app.add_quote(1), app.add_quote(81, category=18)
    ats.remap(1, 2)
    ats.inactivate(81, category=18)
    ats.restore(1)
    answered = 0
    is_whole = False
    while not is_whole:
        left = answered

        def go_away(_: str) -> None:
            nonlocal left
            if left == 0:
                raise Unavailable("The stand-in is away")
            left -= 1

        ats.meanwhile = go_away
        try:
            catch_up(ats, app)
            is_whole = True
        except Unavailable:
            answered += 1

    assert answered >= 3
    assert app.quotes() == {quote: 2, other: None}
    assert (tree(app), tree(app, 18)) == (ats_tree(ats), {})


def test_while_the_ats_is_away_the_replica_is_served_and_says_how_old_it_is(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    with app.store.write() as unit:
        unit.note_catch_up(START - timedelta(hours=5))
    ats.is_away = True
    replicator = Replicator(
        ats=ats.client(), store=app.store, bindings=[quotes()], read_token="reader", now=lambda: START
    )

    served = httpx.ASGITransport(replicator.app)

    async def ask() -> tuple[Any, Any, str]:
        async with (
            asyncio.timeout(30),
            replicator.lifespan(),
            httpx.AsyncClient(transport=served, base_url="http://app", headers=READER) as http,
        ):
            status: Any = {}
            while "lastError" not in status:
                status = (await http.get("/t/acme/replica/status")).json()
            page = await http.get("/t/acme/replica/status", headers={"accept": "text/html"})
            values = await http.get(f"/t/acme/replica/categories/byID/{CATEGORY}/values")
            return status, values.json(), page.text

    status, values, page = asyncio.run(ask())

    assert [value["id"] for value in values] == [1, 2, 3, 4, 5]
    assert (status["lastError"], status["lastCatchUp"]) == ("The stand-in is away", "2026-11-22T04:00:00Z")
    assert "as the ATS was 5 hours ago" in page


def test_an_app_that_starts_while_the_ats_is_away_follows_it_once_it_is_there(ats: StandIn, app: App) -> None:
    quote = app.add_quote(1)
    ats.remap(1, 2)

    async def play() -> None:
        way = Away(ats)
        replicator = in_virtual_time(way, app)
        following = asyncio.create_task(replicator.run())
        await asyncio.sleep(3_600)
        assert replicator.status().last_catch_up is None
        assert 240 < way.refused < 320, "every 15 s or so"
        way.is_away = False
        await asyncio.sleep(20)
        assert app.quotes() == {quote: 2}
        following.cancel()
        await asyncio.wait([following])

    run_in_virtual_time(play())


@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_replicas_that_lost_their_place_do_not_all_ask_at_once(ats: StandIn, app: App, chance: float) -> None:
    catch_up(ats, app)
    quote = app.add_quote(1)
    ats.epoch = "second"
    ats.change(1, available=False, remapped_to=2)

    async def play() -> float:
        await in_virtual_time(ats.transport(), app, chance=chance).catch_up()
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(play()) == pytest.approx(40 * chance)
    assert app.quotes() == {quote: 2}


def in_virtual_time(way: httpx.AsyncBaseTransport, app: App, *, chance: float = 0.5) -> Replicator:
    async def at_once(function: Any, /) -> Any:
        return function()

    return Replicator(
        ats=AtsClient("http://ats", "acme", "token", transport=way),
        store=app.store,
        bindings=[quotes()],
        resync_delay=timedelta(seconds=40),
        chance=lambda: chance,
        now=lambda: START + timedelta(seconds=asyncio.get_running_loop().time()),
        in_thread=at_once,
    )


def run_in_virtual_time(test: Any) -> Any:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(test)
