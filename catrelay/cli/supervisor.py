"""Keeps processes running: starts them, restarts one that dies, holds one on request, and stops them all."""

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from catrelay.cli.failure import Failure
from catrelay.cli.output import say

POLL_SECONDS = 0.05
READY_SECONDS = 60
STOP_SECONDS = 9
FIRST_BACKOFF_SECONDS = 0.1
LAST_BACKOFF_SECONDS = 10.0
STEADY_SECONDS = 10
"""A process that ran this long after it was ready is restarted without a wait."""

LAST_WORDS_BYTES = 2_000


@dataclass(frozen=True)
class Program:
    """A process to keep.

    prepare: what must be done, in a thread, before it is first started. url: answers 2xx at /readyz once it serves.
    hold: while this file exists, it is not run.
    """

    name: str
    prepare: Callable[[], None]
    command: Sequence[str]
    url: str
    log: Path
    hold: Path


class Supervisor:
    """Keeps *programs* running. The first one serves before the others, which need it, are started.

    environment: the processes' whole environment. inherited: descriptors that they keep open.
    on_ready: called with the pids by name whenever all programs are ready that are not held.
    stop_seconds: how long a process may take to end before it is killed.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        environment: Mapping[str, str],
        inherited: Sequence[int],
        on_ready: Callable[[Mapping[str, int]], None],
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._programs = programs
        self._environment = dict(environment)
        self._inherited = tuple(inherited)
        self._on_ready = on_ready
        self._stop_seconds = stop_seconds
        self._pids: dict[str, int] = {}
        self._held: set[str] = set()
        self._first_settled = asyncio.Event()
        # One after another: preparing imports, and packages with import cycles fail when threads import them at once.
        self._preparing = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until *stop* is set. Raises Failure when a program ends before it was ever ready."""
        async with httpx.AsyncClient(timeout=READY_SECONDS, trust_env=False) as http:
            keepers = [asyncio.create_task(self._keep(program, http)) for program in self._programs]
            stopped = asyncio.create_task(stop.wait())
            try:
                done, _ = await asyncio.wait([stopped, *keepers], return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopped}:
                    task.result()
            finally:
                for task in [stopped, *keepers]:
                    task.cancel()
                await asyncio.gather(stopped, *keepers, return_exceptions=True)

    async def _keep(self, program: Program, http: httpx.AsyncClient) -> None:
        loop = asyncio.get_running_loop()
        backoff = FIRST_BACKOFF_SECONDS
        was_ready = False
        async with self._preparing:
            await asyncio.to_thread(program.prepare)
        if program is not self._programs[0]:
            await self._first_settled.wait()
        while True:
            await self._until_released(program)
            process = await self._start(program)
            try:
                ready = await self._becomes_ready(program, process, http)
                if not ready and not was_ready and not program.hold.exists():
                    raise Failure(
                        f"{program.name} {_how_it_ended(process)} before it was ready: {_last_words(program)}"
                    )
                since = loop.time()
                if ready:
                    self._pids[program.name] = process.pid
                    self._publish()
                    if was_ready:
                        say(f"{program.name} serves again")
                    was_ready = True
                    await self._ends_or_is_held(program, process)
            finally:
                self._pids.pop(program.name, None)
                await _stop(process, self._stop_seconds)
            if program.hold.exists():
                continue
            backoff = FIRST_BACKOFF_SECONDS if loop.time() - since > STEADY_SECONDS else backoff
            say(f"{program.name} {_how_it_ended(process)}; it is started again (its log: {program.log})")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    async def _start(self, program: Program) -> Process:
        with program.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *program.command,
                stdin=PIPE,  # its end tells the process that this one has ended
                stdout=DEVNULL,
                stderr=log,
                env=self._environment,
                pass_fds=self._inherited,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops them in order
            )

    async def _until_released(self, program: Program) -> None:
        if not program.hold.exists():
            return
        say(f"{program.name} is held: it is started once {program.hold} is removed")
        self._held.add(program.name)
        self._publish()
        while program.hold.exists():  # noqa: ASYNC110 - files give no event
            await asyncio.sleep(POLL_SECONDS)
        self._held.discard(program.name)

    async def _becomes_ready(self, program: Program, process: Process, http: httpx.AsyncClient) -> bool:
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while process.returncode is None and not program.hold.exists():
            with suppress(httpx.HTTPError):
                if (await http.get(f"{program.url}/readyz")).is_success:
                    return True
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def _ends_or_is_held(self, program: Program, process: Process) -> None:
        while process.returncode is None and not program.hold.exists():  # noqa: ASYNC110 - files give no event
            await asyncio.sleep(POLL_SECONDS)

    def _publish(self) -> None:
        if self._programs[0].name in {*self._pids, *self._held}:
            self._first_settled.set()
        if {*self._pids, *self._held} == {program.name for program in self._programs}:
            self._on_ready(dict(self._pids))


async def _stop(process: Process, seconds: float) -> None:
    """SIGTERM, and SIGKILL when that does not help in time."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
    waiting = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait_for(asyncio.shield(waiting), seconds)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await waiting


def _how_it_ended(process: Process) -> str:
    if process.returncode is None:
        return f"was not ready after {READY_SECONDS} s"
    if process.returncode < 0:
        return f"was ended by signal {-process.returncode}"
    return f"ended with status {process.returncode}"


def _last_words(program: Program) -> str:
    with program.log.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - LAST_WORDS_BYTES))
        lines = log.read().decode(errors="replace").strip().splitlines()
    return f"{lines[-1] if lines else 'it said nothing'} (its log: {program.log})"
