"""The servers that are measured, each a process of its own."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex

from ats_stub.store import open_registry
from scripts.benchmarks.line import Target

OURS = ("catrelay", "ats", "serve")
OURS_WITH_FLOOR = ("scripts.benchmarks.floor", "serve")
"""The same server with the routes beside the ATS's that show what HTTP alone costs."""

UNSTORED_PATH = "/floor/values"
READY_PATH = "/floor/ready"

NO_SETTINGS: Mapping[str, str] = {}
ALL_HAVE = {"CATRELAY_LOG_LEVEL": "warning", "CATRELAY_SECRET_KEYS": token_hex(32)}


@dataclass(frozen=True)
class Server:
    """A server that serves. target: the part of it that belongs to the tenant."""

    url: str
    pid: int
    target: Target

    @property
    def root(self) -> Target:
        """Where the probes are."""
        return Target(self.url)


def prepare(database: str, *tenants: str) -> None:
    """Have the ATS's schema, and the tenants in it."""
    registry = open_registry(database)
    registry.migrate()
    for tenant in tenants:
        registry.add_tenant(tenant)
    registry.close()


def target_of(url: str, database: str, tenant: str) -> Target:
    """A tenant's part of the server at *url*, with all rights."""
    registry = open_registry(database)
    token = registry.add_token(tenant, "bench", "admin")
    registry.close()
    return Target(url, f"/t/{tenant}", f"Bearer {token}")


@contextmanager
def serving(
    database: str, tenant: str, command: tuple[str, ...] = OURS, settings: Mapping[str, str] = NO_SETTINGS
) -> Iterator[Server]:
    """The ATS on *database*, stopped in the end. settings: by the names of their variables."""
    options = ["--database", database, "--port", "0", "--until-stdin-closes"]
    environment = {**os.environ, **ALL_HAVE, **settings}
    with subprocess.Popen(
        [sys.executable, "-m", *command, *options], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stderr is not None
        assert process.stdin is not None
        said = process.stderr.readline()
        if b"serves on" not in said:
            raise RuntimeError((said + process.stderr.read()).decode())
        telling = threading.Thread(target=shutil.copyfileobj, args=(process.stderr, sys.stderr.buffer), daemon=True)
        telling.start()
        url = said.decode().split()[-1]
        try:
            yield Server(url, process.pid, target_of(url, database, tenant))
        finally:
            process.stdin.close()
            telling.join()
