"""Services killed again and again under those who use them: in the end all is as it was acknowledged."""

import asyncio
import os
import signal
from collections import Counter
from itertools import combinations
from pathlib import Path
from random import Random

import pytest

from catrelay.client import AtsClient, UploaderClient, values_path
from catrelay.demo.careersite import CareersiteClient
from catrelay.demo.stage import eventually
from catrelay.models import CategoryWrite, JournalEntry
from replicator.careersite.models import Articles
from tests.system.acknowledged import Acknowledged
from tests.system.busy_clients import Admin, Editor, MasterSystem, Recruiter
from tests.system.insistent import Client, Services
from tests.system.leases import end_deliverers_leases
from tests.system.suites import Up, up

KILLED = ("ats", "uploader", "careersite")
KILLED_ALONE = 1
SEED = int(os.environ.get("CATRELAY_TEST_SEED", "5"))
OPERATIONS_BETWEEN_KILLS = (1, 120)
VALUES = 12
"""Of each administrator, to begin with."""

PLACES = 150


class Killer:
    """Kills two services at once, in turn all that can be, and some alone, in an order that is drawn."""

    def __init__(self, suite: Up, known: Acknowledged, seed: int) -> None:
        self._suite = suite
        self._known = known
        self._chance = Random(f"{seed} killer")

    async def work(self, ended: asyncio.Event) -> None:
        """Set *ended* once all is done, and all serve again."""
        rounds = [*combinations(KILLED, 2), *self._chance.sample([*combinations(KILLED, 1)], KILLED_ALONE)]
        self._chance.shuffle(rounds)
        for services in rounds:
            await self._let_them_work()
            await self._kill(services)
        await self._let_them_work()
        ended.set()

    async def _let_them_work(self) -> None:
        enough = self._known.operations + self._chance.randint(*OPERATIONS_BETWEEN_KILLS)

        async def operations() -> int:
            return self._known.operations

        assert await eventually(operations, lambda count: count >= enough) >= enough, "nothing goes on"

    async def _kill(self, services: tuple[str, ...]) -> None:
        killed = await self._pids(services)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        pids = await eventually(lambda: self._pids(services), lambda pids: not pids & killed)
        assert not pids & killed, f"{services} are not started again"
        await asyncio.to_thread(end_deliverers_leases, self._suite.suite.ats.database)

    async def _pids(self, services: tuple[str, ...]) -> set[int]:
        suite = self._suite.suite
        return {pid for service in services if (pid := suite.member(service).pid) is not None}


async def prepared(services: Services, seed: int) -> tuple[Acknowledged, list[Client]]:
    """Categories with some values, and who is going to work with them."""
    made = [await services.ats.create_category(CategoryWrite(name=name)) for name in ("Expertise", "Place")]
    known = Acknowledged(made[0].id, made[1].id)
    admins = [Admin(f"admin {n}", services, known, seed, has_keys=n % 2 == 0) for n in range(3)]
    for admin in admins:
        for _ in range(VALUES):
            await admin.create()
    master = MasterSystem("master", services, known, seed, PLACES)
    await master.act()
    recruiter = Recruiter("recruiter", services, known, seed)
    editors = [Editor(f"editor {n}", services, known, seed) for n in range(2)]
    return known, [*admins, master, recruiter, *editors]


async def assert_all_is_as_acknowledged(services: Services, known: Acknowledged) -> None:
    await assert_quiet(services)
    await assert_objects(services, known)
    await assert_values(services.ats, known)
    await assert_places_and_journal(services.ats, known)
    for category in (known.category, known.place_category):
        await assert_same_tree(services, category)


