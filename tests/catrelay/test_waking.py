"""Processes on one database that wake each other. A waker of a test's own stands for a process."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from catrelay.database import Database
from catrelay.waking import Waker
from tests.threads import in_threads

WAIT_SECONDS = 60
"""Far longer than it takes: a test that waits so long has failed."""
AN_HOUR = 3_600.0

ANOTHER_PROCESS = """
import asyncio, sys
from catrelay.database import Database
from catrelay.waking import Waker

async def wake():
    database = Database(sys.argv[1])
    waker = Waker(database)
    async with waker.running():
        waker.wake("work")
    database.close()

asyncio.run(wake())
"""


@pytest.fixture
def url(postgres_database: str) -> str:
    return postgres_database


@asynccontextmanager
async def process(
    url: str, *, schema: str = "public", gap_seconds: float = 0.0, name: str = "work"
) -> AsyncIterator[tuple[Waker, "Woken"]]:
    """A process with its database; it is heard by the others once this is entered."""
    database = Database(url, schema=schema)
    waker = Waker(database, gap_seconds=gap_seconds)
    woken = Woken()
    try:
        with waker.on_wake(name, woken.note):
            async with waker.running():
                await woken.times(1)  # as whenever it starts to listen
                yield waker, woken
    finally:
        database.close()


class Woken:
    """How often a listener was called."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def note(self) -> None:
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    async def times(self, count: int) -> None:
        """Wait until it was called so often."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: self.count >= count, WAIT_SECONDS), self.count

        await asyncio.to_thread(wait)


@contextmanager
def listening(url: str, channel: str) -> Iterator[Callable[[int], list[str]]]:
    """Gives what is told on *channel*, once it is so much."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"LISTEN {channel}".encode())
        yield lambda count: [
            each.payload.partition(" ")[2] for each in connection.notifies(timeout=WAIT_SECONDS, stop_after=count)
        ]


def test_a_process_wakes_the_others_and_itself_at_once(url: str) -> None:
    async def flow() -> None:
        async with process(url) as (one, woken_one), process(url) as (_, woken_other):
            one.wake("work")
            assert woken_one.count == 2  # it does not wait to hear itself

            await woken_other.times(2)

    asyncio.run(flow())


def test_nobody_is_woken_by_hearing_itself(url: str) -> None:
    async def flow() -> None:
        async with process(url) as (one, woken_one), process(url) as (other, woken_other):
            one.wake("work")
            await woken_other.times(2)
            other.wake("work")
            await woken_one.times(3)

            assert (woken_one.count, woken_other.count) == (3, 3)

    asyncio.run(flow())


def test_a_real_process_is_heard(url: str) -> None:
    async def flow() -> None:
        async with process(url) as (_, woken):
            await asyncio.to_thread(subprocess.run, [sys.executable, "-c", ANOTHER_PROCESS, url], check=True)
            await woken.times(2)

    asyncio.run(flow())


def test_names_and_schemas_are_told_apart(url: str) -> None:
    async def flow() -> None:
        async with (
            process(url) as (one, _),
            process(url, name="other work") as (_, of_name),
            process(url, schema="elsewhere") as (elsewhere, of_schema),
            process(url) as (_, woken),
        ):
            elsewhere.wake("work")
            one.wake("work")
            await woken.times(2)

            assert (of_name.count, of_schema.count, woken.count) == (1, 2, 2)

    asyncio.run(flow())


def test_what_comes_within_a_moment_is_told_once(url: str) -> None:
    async def flow(told: Callable[[int], list[str]]) -> None:
        async with process(url, gap_seconds=AN_HOUR) as (waker, _):
            waker.wake("first")
            assert await asyncio.to_thread(told, 1) == ["first"]

            def wake_often() -> None:
                for _ in range(1_000):
                    waker.wake("work")

            in_threads(wake_often)

        assert await asyncio.to_thread(told, 1) == ["work"]  # as it stops, at the latest

    with listening(url, "catrelay_public") as told:
        asyncio.run(flow(told))


def test_what_is_put_off_is_told_when_its_time_has_come(url: str) -> None:
    async def flow(told: Callable[[int], list[str]]) -> None:
        async with process(url, gap_seconds=0.05) as (waker, _):
            waker.wake("first")
            await asyncio.to_thread(told, 1)
            waker.wake("second")
            assert await asyncio.to_thread(told, 1) == ["second"]

    with listening(url, "catrelay_public") as told:
        asyncio.run(flow(told))


def test_a_connection_that_was_lost_comes_back_and_all_look_again(url: str) -> None:
    async def flow() -> None:
        async with process(url) as (one, woken_one), process(url) as (_, woken_other):
            terminate_all(url)
            await woken_one.times(2)
            await woken_other.times(2)

            one.wake("work")
            await woken_other.times(3)

    with capture_logs() as logs:
        asyncio.run(flow())

    assert sorted(log["log_level"] for log in logs) == ["info", "info", "warning", "warning"]


def terminate_all(url: str) -> None:
    """Have the server end every connection to the database but this."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_what_is_to_be_told_meanwhile_is_told_when_the_server_is_back(url: str) -> None:
    async def flow() -> None:
        async with process(url) as (_, woken):
            database = Database(url)
            waker = Waker(database)
            waker.wake("work")  # before it runs
            async with waker.running():
                await woken.times(2)
            database.close()

    asyncio.run(flow())


def test_without_a_server_a_process_wakes_itself_and_says_so_once() -> None:
    def refuse(server: socket.socket) -> None:
        for _ in range(3):
            server.accept()[0].close()

    async def flow(server: socket.socket) -> None:
        address = "{}:{}".format(*server.getsockname())
        database = Database(f"postgresql://nobody@{address}/nothing?sslmode=disable&gssencmode=disable")
        waker, woken = Waker(database), Woken()
        with waker.on_wake("work", woken.note):
            async with waker.running():
                await asyncio.to_thread(refuse, server)
                waker.wake("work")
            waker.wake("work")
        database.close()
        assert woken.count == 2

    with capture_logs() as logs, socket.create_server(("127.0.0.1", 0)) as server:
        asyncio.run(flow(server))

    assert [log["event"] for log in logs] == ["other processes cannot be woken, and look for work now and then"]


def test_a_listener_that_fails_keeps_nobody_from_being_woken(url: str) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    async def flow() -> None:
        async with process(url) as (one, _), process(url) as (other, _):
            woken = Woken()
            with ExitStack() as listeners:
                listeners.enter_context(other.on_wake("work", fail))
                listeners.enter_context(other.on_wake("work", woken.note))
                one.wake("work")
                await woken.times(1)

    with capture_logs() as logs:
        asyncio.run(flow())

    assert [log["event"] for log in logs] == ["cannot wake"]


def test_on_sqlite_a_process_wakes_itself(tmp_path: Path) -> None:
    async def flow() -> None:
        database = Database(f"sqlite:///{tmp_path}/test.db")
        waker, woken = Waker(database), Woken()
        with waker.on_wake("work", woken.note):
            async with waker.running():
                assert "waker" not in {thread.name for thread in threading.enumerate()}
                waker.wake("work")
        waker.wake("work")
        database.close()
        assert woken.count == 1

    asyncio.run(flow())


def test_nothing_is_left_when_it_stops(url: str) -> None:
    async def flow() -> None:
        async with process(url):
            pass

    asyncio.run(flow())

    assert "waker" not in {thread.name for thread in threading.enumerate()}
    with psycopg.connect(url, autocommit=True) as connection:
        # A server takes a moment to see that a client has gone.
        while True:
            (others,) = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            ).fetchone() or (0,)
            if not others:
                break
