import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

from catrelay.cli.serve import MASK, mask_url
from catrelay.database import Database
from tests.catrelay.cli.conftest import Catrelay

ROOT = Path(__file__).parents[3]
NOTES = [sys.executable, "-m", "tests.catrelay.cli.notes"]

Start = Callable[..., tuple["subprocess.Popen[str]", str]]


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database of the service notes."""
    url = f"sqlite:///{tmp_path}/notes.db"
    subprocess.run([*NOTES, "migrate", "--database", url], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return url


@pytest.fixture
def start(database: str) -> Iterator[Start]:
    """Starts the service notes; gives its process and its address."""
    with ExitStack() as stack:

        def run(*options: str) -> tuple["subprocess.Popen[str]", str]:
            return stack.enter_context(serving(database, *options))

        yield run


@contextmanager
def serving(database: str, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    command = [*NOTES, "serve", "--database", database, "--port", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("notes serves on http://127.0.0.1:"), line + process.stderr.read()
        yield process, line.split()[-1]
        process.kill()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_serves_and_ends_on_sigterm(start: Start, workers: str) -> None:
    process, url = start("--workers", workers)

    assert httpx.get(f"{url}/readyz").json() == {"status": "ready"}

    process.send_signal(signal.SIGTERM)
    assert process.wait(10) in {0, -signal.SIGTERM}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/readyz")


def test_a_service_that_cannot_start_fails(database: str) -> None:
    command = [*NOTES, "serve", "--database", database, "--port", "0", "--cannot-start", "true"]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert "no reason to start" in ended.stderr
    assert "notes could not start; its log says why" in ended.stderr


def test_a_service_can_be_told_to_end_with_its_starter(start: Start) -> None:
    process, url = start("--until-stdin-closes")
    assert httpx.get(f"{url}/healthz").status_code == 200

    assert process.stdin is not None
    process.stdin.close()

    assert process.wait(10) == -signal.SIGTERM


def test_a_schema_that_is_not_this_versions_is_refused(catrelay: Catrelay, database_url: str) -> None:
    with closing(Database(database_url)) as database:
        assert database.revision() is None  # an empty one

    outcome = catrelay("ats", "serve", "--database", database_url, "--port", "0")

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "catrelay: the database has no schema yet: run `migrate` first\n"


def test_a_port_that_is_taken_is_named(catrelay: Catrelay, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/catman.db"
    catrelay("catman", "migrate", "--database", database)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = catrelay("catman", "serve", "--database", database, "--port", str(port))

    assert outcome.status == 1
    assert outcome.err == f"catrelay: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_settings_are_options_and_wrong_ones_are_wrong_usage(catrelay: Catrelay) -> None:
    outcome = catrelay("ats", "serve", "--port", "eighty")

    assert outcome.status == 2
    assert "--database: field required" in outcome.err
    assert "--port: input should be a valid integer" in outcome.err


def test_config_tells_where_each_setting_came_from_and_no_secret(
    catrelay: Catrelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATRELAY_LOG_LEVEL", "warning")

    outcome = catrelay("ats", "config", "--database", "postgresql://me:hush@db.test/ats", "--json")

    rows = {row["setting"]: (row.get("value"), row["source"]) for row in json.loads(outcome.out)}
    assert rows["database"] == (f"postgresql://me:{MASK}@db.test/ats", "option --database")
    assert rows["log_level"] == ("warning", "environment CATRELAY_LOG_LEVEL")
    assert rows["port"] == ("8800", "default")
    assert rows["public_url"] == (None, "default")
    assert "hush" not in outcome.out


def test_config_masks_settings_that_are_secret(database: str) -> None:
    printed = subprocess.run(
        [*NOTES, "config", "--database", database],
        cwd=ROOT,
        env=os.environ | {"CATRELAY_SESSION_KEY": "hush"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert f"session_key\t{MASK}\tenvironment CATRELAY_SESSION_KEY" in printed.splitlines()
    assert "hush" not in printed


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
        ("plain", "plain"),
        ("postgresql://db.test/x", "postgresql://db.test/x"),
        ("postgresql://me:hush@db.test:5432/x", f"postgresql://me:{MASK}@db.test:5432/x"),
        ("postgresql:///x?host=/tmp&password=hush", f"postgresql:///x?host=/tmp&password={MASK}"),
    ],
)
def test_passwords_within_urls_are_masked(url: str, masked: str) -> None:
    assert mask_url(url) == masked
