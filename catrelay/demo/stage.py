"""Where the flows are played: the running suite, seen through its HTTP interfaces."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson

from catrelay.cli.suite import Suite, read_suite
from catrelay.client import AtsClient, UploaderClient, values_path
from catrelay.demo.books import Books, Pins
from catrelay.demo.careersite import CareersiteClient
from catrelay.demo.sample import Kind
from catrelay.demo.suite import READY_FILE
from catrelay.models import JobRead
from catrelay.service_client import ServiceClient

Seen = TypeVar("Seen")

POLL_SECONDS = 0.05
SETTLE_SECONDS = 30


@dataclass
class Stage:
    """What the flows work with.

    categories: ids of the sample's categories. ids: of their values, by externalId. books: where everything should be.
    """

    folder: Path
    suite: Suite
    ats: AtsClient
    uploader: UploaderClient
    careersite: CareersiteClient
    categories: dict[Kind, int] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    books: Books = field(default_factory=lambda: Books({}, {}))

    async def jobs(self) -> dict[int, JobRead]:
        """All jobs, templates included, by id."""
        found: dict[int, JobRead] = {}
        for which in ("/jobs", "/jobs/template"):
            async for job in self.ats.jobs(which):
                found[job.id] = job
        return found

    async def testimonials(self) -> dict[int, int | None]:
        """The value that each testimonial is pinned to."""
        return {each.id: each.value for each in await self.careersite.testimonials()}

    async def ats_tree(self, kind: Kind) -> list[dict[str, Any]]:
        """A category's tree at the ATS, as JSON."""
        return await _tree(self.ats, values_path(self.categories[kind]))

    async def replica_tree(self, kind: Kind) -> list[dict[str, Any]]:
        """A category's tree at the career site, as JSON."""
        return await _tree(self.careersite, f"/replica{values_path(self.categories[kind])}")

    async def head(self) -> int:
        """The newest entry of the ATS's journal."""
        return (await self.ats.tenant_journal(after=0, limit=1)).last_seq or 0

    @property
    def hold_file(self) -> Path:
        """While it exists, the career site is kept stopped."""
        return self.folder / "careersite.hold"

    async def hold_careersite(self) -> None:
        """Stop the career site, and keep it stopped."""
        self.hold_file.touch()
        await eventually(self._careersite_pid, lambda pid: pid is None)

    async def release_careersite(self) -> None:
        """Start the career site."""
        self.hold_file.unlink()
        await eventually(self._careersite_pid, lambda pid: pid is not None)

    async def _careersite_pid(self) -> int | None:
        return read_suite(self.folder / READY_FILE).careersite.pid


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """The stage for the suite that runs on *folder*."""
    suite = read_suite(folder / READY_FILE)
    async with (
        AtsClient(suite.ats.url, suite.tenant, suite.ats.token) as ats,
        UploaderClient(suite.uploader.url, suite.tenant, suite.uploader.token) as uploader,
        CareersiteClient(suite.careersite.url, suite.tenant, suite.careersite.token) as careersite,
    ):
        yield Stage(folder, suite, ats, uploader, careersite)


async def eventually(
    read: Callable[[], Awaitable[Seen]], holds: Callable[[Seen], bool], *, seconds: float = SETTLE_SECONDS
) -> Seen:
    """What *read* saw last: the first that *holds*, or whatever there is when the time is up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        seen = await read()
        if holds(seen) or loop.time() > deadline:
            return seen
        await asyncio.sleep(POLL_SECONDS)


async def _tree(client: ServiceClient, path: str) -> list[dict[str, Any]]:
    # Without models: these trees are compared as they are, and read again and again.
    tree: list[dict[str, Any]] = orjson.loads((await client.request("GET", path)).content)
    return tree


def pins_read(job: JobRead) -> Pins:
    """A job's values as the ATS tells them: what is there twice stays there twice."""
    categories = job.categories.root if job.categories else ()
    return {each.category: tuple(sorted(each.values)) for each in categories if each.values}