async def assert_quiet(services: Services) -> None:
    """All pings were delivered, and the whole journal is applied."""

    async def standing() -> tuple[list[int], int | None, int | None]:
        lags = [each.lag async for each in services.ats.all_subscriptions()]
        head = (await services.ats.tenant_journal(after=0, limit=1)).last_seq
        status = await services.careersite.status()
        return lags, head, status.cursor if status.lag == 0 else None

    lags, head, cursor = await eventually(standing, lambda seen: seen[0] == [0] and seen[1] == seen[2])
    assert (lags, cursor) == ([0], head)


async def assert_objects(services: Services, known: Acknowledged) -> None:
    jobs = {job.id: job.categories.root if job.categories else () async for job in services.ats.jobs()}
    found = {job: frozenset(value for each in pinned for value in each.values) for job, pinned in jobs.items()}
    assert found == known.ends("jobs")
    testimonials = await services.careersite.testimonials()
    assert {each.id: frozenset({each.value} - {None}) for each in testimonials} == known.ends("testimonials")
    articles = (await services.careersite.get("/articles", Articles)).root
    assert {each.id: frozenset(each.values) for each in articles} == known.ends("articles")


async def assert_values(ats: AtsClient, known: Acknowledged) -> None:
    assert {value.id: value.name for value in (await ats.tree(known.category)).answer} == known.here()
    gone = (await ats.unavailable(known.category)).results
    assert {value.id: (value.name, value.remapped_to) for value in gone} == known.gone()


async def assert_places_and_journal(ats: AtsClient, known: Acknowledged) -> None:
    """No operation was carried out twice, by whomever it was asked for again."""
    places = (await ats.tree(known.place_category)).answer
    gone = (await ats.unavailable(known.place_category)).results
    keys = {value.id: value.external_id for value in (*places, *gone)}
    entries: list[JournalEntry] = []
    while page := (await ats.tenant_journal(after=len(entries))).results:
        entries += page

    assert {place.external_id: place.name for place in places} == known.places
    assert len(places) == len(known.places)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    of_places = [entry for entry in entries if entry.category == known.place_category]
    others = [entry for entry in entries if entry.category != known.place_category]
    assert Counter((entry.operation, keys[entry.id]) for entry in of_places) == known.place_entries
    assert Counter((entry.operation, entry.id, entry.remapped_to) for entry in others) == known.entries()


async def assert_same_tree(services: Services, category: int) -> None:
    async def replica() -> bytes:
        return (await services.careersite.request("GET", f"/replica{values_path(category)}")).content

    wanted = (await services.ats.request("GET", values_path(category))).content
    assert await eventually(replica, lambda tree: tree == wanted) == wanted


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_all_is_as_acknowledged_however_services_are_killed_under_load(
    database: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"replay the choices of this run with CATRELAY_TEST_SEED={SEED}")
    monkeypatch.setenv("CATRELAY_PING_RETRY_SECONDS", "0.2,0.5,1")
    monkeypatch.setenv("CATRELAY_UPLOAD_RETRY_SECONDS", "0.2,0.5,1")
    monkeypatch.setenv("CATRELAY_UPLOAD_LEASE_SECONDS", "2")
    options = ["--ats-database", request.getfixturevalue("postgres_database")] if database == "postgresql" else []

    async def play(suite: Up) -> None:
        ready = suite.suite
        async with (
            AtsClient(ready.ats.url, "acme", ready.ats.token) as ats,
            UploaderClient(ready.uploader.url, "acme", ready.uploader.token) as uploader,
            CareersiteClient(ready.careersite.url, "acme", ready.careersite.token) as careersite,
        ):
            services = Services(ats, uploader, careersite)
            known, clients = await prepared(services, SEED)
            ended = asyncio.Event()
            workers: list[Client | Killer] = [*clients, Killer(suite, known, SEED)]
            async with asyncio.TaskGroup() as group:
                for worker in workers:
                    group.create_task(worker.work(ended))
            await assert_all_is_as_acknowledged(services, known)

    (tmp_path / "catman.hold").touch()  # it has no part in this
    with up(tmp_path, *options) as suite:
        asyncio.run(play(suite))
