"""How soon an object moves once its app is told."""

import multiprocessing
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from statistics import median

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from catrelay.signing import Signer
from replicator import ReplicaStore
from scripts.benchmarks.bare import Bare, bare
from scripts.benchmarks.delivery_tenant import SETTINGS, Tenant
from scripts.benchmarks.journal import page_path
from scripts.benchmarks.line import Line, Target
from scripts.benchmarks.receivers import receiving
from scripts.benchmarks.replica import OBJECTS, App, app_database
from scripts.benchmarks.report import Result, Row, at_most
from scripts.benchmarks.seeding import Seeded, seed_values
from scripts.benchmarks.stage import Stage

HOST = "127.0.0.1"
POLL_SECONDS = 0.0002
IDLE_SECONDS = 0.05
"""After the ping is answered for, so that whatever the replicator tells the ATS afterwards is told."""
WAIT_SECONDS = 60
FIRST_OBJECTS = 3
"""Move before anything is measured: the first requests of a process are its slowest."""

VALUE = f"SELECT value FROM {OBJECTS} WHERE id = ?"
BARE_COMMIT = f"UPDATE {OBJECTS} SET value = ? WHERE id = ?"
PING_BODY = b"{}"


def measure_ping(stage: Stage) -> list[Row]:
    """The row."""
    sizes = stage.sizes
    objects = sizes.repetitions * sizes.wakes + FIRST_OBJECTS
    tenant_name = stage.new_tenant()
    pairs = []
    with (
        receiving(1) as receivers,  # takes the pings of the ATS, which would come at the wrong moment
        bare(stage.database) as database,
        app_database(stage) as apps,
        stage.serving("ping", tenant_name, settings=SETTINGS) as server,
    ):
        seeded = seed_values(database, tenant_name, objects + 1)
        app = App(apps, server.target, seeded.category)
        app.make_objects(seeded.ids[:-1])
        tenant = Tenant(server.target, server.pid, receivers)
        with following(app, receivers.urls(1)[0]) as replicator, app.bare() as replica:
            trips = _Trips(app, seeded, tenant, replicator, replica)
            for _ in range(FIRST_OBJECTS):
                trips.ours()
            for _ in range(sizes.repetitions):
                each = [(trips.ours(), trips.bare()) for _ in range(sizes.wakes)]
                ours, baseline = (median(column) * 1_000 for column in zip(*each, strict=True))
                pairs.append((ours, baseline))
    what = "ping sent until its object has moved / bare GET of a page, bare commit"
    return [Result(what, stage.kind, "ms", pairs, at_most(3))]


class _Trips:
    """One object after the other goes to the last value."""

    def __init__(self, app: App, seeded: Seeded, tenant: Tenant, replicator: Target, replica: Bare) -> None:
        self._seeded = seeded
        self._target = seeded.ids[-1]
        self._tenant = tenant
        self._database = replica
        self._store = ReplicaStore.of(app.database, app.tenant)
        self._ats = Line(app.ats)
        self._replicator = replicator
        self._pings = Line(replicator)
        self._object = 0

    def ours(self) -> float:
        """Seconds from the first byte of a ping until somebody else sees that the object has moved."""
        self._object += 1
        value = self._seeded.first + self._object - 1
        remap = {"id": value, "available": False, "remappedTo": self._target}
        answer = self._ats.post(self._seeded.path, remap)
        assert answer.status == 200, answer.body
        self._tenant.settle()
        ping = self._ping(f"{self._seeded.path}/byID/{value}/deltaPings")
        time.sleep(IDLE_SECONDS)
        began = time.perf_counter()
        assert self._pings.send(ping).status == 204
        _wait_until(lambda: self._database.one(VALUE, self._object) == self._target)
        seconds = time.perf_counter() - began
        _wait_until(self._is_done)
        return seconds

    def bare(self) -> float:
        """Seconds of what nobody can do without: the page with the entry, and one row, durably."""
        time.sleep(IDLE_SECONDS)
        began = time.perf_counter()
        page = self._ats.get(page_path(self._object - 1))
        self._database.seconds_of(BARE_COMMIT, self._target, self._object)
        seconds = time.perf_counter() - began
        assert len(page.json()["results"]) == 1
        return seconds

    def _ping(self, path: str) -> bytes:
        with self._store.read() as unit:
            subscription = unit.subscription()
        assert subscription is not None
        signer = Signer([subscription.secret])
        headers = signer.headers(PING_BODY, message_id=f"ping-{self._object}", at=datetime.now(UTC))
        return self._replicator.request("POST", path, PING_BODY, headers=headers)

    def _is_done(self) -> bool:
        with self._store.read() as unit:
            state = unit.state()
        return state.answered == state.pings


def _wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"it did not come within {WAIT_SECONDS} s")
        time.sleep(POLL_SECONDS)


@contextmanager
def following(app: App, public_url: str) -> Iterator[Target]:
    """The app's replicator, up to date and serving in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(app, public_url, theirs))
    process.start()
    try:
        yield Target(f"http://{HOST}:{ours.recv()}", app.ats.prefix)
    finally:
        process.terminate()
        process.join()


def _serve(app: App, public_url: str, connection: Connection) -> None:
    replicator = app.replicator(public_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        replicator.store.migrate()
        await replicator.catch_up()
        async with replicator.lifespan():
            connection.send(listening.getsockname()[1])
            yield

    served = Starlette(routes=[Mount("/", replicator.app)], lifespan=lifespan)
    with socket.create_server((HOST, 0)) as listening:
        uvicorn.Server(uvicorn.Config(served, log_level="warning")).run(sockets=[listening])
