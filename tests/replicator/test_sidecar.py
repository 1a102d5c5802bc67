"""The command that keeps the tables of any app right, on every database."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import orjson
import pytest

from catrelay.signing import sign
from tests.command import Outcome, run_command
from tests.replicator.objects import CATEGORY
from tests.replicator.replicas import ping_of
from tests.replicator.shops import BINDINGS, Beside, Shop, beside

BOUND = tuple(word for text in BINDINGS for word in ("--binding", text))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def any_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shop.db'}"
    url: str = request.getfixturevalue({"postgresql": "postgres_database", "mariadb": "mariadb_url"}[request.param])
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
def pair(sqlite_url: str) -> Iterator[Beside]:
    with beside(sqlite_url) as found:
        yield found


class Catrelay:
    """Runs `catrelay replicate`."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._run = partial(run_command, capsys)

    def __call__(self, *arguments: str) -> Outcome:
        return self._run("replicate", *arguments)


@pytest.fixture
def catrelay(capsys: pytest.CaptureFixture[str]) -> Catrelay:
    return Catrelay(capsys)


def test_tables_of_all_shapes_are_caught_up_in_any_database(any_database_url: str, catrelay: Catrelay) -> None:
    with beside(any_database_url) as pair:
        shop, ats = pair.shop, pair.ats
        assert catrelay(*pair.options, *BOUND, "--once").status == 0
        seq = ats.remap(1, 2)
        ats.inactivate(3)

        outcome = catrelay(*pair.options, *BOUND, "--once", "--json")

        assert outcome.status == 0, outcome.err
        assert shop.topics == [2, 2, None]
        assert shop.column("SELECT name FROM authors") == ["Bob"]
        assert shop.column("SELECT topic FROM author_topics") == [2]
        (topics,) = shop.column("SELECT topics FROM shelves")
        assert (orjson.loads(topics) if isinstance(topics, str) else topics) == [2]
        assert shop.column("SELECT value FROM quotes ORDER BY number") == [2, 1]
        said = orjson.loads(outcome.out)
        assert said["status"]["cursor"] == 2
        assert said["bindings"][0] == {"binding": "books.topic", "moved": 3}
        ats.undo(seq)
        assert catrelay(*pair.options, *BOUND, "--once").status == 0
        assert shop.topics == [1, 1, None]


def test_it_says_what_moved(pair: Beside, catrelay: Catrelay) -> None:
    pair.ats.remap(1, 2)

    outcome = catrelay(*pair.options, "--binding", f"books.topic={CATEGORY}", "--once")

    assert outcome.out.splitlines() == ["binding\tmoved", "books.topic\t2"]
    assert "acme: up to date with entry 1" in outcome.err
    assert "secret-of-the-ats" not in outcome.err


def test_an_ats_without_one_journal_has_no_entry_to_name(pair: Beside, catrelay: Catrelay) -> None:
    pair.ats.plain = True

    outcome = catrelay(*pair.options, "--binding", f"books.topic={CATEGORY}", "--once")

    assert "acme: up to date\n" in outcome.err


def test_tables_of_other_schemas_are_named_with_them(postgres_database: str, catrelay: Catrelay) -> None:
    with beside(postgres_database) as pair:
        pair.shop.run("CREATE SCHEMA old", "CREATE TABLE old.books AS SELECT * FROM books")
        pair.shop.run("ALTER TABLE old.books ADD PRIMARY KEY (id)", "CREATE INDEX ON old.books (topic)")
        pair.ats.remap(1, 2)

        outcome = catrelay(*pair.options, "--binding", f"old.books.topic={CATEGORY}", "--once")

        assert (outcome.status, outcome.out) == (0, "binding\tmoved\nold.books.topic\t2\n")
        assert pair.shop.column("SELECT topic FROM old.books ORDER BY id") == [2, 2, 3]
        assert pair.shop.topics == [1, 1, 3]


@pytest.mark.parametrize(
    ("binding", "reason"),
    [
        ("papers.topic=17", "--binding: the database has no table papers"),
        ("books.theme=17", "--binding: the table books has no column theme; it has id, topic"),
        ("books(isbn).topic=17", "--binding: the table books has no column isbn"),
        ("quotes.value=kind", "--binding: the table quotes has no column kind"),
        ("quotes.value=17:keep", "--binding: the table quotes has a primary key of 2 columns: name a unique column,"),
        ("quotes(category).value=17:keep", "--binding: quotes.category is not unique, so it tells no rows apart"),
        ("quotes(number).value=17", "--binding: quotes.value cannot be null, as it would be without a value"),
        ("notes.topic=17", "--binding: the table notes has no primary key: name a unique column, notes(KEY).topic"),
        ("author_topics.topic@writer=17", "--binding: the table author_topics has no column writer"),
        ("author_topics.topic@author->people.id=17", "--binding: the database has no table people"),
        ("author_topics.topic@author->authors.id=17", "--binding: the table authors has no column id"),
        ("authors.name=17:keep", "--binding: authors.name is of type VARCHAR(50); ids of values are whole numbers"),
        ("books.topic[]=17", "--binding: books.topic is of type BIGINT, and no JSON"),
    ],
)
def test_what_cannot_be_kept_right_is_told_in_one_line(
    postgres_shop: Shop, catrelay: Catrelay, binding: str, reason: str
) -> None:
    known = ("--ats", "http://127.0.0.1:1", "--token", "T", "--tenant", "acme", "--database", postgres_shop.url)

    outcome = catrelay(*known, "--binding", binding)

    assert outcome.status == 1
    assert outcome.err.startswith(f"catrelay: {reason}")
    assert outcome.err.count("\n") == 1


