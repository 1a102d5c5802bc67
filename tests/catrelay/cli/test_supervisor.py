import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from catrelay.cli.failure import Failure
from catrelay.cli.supervisor import Program, Supervisor

DEADLINE_SECONDS = 30

SERVES = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""
FAILS = "import sys; sys.exit('no such thing as a free lunch')"
NEEDS = "import urllib.request; urllib.request.urlopen('{url}').close()\n"
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVES


@dataclass(frozen=True)
class Watched:
    """A supervisor at work. ready: the pids it tells, each time it tells them."""

    stop: asyncio.Event
    ready: "asyncio.Queue[Mapping[str, int]]"
    task: "asyncio.Task[None]"

    async def told(self) -> Mapping[str, int]:
        return await asyncio.wait_for(self.ready.get(), DEADLINE_SECONDS)


def program(folder: Path, name: str, source: str) -> Program:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-c", source, str(port)]
    return Program(
        name,
        prepare=(folder / f"{name}.log").touch,
        command=command,
        url=f"http://127.0.0.1:{port}",
        log=folder / f"{name}.log",
        hold=folder / f"{name}.hold",
    )


@asynccontextmanager
async def supervising(*programs: Program, stop_seconds: float = 9) -> AsyncIterator[Watched]:
    ready: asyncio.Queue[Mapping[str, int]] = asyncio.Queue()
    stop = asyncio.Event()
    supervisor = Supervisor(
        programs, environment=os.environ, inherited=[], on_ready=ready.put_nowait, stop_seconds=stop_seconds
    )
    task = asyncio.create_task(supervisor.run(stop))
    try:
        yield Watched(stop, ready, task)
    finally:
        stop.set()
        with suppress(Failure):
            await asyncio.wait_for(task, DEADLINE_SECONDS)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_pids_are_told_once_all_are_ready_and_all_end_with_the_supervisor(tmp_path: Path) -> None:
    async def scenario() -> Mapping[str, int]:
        async with supervising(program(tmp_path, "a", SERVES), program(tmp_path, "b", SERVES)) as watched:
            return await watched.told()

    pids = asyncio.run(scenario())

    assert set(pids) == {"a", "b"}
    assert not any(is_running(pid) for pid in pids.values())


def test_a_process_that_dies_is_started_again(tmp_path: Path) -> None:
    async def scenario() -> tuple[Mapping[str, int], Mapping[str, int]]:
        async with supervising(program(tmp_path, "a", SERVES), program(tmp_path, "b", SERVES)) as watched:
            before = await watched.told()
            os.kill(before["b"], signal.SIGKILL)
            return before, await watched.told()

    before, after = asyncio.run(scenario())

    assert after["a"] == before["a"]
    assert after["b"] != before["b"]


def test_a_held_program_is_stopped_and_started_when_released(tmp_path: Path) -> None:
    held = program(tmp_path, "b", SERVES)

    async def scenario() -> list[Mapping[str, int]]:
        async with supervising(program(tmp_path, "a", SERVES), held) as watched:
            told = [await watched.told()]
            held.hold.touch()
            told.append(await watched.told())
            held.hold.unlink()
            told.append(await watched.told())
            return told

    running, stopped, started = asyncio.run(scenario())

    assert stopped == {"a": running["a"]}
    assert started["a"] == running["a"]
    assert started["b"] != running["b"]


def test_a_program_that_is_held_from_the_start_is_not_waited_for(tmp_path: Path) -> None:
    held = program(tmp_path, "b", SERVES)
    held.hold.touch()

    async def scenario() -> Mapping[str, int]:
        async with supervising(program(tmp_path, "a", SERVES), held) as watched:
            return await watched.told()

    assert set(asyncio.run(scenario())) == {"a"}


def test_a_program_that_never_was_ready_fails_the_start_and_its_last_words_are_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with supervising(program(tmp_path, "a", SERVES), program(tmp_path, "b", FAILS)) as watched:
            await asyncio.wait_for(watched.task, DEADLINE_SECONDS)

    with pytest.raises(Failure, match="b ended with status 1 before it was ready: no such thing as a free lunch"):
        asyncio.run(scenario())


def test_a_process_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    async def scenario() -> Mapping[str, int]:
        async with supervising(program(tmp_path, "a", IGNORES_SIGTERM), stop_seconds=0.1) as watched:
            return await watched.told()

    pids = asyncio.run(scenario())

    assert not is_running(pids["a"])


def test_the_first_program_serves_before_the_others_are_started(tmp_path: Path) -> None:
    needed = program(tmp_path, "a", SERVES)
    needs = program(tmp_path, "b", NEEDS.format(url=needed.url) + SERVES)

    async def scenario() -> Mapping[str, int]:
        async with supervising(needed, needs) as watched:
            return await watched.told()

    assert set(asyncio.run(scenario())) == {"a", "b"}


def test_a_program_that_cannot_be_prepared_fails_the_start(tmp_path: Path) -> None:
    def fail() -> None:
        raise Failure("no database")

    unprepared = replace(program(tmp_path, "a", SERVES), prepare=fail)

    async def scenario() -> None:
        async with supervising(unprepared) as watched:
            await asyncio.wait_for(watched.task, DEADLINE_SECONDS)

    with pytest.raises(Failure, match="no database"):
        asyncio.run(scenario())
