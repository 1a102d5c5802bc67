"""A real MariaDB for tests, with a fresh database for each."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import NullPool, create_engine, make_url

# Small, and not durable on power loss. What is configured on this machine is not read.
OPTIONS = (
    "--no-defaults",
    "--skip-networking",
    "--skip-log-bin",
    "--log-warnings=0",  # nobody reads what it says once it is ready
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-use-native-aio=OFF",  # of which a machine has too little for many servers
)
READY = b"ready for connections"

# Waits until the test process closes the pipe or dies, so that not even a kill -9 leaves a server behind.
SERVE_DURING_TESTS = """
folder=$1
shift
{
    mariadb-install-db "$@" --datadir="$folder/data" --auth-root-authentication-method=normal --skip-test-db >&2 &&
        exec mariadbd "$@" --datadir="$folder/data" --socket="$folder/socket"
} &
server=$!
exec 2>&-
read -r _
kill "$server"
wait "$server"
rm -rf "$folder"
"""


@contextmanager
def mariadb_server() -> Iterator[str]:
    """The URL of a server to make databases on: CATRELAY_TEST_MARIADB, or one started for the occasion.

    Raises OSError or RuntimeError where none can be started.
    """
    if given := os.environ.get("CATRELAY_TEST_MARIADB"):
        yield given
        return

    path = f"{os.environ['PATH']}:/usr/sbin"
    if shutil.which("mariadbd", path=path) is None:
        raise FileNotFoundError(
            "there is no mariadbd; on Debian and Ubuntu: apt-get install mariadb-server-core mariadb-client-core"
        )
    # A short path: a socket's is limited to about 100 characters.
    folder = tempfile.mkdtemp(prefix="catrelay-")
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    with subprocess.Popen(
        ["sh", "-c", SERVE_DURING_TESTS, "sh", folder, *OPTIONS, *as_root],
        env={**os.environ, "PATH": path},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # an interrupt is for the tests first
    ) as server:
        assert server.stderr is not None
        said = b""
        while READY not in said:
            line = server.stderr.readline()
            if not line:
                raise RuntimeError(f"MariaDB ended: {said[-2_000:].decode(errors='replace')}")
            said += line
        yield f"mysql+pymysql://root@localhost/?unix_socket={folder}/socket"


@contextmanager
def fresh_mariadb_database(server_url: str) -> Iterator[str]:
    """The URL of a new database on the server at *server_url*; dropped afterwards, in use or not."""
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(server_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            using = "SELECT id FROM information_schema.processlist WHERE db = %s"
            for (session,) in connection.exec_driver_sql(using, (name,)).all():
                connection.exec_driver_sql(f"KILL {session:d}")
            connection.exec_driver_sql(f"DROP DATABASE {name}")
