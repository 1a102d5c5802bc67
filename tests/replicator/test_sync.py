"""The replicator without a loop of one's own."""

import gzip
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from catrelay.signing import sign
from replicator import ColumnBinding, SyncReplicator
from replicator.sql import engine_of
from tests.replicator.objects import CATEGORY, App
from tests.replicator.replicas import PUBLIC_URL, ping_of
from tests.replicator.standin import StandIn

BOOKS = ColumnBinding("books", "books", "id", "topic", category=CATEGORY)
READ = {"authorization": "Bearer mine"}
NEVER = timedelta(hours=1)
STATUS = "/t/acme/replica/status"


class Library:
    """An app with books, each at the value 1 at first, and its replicator."""

    def __init__(self, ats: StandIn, url: str, *, interval: timedelta = NEVER) -> None:
        self._engine = engine_of(url, poolclass=sa.NullPool)
        with self._engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE books (id INTEGER PRIMARY KEY, topic BIGINT)"))
            connection.execute(sa.text("INSERT INTO books (id, topic) VALUES (1, 1), (2, 1)"))
        self._ats = ats
        self.replicator = SyncReplicator(
            ats=ats.client(),
            store=url,
            bindings=[BOOKS],
            public_url=PUBLIC_URL,
            read_token="mine",
            interval=interval,
            resync_delay=timedelta(0),
        )

    @property
    def topics(self) -> list[int]:
        with self._engine.connect() as connection:
            return list(connection.scalars(sa.text("SELECT topic FROM books ORDER BY id")))

    def ping(self, *paths: str, message: str = "m1", secret: str | None = None) -> int:
        """The status that a ping is answered with; a batch when there are many."""
        body = orjson.dumps({"pings": [{"path": path} for path in paths]}) if len(paths) > 1 else b""
        (subscription,) = self._ats.subscriptions.values()
        secrets = [secret or str(subscription.secret)]
        signed = sign(body, message_id=message, at=datetime.now(UTC), signing_secrets=secrets)
        below = "/deltaPings" if len(paths) > 1 else paths[0]
        return self.replicator.handle("POST", f"/t/acme{below}", headers=signed, body=body).status

    def get(self, path: str, query: str = "", **headers: str) -> Any:
        answer = self.replicator.handle("GET", path, query, READ | headers)
        assert answer.status == 200, answer.body
        return orjson.loads(answer.body)


@pytest.fixture
def library(ats: StandIn, tmp_path: Path) -> Iterator[Library]:
    found = Library(ats, f"sqlite:///{tmp_path / 'library.db'}")
    yield found
    found.replicator.close()


@pytest.fixture
def reported(ats: StandIn) -> threading.Semaphore:
    """Released each time that the ATS is told how far its journal is applied."""
    times = threading.Semaphore(0)
    ats.meanwhile = lambda path: times.release() if path.endswith("/applied") else None
    return times


def test_it_catches_up_and_tells_how_it_stands(ats: StandIn, database_url: str) -> None:
    library = Library(ats, database_url)
    with library.replicator as replicator:
        replicator.catch_up()
        ats.remap(1, 2)

        replicator.catch_up()

        assert library.topics == [2, 2]
        status = replicator.status()
        assert (status.cursor, status.lag, status.moved) == (1, 0, 2)
        with replicator.store.read() as unit:
            assert not unit.documents(CATEGORY).keys() & {1}


def test_tables_of_a_store_that_is_given_are_its_owners(ats: StandIn, app: App) -> None:
    with SyncReplicator(ats=ats.client(), store=app.store, bindings=[]) as replicator:
        replicator.catch_up()

        assert replicator.store is app.store


def test_it_lives_in_mariadb_too(ats: StandIn, mariadb_url: str) -> None:
    library = Library(ats, mariadb_url)
    with library.replicator as replicator:
        ats.remap(1, 2)

        replicator.look_up(CATEGORY, 1)

        assert library.topics == [2, 2]


