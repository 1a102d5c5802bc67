"""`catrelay up` as a process of a test's own."""

import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from catrelay.cli.suite import Suite, read_suite

PORTS = range(20_000, 32_000, 4)
"""Below those that the system gives to outgoing connections and to port 0."""

STOP_SECONDS = 10


@dataclass(frozen=True)
class Up:
    """A running suite."""

    process: "subprocess.Popen[str]"
    folder: Path
    ready_file: Path

    @property
    def suite(self) -> Suite:
        """What the ready file says now."""
        return read_suite(self.ready_file)

    def until(self, said: Callable[[str], bool]) -> None:
        """Wait for a line on stderr."""
        assert self.process.stderr is not None
        heard = []
        for line in self.process.stderr:
            heard.append(line)
            if said(line):
                return
        raise AssertionError("the suite ended:\n" + "".join(heard))

    def get(self, service: str, path: str) -> httpx.Response:
        """The answer of *service* to GET *path* below /t/{tenant}, asked with the token of the ready file."""
        suite = self.suite
        member = suite.member(service)
        return httpx.get(
            f"{member.url}/t/{suite.tenant}{path}", headers={"authorization": f"Bearer {member.token}"}, timeout=30
        )


@contextmanager
def up(folder: Path, *options: str, base_port: int | None = None) -> Iterator[Up]:
    """A suite on *folder*, ready; killed at the end if it still runs."""
    ready_file = folder / "ready.json"
    arguments = ["--data", str(folder), "--base-port", str(base_port or free_base_port())]
    command = [sys.executable, "-m", "catrelay", "up", *arguments, "--ready-file", str(ready_file), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        running = Up(process, folder, ready_file)
        try:
            running.until(lambda line: line.startswith("tokens "))
            yield running
        finally:
            process.kill()


def free_base_port() -> int:
    """The first of four neighbouring ports that nobody uses."""
    while True:
        candidate = random.choice(PORTS)
        if all(is_free(port) for port in range(candidate, candidate + 4)):
            return candidate


def is_free(port: int) -> bool:
    """Whether one could serve there."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def is_running(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