@pytest.fixture
def postgres_shop(postgres_database: str) -> Shop:
    shop = Shop(postgres_database)
    shop.run("CREATE TABLE notes (topic BIGINT)", "ALTER TABLE quotes ALTER value SET NOT NULL")
    return shop


def test_a_column_without_index_is_told(pair: Beside, catrelay: Catrelay) -> None:
    pair.shop.run("CREATE TABLE notes (id INTEGER PRIMARY KEY, topic BIGINT)")

    outcome = catrelay(
        *pair.options, "--binding", "notes.topic=17", "--binding", "author_topics.topic@author=17", "--once"
    )

    assert [line for line in outcome.err.splitlines() if "warning" in line] == [
        "warning: notes.topic has no index: each transfer reads all of it"
    ]


@pytest.mark.parametrize(
    ("options", "status", "reason"),
    [
        (["--binding", "books"], 2, "is no binding"),
        (["--binding", "books.topic=17", "--log-level", "loud"], 2, "--log-level is one of debug"),
        (["--binding", "books.topic=17", "--public-url", "http://me"], 2, "--public-url needs --listen HOST:PORT"),
        (["--binding", "books.topic=17", "--listen", "8810"], 2, "is not HOST:PORT"),
        (["--binding", "books.topic=17", "--listen", "me:99999"], 2, "is not HOST:PORT"),
        (["--binding", "books.topic=17", "--binding", "books.topic=17:keep"], 1, "books.topic is given twice"),
        (["--binding", "books.topic=17", "--database", "sqlite:////nowhere/shop.db"], 1, "there is no file /nowhere"),
        (["--binding", "books.topic=17", "--database", "oracle://me:secret@db"], 1, "--database: it is sqlite:///path"),
        (["--binding", "books.topic=17", "--database", "mysql://me:secret@db:x/y"], 1, "it is sqlite:///path"),
        (["--binding", "books.topic=17", "--once", "--ats", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1"),
    ],
)
def test_wrong_usage_is_told_in_one_line(
    pair: Beside, catrelay: Catrelay, options: list[str], status: int, reason: str
) -> None:
    outcome = catrelay(*pair.options, *options)

    assert outcome.status == status
    assert reason in " ".join(outcome.err.replace("│", " ").split())
    assert "secret" not in outcome.err


def test_a_driver_that_is_missing_is_named(pair: Beside, catrelay: Catrelay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)

    outcome = catrelay(*pair.options, "--binding", "books.topic=17", "--database", "mysql://me:secret@db/shop")

    assert outcome.err == "catrelay: --database: mysql needs the package pymysql: install catrelay[mysql]\n"


@contextmanager
def sidecar(*options: str, said: str, **environment: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The command as a process, once it has *said* something, and the line; ended by SIGTERM."""
    command = [sys.executable, "-m", "catrelay", "replicate", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | environment) as process:
        assert process.stderr is not None
        try:
            heard = []
            for line in process.stderr:
                heard.append(line)
                if said in line:
                    break
            else:
                raise AssertionError("".join(heard))
            yield process, line
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_it_follows_by_timer(pair: Beside) -> None:
    followed = threading.Event()
    pair.ats.meanwhile = lambda _: followed.set() if pair.shop.topics == [2, 2, 3] else None
    pair.ats.remap(1, 2)

    with sidecar(*pair.options, *BOUND, "--interval", "0.1", said="follows acme, and asks by timer"):
        assert followed.wait(timeout=30)


def test_pings_reach_it_where_it_listens(pair: Beside) -> None:
    reported = threading.Semaphore(0)
    pair.ats.meanwhile = lambda path: reported.release() if path.endswith("/applied") else None
    environment = {
        "CATRELAY_BINDINGS": " ".join(BINDINGS),
        "CATRELAY_PUBLIC_URL": "http://sidecar",
        "CATRELAY_LISTEN": "[::1]:0",
        "CATRELAY_INTERVAL": "3600",
        "CATRELAY_READ_TOKEN": "mine",
    }
    with sidecar(*pair.options, said="serves on", **environment) as (_, line):
        tenant = f"{line.split()[-1]}/t/acme"
        assert reported.acquire(timeout=30)
        (subscription,) = pair.ats.subscriptions.values()
        pair.ats.remap(1, 2)
        signed = sign(b"", message_id="m1", at=datetime.now(UTC), signing_secrets=[str(subscription.secret)])

        assert httpx.post(f"{tenant}{ping_of(1)}", headers=signed).status_code == 204

        assert reported.acquire(timeout=30)
        assert pair.shop.topics == [2, 2, 3]
        status = httpx.get(f"{tenant}/replica/status", headers={"authorization": "Bearer mine"})
        assert status.json()["pings"] == 1
        assert httpx.get(f"{tenant}/replica/status").status_code == 401
