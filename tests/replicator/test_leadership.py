"""Several processes with one database: one follows the ATS, the others receive pings for it."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from catrelay.demo.stage import eventually
from catrelay.embedded import EmbeddedDatabase
from replicator import ReplicaStore, Replicator
from replicator.unit import Lease
from tests.catman.stage import serving
from tests.replicator.objects import App, quotes
from tests.replicator.replicas import ats_tree, catch_up, ping_of, replicator_of, tree
from tests.replicator.standin import ORGS, StandIn
from tests.virtual_time import VirtualLoop

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
LEASE = timedelta(seconds=15)
HANDOVER = timedelta(seconds=0.5)


class Killed(Exception):
    """The process is no more."""


@dataclass
class Process:
    """A process of the app, on the clock of the test's loop. ats: what it takes for the ATS."""

    app: App
    ats: StandIn
    is_alive: bool = True
    clock_ahead: timedelta = timedelta(0)
    replicator: Replicator = field(init=False)
    task: "asyncio.Task[None]" = field(init=False)

    def __post_init__(self) -> None:
        async def in_thread(function: Callable[[], Any], /) -> Any:
            if not self.is_alive:
                raise Killed
            return function()

        # Another process shares the file, and nothing else.
        store = ReplicaStore(EmbeddedDatabase(f"sqlite:///{self.app.database.path}"), "acme", self.app.tenant)
        self.replicator = Replicator(
            ats=self.ats.client(),
            store=store,
            bindings=[quotes()],
            interval=timedelta(minutes=3),
            handover=HANDOVER,
            lease=LEASE,
            now=lambda: START + self.clock_ahead + timedelta(seconds=asyncio.get_running_loop().time()),
            in_thread=in_thread,
        )
        self.task = asyncio.create_task(self.replicator.run())

    @property
    def leads(self) -> bool:
        return self.replicator.status().leads

    async def stop(self) -> None:
        """As a process that is asked to end."""
        self.task.cancel()
        await asyncio.wait([self.task])
        self.replicator.store.close()

    async def kill(self) -> None:
        """As kill -9: it does nothing any more."""
        self.is_alive = False
        await self.stop()
        with suppress(asyncio.CancelledError):
            assert isinstance(self.task.exception(), Killed)