def test_only_signed_pings_are_taken_and_each_once(library: Library) -> None:
    library.replicator.catch_up()

    assert library.ping(ping_of(1), secret="whsec_" + "A" * 32) == 401
    assert library.ping(ping_of(1)) == 204
    assert library.ping(ping_of(1)) == 204
    assert library.ping(ping_of(2), ping_of(3), message="m2") == 204

    assert [each["path"] for each in library.get("/t/acme/replica/pings")["results"]] == list(map(ping_of, (1, 2, 3)))


def test_pings_move_objects_while_it_follows(library: Library, ats: StandIn, reported: threading.Semaphore) -> None:
    library.replicator.start()
    library.replicator.start()
    assert reported.acquire(timeout=30)
    ats.remap(1, 2)

    library.ping(ping_of(1))

    assert reported.acquire(timeout=30)
    assert library.topics == [2, 2]
    assert library.replicator.status().leads


def test_it_can_stop_and_start_again(library: Library, ats: StandIn, reported: threading.Semaphore) -> None:
    library.replicator.stop()
    library.replicator.start()
    assert reported.acquire(timeout=30)
    library.replicator.stop()
    assert not library.replicator.status().leads
    ats.remap(1, 2)

    library.replicator.start()

    assert reported.acquire(timeout=30)
    assert library.topics == [2, 2]


def test_what_is_closed_opens_anew(library: Library, ats: StandIn) -> None:
    library.replicator.catch_up()
    library.replicator.close()
    library.replicator.close()
    ats.remap(1, 2)

    library.replicator.catch_up()

    assert library.topics == [2, 2]


def test_it_serves_what_the_app_of_a_replicator_serves(library: Library) -> None:
    library.replicator.catch_up()

    assert library.get(STATUS)["cursor"] == 0
    assert library.get("/t/acme/replica/pings", "limit=5") == {"results": []}
    path = f"/t/acme/categories/byID/{CATEGORY}/values/byID/1/summary"
    assert "2 books" in str(library.get(path))
    assert library.replicator.handle("GET", STATUS).status == 401
    as_wsgi_has_it = {**READ, "Content-Length": ""}
    assert library.replicator.handle("GET", STATUS, headers=as_wsgi_has_it).status == 200
    assert library.replicator.handle("GET", "/elsewhere", headers=READ).status == 404


def test_an_answer_that_is_packed_stays_so(library: Library, ats: StandIn) -> None:
    for value in range(100, 200):
        ats.add(value)
    library.replicator.catch_up()

    path = f"/t/acme/replica/categories/byID/{CATEGORY}/values"
    answer = library.replicator.handle("GET", path, headers={**READ, "accept-encoding": "gzip"})

    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["content-encoding"] == "gzip"
    assert len(orjson.loads(gzip.decompress(answer.body))) == 105


def test_it_runs_until_it_is_told_to_end(library: Library, ats: StandIn) -> None:
    ats.remap(1, 2)
    ats.meanwhile = lambda path: os.kill(os.getpid(), signal.SIGTERM) if path.endswith("/applied") else None
    before = signal.getsignal(signal.SIGTERM)

    library.replicator.run()

    assert library.topics == [2, 2]
    assert signal.getsignal(signal.SIGTERM) is before
    assert not library.replicator.status().leads


def test_a_wrong_argument_is_told_at_once() -> None:
    with pytest.raises(TypeError, match="intervall"):
        SyncReplicator(ats="http://ats", store="sqlite:///app.db", bindings=[], intervall=1)  # type: ignore[call-arg]


FORKED = """
import os, sys
from replicator import SyncReplicator

def asked():
    try:
        replicator.status()
        return 0
    except RuntimeError as error:
        print(error, flush=True)
        return 1

replicator = SyncReplicator(ats="http://127.0.0.1:1", tenant="acme", store=sys.argv[1], bindings=[])
if pid := os.fork():
    assert os.waitpid(pid, 0)[1] == 0
    assert asked() == 0
    if pid := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        sys.exit(replicator.close())
sys.exit(asked())
"""


def test_each_worker_uses_its_own_and_none_what_was_used_before_the_fork(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, f"sqlite:///{tmp_path / 'app.db'}"]

    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    assert said.splitlines() == [
        "the replicator was used before this process was forked: use it afterwards only",
        "1",
    ]
