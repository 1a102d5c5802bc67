"""A service killed in the middle of a flow: `catrelay up` starts it again, and all ends as if nothing had been."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from catrelay.cli.suite import SERVICES
from catrelay.client import AtsClient, UploaderClient
from catrelay.demo.careersite import CareersiteClient
from catrelay.demo.stage import eventually
from catrelay.models import CategoryValuesUpload, CategoryValueUpload, CategoryValueWrite, CategoryWrite, UploadStatus
from catrelay.problems import ServiceUnreachable
from tests.system.suites import Up, up

Answer = TypeVar("Answer")

PLACES = 400
FIELDS = 24
PINNED = 3
"""Jobs, and testimonials, at each field."""


async def insist(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer, however often the service is away: all that is asked here may be repeated."""
    answers: list[Answer] = []

    async def once() -> bool:
        try:
            answers.append(await ask())
        except ServiceUnreachable:
            return False
        return True

    assert await eventually(once, bool), "the service did not come back"
    return answers[0]


def upload_of(names: dict[str, str]) -> CategoryValuesUpload:
    nodes = tuple(CategoryValueUpload(external_id=key, name=name) for key, name in names.items())
    return CategoryValuesUpload(test_flag=False, category_values=nodes)


class Flow:
    """Uploads to one category while values of another are remapped, and knows where everything has to end."""

    def __init__(self, suite: Up, ats: AtsClient, uploader: UploaderClient, careersite: CareersiteClient) -> None:
        self.suite = suite
        self.ats = ats
        self.uploader = uploader
        self.careersite = careersite
        self.places = {f"p{number}": f"Place {number}" for number in range(PLACES)}
        self.fields: list[int] = []
        self.jobs: dict[int, int] = {}
        self.testimonials: dict[int, int] = {}

    async def load(self) -> None:
        self.location = (await self.ats.create_category(CategoryWrite(name="Location", key="LOCATION"))).id
        self.expertise = (await self.ats.create_category(CategoryWrite(name="Expertise"))).id
        await self._ends(await self._launch(self.places))
        fields = [CategoryValueWrite(name=f"Field {number}") for number in range(FIELDS)]
        made = await self.ats.write_values(self.expertise, fields, atomic=True)
        self.fields = [result.value.id for result in made.results if result.value is not None]
        for field in self.fields:
            for _ in range(PINNED):
                pin = [{"category": self.expertise, "values": [field]}]
                job = await self.ats.create_job({"title": "Engineer", "status": "active", "categories": pin})
                self.jobs[job.id] = field
                testimonial = await self.careersite.post_testimonial("Jake", "Great", self.expertise, field)
                self.testimonials[testimonial.id] = field

    async def play(self, killed: str) -> None:
        """Upload a changed list and remap a chain of fields, with a kill between its first half and its second."""
        self.places = {key: f"{name} of {killed}" for key, name in self.places.items()} | {f"of {killed}": "New"}
        launched = await self._launch(self.places)
        upload = asyncio.create_task(self._ends(launched))
        chain, self.fields = self.fields[:5], self.fields[4:]
        for number, (old, new) in enumerate(pairwise(chain)):
            if number == 2:
                self._kill(killed)
            await self._remap(old, new)
        await upload

    async def _ends(self, launched: UploadStatus) -> None:
        async def status() -> UploadStatus:
            return await insist(lambda: self.uploader.upload(self.location, launched.id))

        ended = await eventually(status, lambda status: status.status in ("Complete", "Error"))
        assert (ended.status, [outcome.failed for outcome in ended.results]) == ("Complete", [0, 0, 0])

    async def _launch(self, names: dict[str, str]) -> UploadStatus:
        return await self.uploader.upload_values(self.location, upload_of(names))

    async def _remap(self, old: int, new: int) -> None:
        write = CategoryValueWrite(id=old, available=False, remapped_to=new)
        await insist(lambda: self.ats.write_value(self.expertise, write))
        for pins in (self.jobs, self.testimonials):
            pins.update({object_: new for object_, value in pins.items() if value == old})

    def _kill(self, service: str) -> None:
        pid = self.suite.suite.member(service).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    async def jobs_seen(self) -> dict[int, int | None]:
        found: dict[int, int | None] = {}
        async for job in self.ats.jobs():
            pinned = [each.values for each in (job.categories.root if job.categories else ())]
            found[job.id] = pinned[0][0] if pinned else None
        return found

    async def testimonials_seen(self) -> dict[int, int | None]:
        return {each.id: each.value for each in await self.careersite.testimonials()}

    async def check(self) -> None:
        places = [(value.external_id, value.name) for value in (await self.ats.tree(self.location)).answer]
        assert dict(places) == self.places
        assert len(places) == len(self.places)
        journal = (await self.ats.tenant_journal(after=0)).results
        assert [entry.seq for entry in journal] == list(range(1, len(journal) + 1))
        assert len(journal) == len({entry.id for entry in journal}), "an operation was journalled twice"
        assert await self.jobs_seen() == self.jobs
        seen = await eventually(lambda: insist(self.testimonials_seen), lambda seen: seen == self.testimonials)
        assert seen == self.testimonials

        async def replica() -> bytes:
            path = f"/replica/categories/byID/{self.location}/values"
            return (await insist(lambda: self.careersite.request("GET", path))).content

        wanted = (await self.ats.request("GET", f"/categories/byID/{self.location}/values")).content
        assert await eventually(replica, lambda tree: tree == wanted) == wanted


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_any_service_may_be_killed_in_the_middle_of_a_flow(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    options = ["--ats-database", request.getfixturevalue("postgres_database")] if database == "postgresql" else []

    async def flows(suite: Up) -> None:
        ready = suite.suite
        async with (
            AtsClient(ready.ats.url, "acme", ready.ats.token) as ats,
            UploaderClient(ready.uploader.url, "acme", ready.uploader.token) as uploader,
            CareersiteClient(ready.careersite.url, "acme", ready.careersite.token) as careersite,
        ):
            flow = Flow(suite, ats, uploader, careersite)
            await flow.load()
            for service in SERVICES:
                await flow.play(service)
                await flow.check()

    with up(tmp_path, *options) as suite:
        asyncio.run(flows(suite))