def in_virtual_time(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(test)


def lease_of(app: App) -> Lease | None:
    with app.store.read() as unit:
        return unit.lease()


async def pass_by(time: timedelta) -> None:
    await asyncio.sleep(time.total_seconds())


def test_one_process_leads_and_the_others_ask_the_ats_nothing(ats: StandIn, app: App) -> None:
    nobody = StandIn()

    async def play() -> None:
        first, second = Process(app, ats), Process(app, nobody)
        await pass_by(timedelta(minutes=7))
        assert (first.leads, second.leads) == (True, False)
        await first.stop()
        await second.stop()
        assert ats.requests.count("GET ") >= 2
        assert nobody.requests == []

    in_virtual_time(play())


def test_pings_that_another_process_received_are_acted_on_by_the_one_that_leads(ats: StandIn, app: App) -> None:
    nobody = StandIn()
    quote = app.add_quote(1)

    async def play() -> None:
        first, second = Process(app, ats), Process(app, nobody)
        await pass_by(timedelta(minutes=1))
        ats.remap(1, 2)
        await second.replicator.receive([ping_of(1)])
        await pass_by(2 * HANDOVER)
        assert app.quotes() == {quote: 2}
        await first.stop()
        await second.stop()
        assert nobody.requests == []

    in_virtual_time(play())


def test_a_process_that_ends_leaves_the_lead_to_another(ats: StandIn, app: App) -> None:
    async def play() -> None:
        first, second = Process(app, ats), Process(app, ats)
        await pass_by(timedelta(minutes=1))
        await first.stop()
        assert lease_of(app) is None
        await pass_by(LEASE / 2)
        assert second.leads
        await second.stop()
        assert lease_of(app) is None

    in_virtual_time(play())


def test_a_process_that_was_killed_is_followed_by_another_when_its_lease_has_run_out(ats: StandIn, app: App) -> None:
    quote = app.add_quote(1)

    async def play() -> None:
        first, second = Process(app, ats), Process(app, ats)
        await pass_by(timedelta(minutes=1))
        assert first.leads
        await first.kill()
        ats.remap(1, 2)
        await second.replicator.receive([ping_of(1)])
        await pass_by(LEASE / 4)
        assert (second.leads, app.quotes()) == (False, {quote: 1})
        await pass_by(1.5 * LEASE)
        assert (second.leads, app.quotes()) == (True, {quote: 2})
        await second.stop()

    in_virtual_time(play())


def test_a_process_that_lost_the_lead_meanwhile_does_not_give_up_anothers(ats: StandIn, app: App) -> None:
    async def play() -> None:
        first = Process(app, ats)
        await pass_by(timedelta(minutes=1))
        with app.store.write() as unit:
            unit.take_lease(Lease("another", START + timedelta(minutes=2)))
        await first.stop()
        lease = lease_of(app)
        assert lease is not None
        assert lease.leader == "another"

    in_virtual_time(play())


def test_a_clock_that_was_ahead_keeps_nobody_from_leading_for_hours(ats: StandIn, app: App) -> None:
    async def play() -> None:
        ahead = Process(app, ats, clock_ahead=timedelta(hours=5))
        await pass_by(timedelta(minutes=1))
        assert ahead.leads
        await ahead.kill()
        second = Process(app, ats)
        await pass_by(LEASE)
        assert second.leads
        await second.stop()

    in_virtual_time(play())


def test_a_lease_that_cannot_be_given_up_runs_out(ats: StandIn, app: App) -> None:
    async def play() -> None:
        first = Process(app, ats)
        await pass_by(timedelta(minutes=1))
        with app.database.write() as db:
            db.execute("ALTER TABLE replica_state RENAME TO elsewhere")
        await first.stop()
        assert first.task.cancelled()

    in_virtual_time(play())


def test_pings_that_came_while_nobody_led_are_acted_on_though_not_all_are_kept(ats: StandIn, app: App) -> None:
    quote = app.add_quote(1)

    async def play() -> None:
        first, second = Process(app, ats), Process(app, ats)
        await pass_by(timedelta(minutes=1))
        await first.kill()
        ats.remap(1, 2)
        ats.change(3, name="Three")
        await second.replicator.receive([ping_of(3)])
        await second.replicator.receive(["/jobs/open/byID/7/deltaPings"] * 1_100)
        await pass_by(2 * LEASE)
        assert app.quotes() == {quote: 2}
        with app.store.read() as unit:
            value = unit.value(17, 3)
            assert (value and value.name, unit.state().answered) == ("Three", 1_101)
        await second.stop()

    in_virtual_time(play())


# Two that work at once, as when one takes longer than its lease


def elsewhere(ats: StandIn, at: str, work: Callable[[], None]) -> None:
    """Let another process do *work* while one waits for the answer to a request for *at*, for the first time."""

    def meanwhile(path: str) -> None:
        if path == at:
            ats.meanwhile = lambda path: None
            thread = Thread(target=work)
            thread.start()
            thread.join()

    ats.meanwhile = meanwhile


@pytest.mark.parametrize("at", ["/categories/remapped", "/categories", "/categories/byID/17/values", "/orgs/values"])
def test_two_at_once_move_each_object_once(ats: StandIn, app: App, at: str) -> None:
    catch_up(ats, app)
    moved, pinned = app.add_quote(1), app.add_quote(3)
    ats.remap(1, 2)
    ats.restore(1)

    def be_faster() -> None:
        catch_up(ats, app)
        app.pin_quote(pinned, 1)

    elsewhere(ats, at, be_faster)
    catch_up(ats, app)

    assert app.quotes() == {moved: 2, pinned: 1}
    assert replicator_of(ats, app).status().moved == 1


@pytest.mark.parametrize("at", ["/categories", "/categories/remapped", "/categories/byID/17/values", "/orgs/values"])
def test_of_two_that_resynchronise_at_once_one_does(ats: StandIn, app: App, at: str) -> None:
    catch_up(ats, app)
    moved, lost, pinned = app.add_quote(1), app.add_quote(4), app.add_quote(3)
    ats.remap(1, 2)
    ats.compact()

    def be_faster() -> None:
        catch_up(ats, app)
        ats.inactivate(4)
        ats.restore(4)
        ats.remap(5, 3)
        ats.restore(5)
        catch_up(ats, app)
        app.pin_quote(pinned, 5)
        app.pin_quote(lost, 4)

    elsewhere(ats, at, be_faster)
    catch_up(ats, app)

    assert app.quotes() == {moved: 2, lost: 4, pinned: 5}
    assert replicator_of(ats, app).status().cursor == 5


@pytest.mark.parametrize("at", ["/categories", "/categories/byID/17/values", "/categories/byID/17/values/digest"])
def test_a_tree_that_came_late_is_not_taken_for_the_newest(app: App, at: str) -> None:
    fast = StandIn(digests=True, versions=True)
    catch_up(fast, app)
    fast.change(1, name="Earlier")
    late = StandIn(digests=True, versions=True)
    late.values = dict(fast.values)

    def be_faster() -> None:
        fast.change(1, name="Newest")
        catch_up(fast, app)

    elsewhere(late, at, be_faster)
    catch_up(late, app)
    catch_up(fast, app)

    assert tree(app) == ats_tree(fast)


@pytest.mark.parametrize(
    "at", ["/categories/byID/17/values", "/categories/byID/18/values/digest", "/orgs/values/digest"]
)
def test_a_tree_that_another_process_wrote_late_has_not_the_newest_version(app: App, at: str) -> None:
    fast = StandIn(digests=True, versions=True)
    fast.add_category(18)
    fast.add(81, category=18)
    catch_up(fast, app)
    late = StandIn(digests=True, versions=True)
    late.categories = fast.categories
    fast.change(1, name="Earlier")
    late.values = dict(fast.values)
    fast.change(1, name="Newest")
    fast.change(81, category=18, name="Newest")
    fast.add(90, category=ORGS)

    elsewhere(fast, at, lambda: catch_up(late, app))
    catch_up(fast, app)
    catch_up(fast, app)

    assert (tree(app), tree(app, 18)) == (ats_tree(fast), ats_tree(fast, 18))


# Real processes

HOST = """
import os
from datetime import timedelta

from starlette.applications import Starlette
from starlette.routing import Mount

from replicator import ColumnBinding, Replicator

replicator = Replicator(
    ats=os.environ["ATS"],
    token="token",
    tenant="acme",
    store=os.environ["DATABASE"],
    bindings=[ColumnBinding("quotes", "quotes", "id", "value", category=17)],
    interval=timedelta(seconds=0.2),
    handover=timedelta(seconds=0.1),
    lease=timedelta(seconds=1),
    read_token="reader",
)
app = Starlette(routes=[Mount("/", replicator.app)], lifespan=lambda app: replicator.lifespan())
"""


@contextmanager
def hosts(folder: Path, count: int, **environment: str) -> Iterator[list[tuple["subprocess.Popen[str]", str]]]:
    """Processes that serve one app with one database, each with its address; killed at the end."""
    (folder / "host.py").write_text(HOST)
    command = [sys.executable, "-m", "uvicorn", "host:app", "--port", "0"]
    with ExitStack() as stack:
        running = []
        for _ in range(count):
            process = subprocess.Popen(
                command, cwd=folder, env=os.environ | environment, stderr=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            running.append(process)
        yield [(process, _address(process)) for process in running]


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    return next(found[1] for line in process.stderr if (found := re.search(r"running on (http://\S+)", line)))


def test_the_work_goes_on_when_the_process_that_leads_is_killed(ats: StandIn, tmp_path: Path) -> None:
    database = tmp_path / "app.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("CREATE TABLE quotes (id INTEGER PRIMARY KEY, value INTEGER)")
        db.execute("INSERT INTO quotes (value) VALUES (1)")

    async def leaders() -> list[str]:
        headers = {"authorization": "Bearer reader"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as http:
            answers = [await http.get(f"{address}/t/acme/replica/status") for address in running]
        return [address for address, answer in zip(running, answers, strict=True) if answer.json()["leads"]]

    async def values() -> list[tuple[int]]:
        with closing(sqlite3.connect(database)) as db:
            return db.execute("SELECT value FROM quotes").fetchall()

    async def play() -> None:
        (first,) = await eventually(leaders, lambda found: len(found) == 1)
        running[first].kill()
        running.pop(first).wait()
        ats.remap(1, 2)
        assert await eventually(values, lambda found: found == [(2,)]) == [(2,)]
        assert await leaders() == list(running)

    with (
        serving(ats.app()) as address,
        hosts(tmp_path, 2, ATS=address, DATABASE=f"sqlite:///{database}") as started,
    ):
        running = {address: process for process, address in started}
        asyncio.run(play())
