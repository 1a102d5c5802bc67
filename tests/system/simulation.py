"""One seeded run of the whole system: ATS and apps with a network between them, all of which may fail at any moment.

What follows from a plan and a seed is always the same, to the last message.
"""

import asyncio
import hashlib
import logging
import random as chance
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import groupby
from random import Random
from typing import Any, NoReturn, get_args

import structlog

from catrelay.sending import Answer
from replicator import Policy
from tests.system.simulated_administration import Administration
from tests.system.simulated_apps import Site
from tests.system.simulated_ats import TENANT_NAME, AtsSite
from tests.system.simulated_client import SimulatedAts
from tests.system.simulated_comparison import difference
from tests.system.simulated_handwork import Handwork
from tests.system.simulated_network import FAIR, NEAR_SECONDS, Link, Network, Weather
from tests.system.simulated_operator import Broken, Operator
from tests.system.simulated_plan import CHANGES, Step
from tests.system.simulated_processes import Process, is_crash
from tests.system.simulated_time import SimulatedLoop
from tests.system.simulated_troubles import Troubles
from tests.system.simulated_uploader import UploaderSite

STORMS = (0.0, 0.3, 1.0)
STORM = Weather(lost=0.04, late=0.06, doubled=0.1)
INSTALL_SECONDS = 1.0
DOWN_SECONDS = (0.05, 5.0)
QUIET_SECONDS = 75.0
"""Within this time every replica looks by itself."""
PATIENCE_SECONDS = 300.0
PAGES = (1, 4, 5_000)
"""Entries of the journal in one answer, at most."""
POLICIES: tuple[Policy, ...] = get_args(Policy)


@dataclass(frozen=True)
class Difference:
    """What is not as it shall be."""

    what: str


@dataclass(frozen=True)
class Report:
    """What came of a run. log: all that happened in it. counts: how much."""

    difference: Difference | None
    log: Sequence[str]
    counts: Counter[str]

    @property
    def digest(self) -> str:
        """Of the log: the same for the same run."""
        return hashlib.sha256("\n".join(self.log).encode()).hexdigest()


def run(plan: Sequence[Step], seed: int) -> Difference | None:
    """What is not as it shall be after *plan*."""
    return report(plan, seed).difference


def report(plan: Sequence[Step], seed: int) -> Report:
    """What came of *plan*."""
    chance.seed(seed)  # for what takes its chances by itself
    with _logged_errors() as errors, asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        simulation = Simulation(seed)
        runner.get_loop().set_exception_handler(simulation.note_error)
        runner.run(simulation.carry_out(plan))
        log = [*simulation.log, *errors]
        found = simulation.difference
    return Report(None if found is None else Difference(found), log, simulation.counts)


