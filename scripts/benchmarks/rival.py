"""Kinto, the nearest thing to the ATS that others run: in an environment of its own, on the same PostgreSQL."""

import base64
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from scripts.benchmarks.line import Line, Target

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-bench"
PINS = Path(__file__).with_name("kinto-constraints.txt")
BATCH = 200
PAGE_RECORDS = 1_000
RECORDS = "/buckets/bench/collections/values/records"
START_SECONDS = 60
RETRY_SECONDS = 0.1

# As `kinto init` writes it, with what slows it down left out: the accounts with their costly password hashes, the
# plugins, and the log of each request.
CONFIGURATION = """
[server:main]
use = egg:waitress#main
host = 127.0.0.1
port = {port}

[app:main]
use = egg:kinto
kinto.storage_backend = kinto.core.storage.postgresql
kinto.storage_url = {database}
kinto.cache_backend = kinto.core.cache.postgresql
kinto.cache_url = {database}
kinto.permission_backend = kinto.core.permission.postgresql
kinto.permission_url = {database}
kinto.userid_hmac_secret = bench
multiauth.policies = basicauth
kinto.bucket_create_principals = system.Authenticated
kinto.batch_max_requests = {batch}

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys =

[logger_root]
level = ERROR
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
"""


def install() -> None:
    """Have Kinto in an environment of its own, pinned; does nothing when it is there."""
    stamp = ENVIRONMENT / "has"
    if stamp.exists() and stamp.read_text() == PINS.read_text():
        return
    sys.stderr.write(f"Installing Kinto into {ENVIRONMENT.name}, pinned by {PINS.name}\n")
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-input", "--requirement", str(PINS)], check=True)
    stamp.write_text(PINS.read_text())


@contextmanager
def kinto(database: str, folder: Path) -> Iterator[Target]:
    """Kinto with an empty collection, stopped in the end."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    configuration = folder / "kinto.ini"
    configuration.write_text(CONFIGURATION.format(port=port, database=database.replace("%", "%%"), batch=BATCH))
    command = [str(ENVIRONMENT / "bin" / "kinto")]
    given = ["--ini", str(configuration), "-q"]
    environment = os.environ | {"KINTO_INI": str(configuration)}
    subprocess.run([*command, "migrate", *given], check=True, env=environment, capture_output=True)
    # It reports each create that loses a race against another one, with the whole statement: a few in a hundred do.
    start = [*command, "start", *given]
    with subprocess.Popen(start, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            basic = base64.b64encode(b"bench:bench").decode()
            target = Target(f"http://127.0.0.1:{port}", "/v1", f"Basic {basic}")
            _wait_for(target, process)
            with Line(target) as line:
                for path, name in (("/buckets", "bench"), ("/buckets/bench/collections", "values")):
                    answer = line.post(path, {"data": {"id": name}})
                    assert answer.status == 201, answer.body
            yield target
        finally:
            process.terminate()


def _wait_for(target: Target, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with Line(target) as line:
                if line.get("/").status == 200:
                    return
        except ConnectionError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(RETRY_SECONDS)  # no longer, should it end meanwhile
    raise RuntimeError(f"Kinto did not start within {START_SECONDS} s")


def seed_records(database: str, count: int) -> None:
    """Records in bulk, past the trigger that dates each: a millisecond apart, as Kinto wants them."""
    statement = """
        INSERT INTO objects (id, parent_id, resource_name, last_modified, data, deleted)
        SELECT gen_random_uuid()::text, '/buckets/bench/collections/values', 'record',
               date_trunc('milliseconds', localtimestamp) - interval '1 day' + n * interval '1 millisecond',
               jsonb_build_object('seq', n, 'category', 17, 'value', 1000 + n, 'operation', 'remap',
                                  'remappedTo', 1003, 'moved', 412, 'at', '2026-11-22T09:00:00Z', 'by', 'bench'),
               false
        FROM generate_series(1, %s) AS n
    """
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE objects DISABLE TRIGGER USER")
        connection.execute(statement, [count])
        connection.execute("ALTER TABLE objects ENABLE TRIGGER USER")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE objects")


def pages_seconds(line: Line, records: int) -> float:
    """How long it takes to read all records, page by page."""
    began = time.perf_counter()
    read = 0
    path = f"{RECORDS}?_limit={PAGE_RECORDS}&_sort=last_modified"
    while True:
        page = line.get(path)
        assert page.status == 200, page.body
        read += page.body.count(b'"operation"')
        if b"next-page:" not in page.head.lower():
            break
        path = page.header("next-page").partition("/v1")[2]
    assert read == records, f"{read} of {records} records"
    return time.perf_counter() - began
