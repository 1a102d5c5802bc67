"""The uploader in a simulated run: its real store and worker, and a master system that sends whole trees to it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from catrelay.problems import ServiceUnreachable, UploadIncomplete
from catrelay.tokens import Access
from catrelay.waking import Waker
from tests.system.simulated_ats import ORGS, TENANT, TENANT_NAME, AtsSite, now
from tests.system.simulated_client import SimulatedAts
from tests.system.simulated_network import Link
from tests.system.simulated_plan import Step
from tests.system.simulated_processes import Crash, Disk, Process, ProcessDatabase, image_of
from uploader import operations
from uploader.ats import AtsCategory, AtsLimits
from uploader.attempt import Attempt
from uploader.lease import Lease
from uploader.settings import UploaderSettings
from uploader.store import Store, open_database, registry_of
from uploader.worker import UPLOADS, Worker

MASTER = Access(TENANT, TENANT_NAME, "master", "admin")
KEYS = tuple(f"k{number}" for number in range(9))
SHARE_SENT = 0.7
LIMITS = AtsLimits(concurrency=2, batch=4, touched=0)
ENDED = ("Complete", "Error")

Tree = dict[str, tuple[str, str | None]]
"""Names and parents, by externalId."""


class _Worker(Worker):
    """Reaches the ATS without HTTP."""

    ats: SimulatedAts

    async def _try(self, attempt: Attempt, lease: Lease) -> None:
        claim = attempt.claim
        ats = await AtsCategory.meet(self.ats, claim.category, LIMITS, before_write=lease.check)
        await attempt.run(ats)


@dataclass
class Upload:
    """The latest. wanted: None when a backup took its place, perhaps."""

    number: int
    wanted: Tree | None


class UploaderSite:
    """The uploader through all its lives, and its master system. It is started when there is something to upload."""

    def __init__(self, ats: AtsSite, link: Link, client: SimulatedAts, start: Callable[[], None]) -> None:
        self.disk = Disk(uploader_pattern())
        self.latest: Upload | None = None
        self.process: Process | None = None
        self._ats = ats
        self._link = link
        self._client = client
        self._start = start
        self._store: Store | None = None

    @property
    def is_up(self) -> bool:
        """Whether a process runs."""
        return self.process is not None and not self.process.is_dead

    def start(self, process: Process) -> None:
        """Begin another life."""
        self.process = process
        database = ProcessDatabase("uploader", process)
        self._store, self._waker = Store(database), Waker(database)
        worker = _Worker(self._store, registry_of(database), _settings(), self._waker, clock=now)
        worker.ats = self._client
        process.start(worker.run())

    async def upload(self, step: Step) -> str | None:
        """Send the whole tree as it shall be, unless the one before is not done yet."""
        if self.process is None:
            self._start()
        if self.latest is not None and not self.has_ended:
            return None
        nodes, wanted = self._drawn(Random(f"{step.a} {step.b} {step.c}"))
        body = orjson.dumps({"testFlag": False, "categoryValues": nodes})
        number = await self._accepted(body)
        self.latest = Upload(number, wanted)
        return f"{number}: {sorted(wanted)}"

    async def crash_uploader(self, step: Step) -> str | None:
        if self.process is None or self.process.is_dead:
            return None
        self.process.die_after(1 + step.b % 60, is_last_done=bool(step.c % 2))
        return f"within {1 + step.b % 60}"

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do. While nobody is there who could say: no."""
        return self.latest is None or self._status(self.latest.number) in ENDED

    def difference(self) -> str | None:
        """What is not as the latest upload said."""
        if self.latest is None:
            return None
        status = self._status(self.latest.number)
        if status not in ENDED:
            return f"upload {self.latest.number} is {status}"
        if self.latest.wanted is None:
            return None
        there = self._there()
        tree = {key: (name, None if parent is None else _key(there, parent)) for key, _, name, parent in there}
        if status != "Complete" or tree != self.latest.wanted:
            return f"upload {self.latest.number} is {status}: {tree}, not {self.latest.wanted}"
        return None

    def forget(self) -> None:
        """The ATS is as it was once: what was uploaded since may be gone."""
        if self.latest is not None:
            self.latest.wanted = None

    async def _accepted(self, body: bytes) -> int:
        is_asked_again = False
        while True:
            try:
                return await self._link.ask(lambda: self._accept(body))
            except UploadIncomplete as other:
                if not is_asked_again:
                    raise
                return int(str(other.members["upload"]))
            except ServiceUnreachable:
                is_asked_again = True
                await asyncio.sleep(0.5)

    def _accept(self, body: bytes) -> int:
        if self._store is None or not self.is_up:
            raise ServiceUnreachable("connection refused")
        try:
            accepted = operations.accept(
                self._store, MASTER, self._ats.uploads, body, orgs_category=ORGS, confirmed=True, now=now()
            )
        except Crash:
            raise ServiceUnreachable("connection reset") from None
        self._waker.wake(UPLOADS)
        return accepted.id

    def _drawn(self, random: Random) -> tuple[list[dict[str, Any]], Tree]:
        nodes: dict[str, dict[str, Any]] = {}
        roots: list[dict[str, Any]] = []
        wanted: Tree = {}
        for key in KEYS:
            if random.random() >= SHARE_SENT:
                continue
            parent = random.choice([None, *nodes])
            nodes[key] = node = {"externalId": key, "name": f"{key} {random.randrange(3)}", "values": []}
            (roots if parent is None else nodes[parent]["values"]).append(node)
            wanted[key] = (str(node["name"]), parent)
        ids = {key: id_ for key, id_, *_ in self._there()}
        gone, kept = [key for key in ids if key not in wanted], [key for key in ids if key in wanted]
        for key in gone:
            if kept and random.random() < 0.5:
                to = ids[random.choice(kept)]
                roots.append({"externalId": key, "name": key, "available": False, "remappedTo": to})
        return roots, wanted

    def _there(self) -> list[tuple[str, int, str, int | None]]:
        """ExternalId, id, name and parent of what is available at the ATS."""
        return self._ats.look(
            "SELECT external_id, id, name, parent FROM category_values WHERE category = ? AND available"
            " ORDER BY external_id",
            self._ats.uploads,
        )

    def _status(self, number: int) -> str:
        assert self.process is not None
        ((status,),) = self.process.connection.look("SELECT status FROM uploads WHERE id = ?", number)
        return str(status)


def _key(there: list[tuple[str, int, str, int | None]], value: int) -> str | None:
    return next((key for key, id_, *_ in there if id_ == value), None)


@cache
def _settings() -> UploaderSettings:
    return UploaderSettings(database="sqlite:///in-memory", upload_poll_seconds=300, upload_lease_seconds=30)


@cache
def uploader_pattern() -> bytes:
    """The database of an uploader that has nothing to do."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "uploader.db"
        database = open_database(f"sqlite:///{file}")
        registry = registry_of(database)
        registry.migrate()
        registry.add_tenant(TENANT_NAME)
        database.close()
        return image_of(file)