class Simulation:
    """Everything there is in one run."""

    def __init__(self, seed: int) -> None:
        self.log: list[str] = []
        self.counts: Counter[str] = Counter()
        self.difference: str | None = None
        self._seed = seed
        self._random = self._chance("world")
        storm = self._random.choice(STORMS)
        weather = Weather(STORM.lost * storm, STORM.late * storm, STORM.doubled * storm)
        self._network = Network(weather)
        self._ats = AtsSite()
        near = self._network.link("operator", self._chance("operator asks"), NEAR_SECONDS)
        client = SimulatedAts(lambda: self._ats.life, near, "operator", "admin")
        self._operator = Operator(client, deepcopy(self._ats.values), lambda: self._ats.history)
        self._sites = [Site(name, self._policies(), self._ats) for name in ("app1", "app2")]
        self._asking = {site.name: self._link(site.name) for site in self._sites}
        self._telling = {site.url: (site, self._link(site.name, "pings")) for site in self._sites}
        self._doubles: list[asyncio.Task[None]] = []
        self._lives: Counter[str] = Counter()
        self._uploader = UploaderSite(
            self._ats,
            self._link("master"),
            SimulatedAts(lambda: self._ats.life, self._link("uploader"), "uploader", "write"),
            self._start_uploader,
        )
        self._administration = Administration(self._operator)
        self._doing = (
            self._administration,
            Handwork(self._sites),
            self._uploader,
            Troubles(self._network, self._ats, self._sites, self._operator, self._restored),
        )

    async def carry_out(self, plan: Sequence[Step]) -> None:
        """Everything, from the first start to the comparison at the end."""
        try:
            self._start_ats()
            for site in self._sites:
                self._start_app(site)
            await asyncio.sleep(INSTALL_SECONDS)
            for number, steps in groupby(plan, lambda step: step.a if step.kind in CHANGES else None):
                if number is not None:
                    await self._change(list(steps))
                    continue
                for step in steps:
                    await self._do(step)
            await self._come_to_rest()
        except (Broken, AssertionError) as error:
            self.difference = f"{type(error).__name__}: {error}"
        for process in self._processes():
            self.counts["statements"] += process.statements
            process.kill()
        self.counts.update(self._network.tally.counted())
        self._note(str(sorted(self.counts.items())))

    def note_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Of a task that nobody waits for."""
        error = context.get("exception")
        if error is None or not is_crash(error):
            self.difference = self.difference or f"unforeseen: {context['message']}: {error!r}"

    async def _change(self, steps: Sequence[Step]) -> None:
        for step, said in zip(steps, await self._administration.change(steps), strict=True):
            self._count(step, said)

    async def _do(self, step: Step) -> None:
        name = step.kind.replace(" ", "_")
        (act,) = [getattr(each, name) for each in self._doing if hasattr(type(each), name)]
        self._count(step, await act(step))

    def _count(self, step: Step, said: str | None) -> None:
        self.counts["void" if said is None else "operations"] += 1
        self._note(f"{step}: {said or 'void'}")

    async def _come_to_rest(self) -> None:
        self._network.cut.clear()
        self._network.weather = FAIR
        for process in self._processes():
            process.live_on()
        clock = asyncio.get_running_loop().time
        deadline = clock() + PATIENCE_SECONDS
        while clock() < deadline:
            await asyncio.sleep(QUIET_SECONDS)
            found = self._difference()
            if found is None:
                return
        self.difference = self.difference or found

    def _difference(self) -> str | None:
        if any(process.is_dead for process in self._processes()):
            return "a process is down"
        return self._uploader.difference() or difference(self._ats, self._sites, self._operator.values)

    # Processes

    def _processes(self) -> list[Process]:
        life = self._ats.life
        others = [*(site.process for site in self._sites), self._uploader.process]
        found = [process for process in others if process is not None]
        return found if life is None else [*found, life.process]

    def _start_ats(self) -> None:
        process = Process("ats", self._ats.disk, lambda: self._died(process, self._start_ats))
        self._ats.start(process, self._post, self._life("ats").random)

    def _restored(self) -> None:
        self._uploader.forget()
        self._start_ats()

    def _start_uploader(self) -> None:
        process = Process("uploader", self._uploader.disk, lambda: self._died(process, self._start_uploader))
        self._uploader.start(process)

    def _start_app(self, site: Site) -> None:
        process = Process(site.name, site.disk, lambda: self._died(process, lambda: self._start_app(site)))
        link, life = self._asking[site.name], self._life(site.name)
        pages = life.choice(PAGES)
        client = SimulatedAts(lambda: self._ats.life, link, site.name, "read", page_entries=pages)
        site.start(process, client, life)

    def _died(self, process: Process, start: Callable[[], None]) -> None:
        self.counts["deaths"] += 1
        self.counts["statements"] += process.statements
        self._note(f"{process.name} died after {process.statements} statements")

        def restart() -> None:
            if all(other.is_dead or other.name != process.name for other in self._processes()):
                self._note(f"{process.name} starts")
                start()

        asyncio.get_running_loop().call_later(self._random.uniform(*DOWN_SECONDS), restart)

    async def _post(self, url: str, body: bytes, /) -> Answer:
        root, _, path = url.partition(f"/t/{TENANT_NAME}")
        site, link = self._telling[root]
        self.counts["pings"] += 1
        if link.is_doubled():
            task = asyncio.get_running_loop().create_task(link.later(lambda: site.take(path, body)))
            self._doubles.append(task)
        if not await link.carry():
            return Answer(None, "no answer")
        answer = await site.take(path, body)
        return answer if await link.carry() else Answer(None, "no answer")

    # Chance

    def _chance(self, name: str) -> Random:
        """Of its own for each thing: what is left out of a plan changes little of what chance says elsewhere."""
        return Random(f"{self._seed} {name}")

    def _link(self, name: str, way: str = "asks") -> Link:
        return self._network.link(name, self._chance(f"{name} {way}"))

    def _life(self, name: str) -> Random:
        self._lives[name] += 1
        return self._chance(f"{name} life {self._lives[name]}")

    def _policies(self) -> dict[str, Policy]:
        return {kind: self._random.choice(POLICIES) for kind in ("quote", "article")}

    def _note(self, text: str) -> None:
        self.log.append(f"{asyncio.get_running_loop().time():.4f} {text}")


@contextmanager
def _logged_errors() -> Iterator[list[str]]:
    """What is logged as an error meanwhile. All else that is logged is passed over."""
    errors: list[str] = []

    def keep(_: object, method: str, event: MutableMapping[str, Any]) -> NoReturn:
        errors.append(f"{method}: {event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield errors
    finally:
        structlog.configure(**before)
