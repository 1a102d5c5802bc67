"""The suite as a child process of the demo."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from catrelay.cli.failure import Failure
from catrelay.cli.services import load_service
from catrelay.cli.suite import SERVICES, locked, read_suite
from catrelay.cli.up import BASE_PORT, HOST

READY_FILE = "suite.json"
STOP_SECONDS = 15
POLL_SECONDS = 0.05
PORT_STEP = 10
EPHEMERAL_PORTS_FROM = 32_768
"""From here on the system gives ports to outgoing connections."""


@contextmanager
def running_suite(folder: Path, options: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """`catrelay up` on *folder*, once all its services serve that are not held; stopped at the end."""
    log, ready_file = folder / "up.log", folder / READY_FILE
    command = [sys.executable, "-P", "-m", "catrelay", "up", "--data", str(folder), "--until-stdin-closes"]
    command += ["--ready-file", str(ready_file), *options]
    with log.open("wb") as output, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output) as up:
        try:
            while not _tells_of(ready_file, up.pid):
                if up.poll() is not None:
                    raise Failure(f"the suite did not start: {_last_line(log)}")
                time.sleep(POLL_SECONDS)  # a file gives no event
            yield up
        finally:
            _stop(up)


def free_base_port() -> int:
    """The usual base port, or the next one whose ports are free."""
    for candidate in range(BASE_PORT, EPHEMERAL_PORTS_FROM, PORT_STEP):
        if all(_is_free(candidate + index) for index in range(len(SERVICES))):
            return candidate
    raise Failure("no free ports were found: choose --base-port")


def free_tenant(wanted: str, ats_database: str) -> str:
    """*wanted*, or with a number behind it where the ATS has a tenant of that name: nobody's data is touched."""
    registry = load_service("ats").open_registry(ats_database)
    with closing(registry):
        registry.migrate()
        taken = set(registry.tenants())
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def check_unused(folder: Path) -> None:
    """Raise Failure when a suite runs on *folder*: what the demo does would happen to its data."""
    with locked(folder):
        pass


def _tells_of(ready_file: Path, pid: int) -> bool:
    # A suite that was killed has left its ready file.
    try:
        return read_suite(ready_file).pid == pid
    except Failure:
        return False


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def _stop(up: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        up.terminate()
    try:
        up.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        up.kill()


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4_096))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
