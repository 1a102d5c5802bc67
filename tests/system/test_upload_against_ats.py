"""The uploader against the reference ATS: the same rules, seen from both sides."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from ats_stub.app import create_app as create_ats
from ats_stub.settings import AtsSettings
from ats_stub.store import open_registry as open_ats_registry
from catrelay.client import AtsClient, UploaderClient
from catrelay.models import (
    CategoriesActual,
    CategoryActual,
    CategoryValue,
    CategoryValuesUpload,
    CategoryWrite,
    UploadPlan,
    UploadStatus,
)
from catrelay.problems import UploadIncomplete
from catrelay.tokens import Connection
from tests.answers import ValidatingTransport
from uploader import UploaderSettings
from uploader import create_app as create_uploader
from uploader.store import open_registry as open_uploader_registry

TENANT = "acme"
ATS_URL, UPLOADER_URL = "http://ats.example", "http://uploader.example"


@dataclass
class Pair:
    """An ATS with one category, and an uploader that feeds it."""

    ats: AtsClient
    uploader: UploaderClient
    app: Starlette
    category: int | None

    async def upload(
        self, *nodes: object, test: bool = False, confirm: bool = False
    ) -> tuple[UploadStatus, UploadPlan]:
        body = {"testFlag": test, "categoryValues": list(nodes)}
        sent = CategoryValuesUpload.model_validate(body, strict=False)
        accepted = await self.uploader.upload_values(self.category, sent, confirm_inactivations=confirm)
        await self.app.state.worker.run_due()
        status = await self.uploader.upload(self.category, accepted.id)
        return status, await self.uploader.plan(self.category, accepted.id)

    async def tree(self) -> list[object]:
        return [_shape(root) for root in (await self.ats.tree(self.category)).answer]


def _shape(value: CategoryValue) -> object:
    return value.name if not value.values else {value.name: [_shape(child) for child in value.values]}


@pytest.fixture
def databases(tmp_path: Path) -> tuple[str, str]:
    return f"sqlite:///{tmp_path / 'ats.db'}", f"sqlite:///{tmp_path / 'uploader.db'}"


@asynccontextmanager
async def pair(databases: tuple[str, str], *, orgs: bool = False) -> AsyncIterator[Pair]:
    ats_database, uploader_database = databases
    ats_registry, uploader_registry = open_ats_registry(ats_database), open_uploader_registry(uploader_database)
    for registry in (ats_registry, uploader_registry):
        registry.migrate()
        registry.add_tenant(TENANT)
    ats_token = ats_registry.add_token(TENANT, "uploader", "admin")
    token = uploader_registry.add_token(TENANT, "hr", "write")
    uploader_registry.connect(TENANT, Connection("ats", ATS_URL, ats_token))
    ats_registry.close()
    uploader_registry.close()
    ats_app = create_ats(AtsSettings(database=ats_database))
    to_ats = ValidatingTransport(httpx.ASGITransport(ats_app))
    app = create_uploader(UploaderSettings(database=uploader_database), ats_transport=to_ats)
    to_uploader = ValidatingTransport(httpx.ASGITransport(app))
    async with (
        ats_app.router.lifespan_context(ats_app),
        AtsClient(ATS_URL, TENANT, ats_token, transport=to_ats) as ats,
        UploaderClient(UPLOADER_URL, TENANT, token, transport=to_uploader) as uploader,
    ):
        category = None if orgs else (await ats.create_category(CategoryWrite(name="Location"))).id
        yield Pair(ats, uploader, app, category)
    app.state.database.close()


@pytest.mark.parametrize("orgs", [False, True], ids=["category", "orgs"])
def test_a_tree_is_uploaded_changed_and_uploaded_again_without_change(databases: tuple[str, str], orgs: bool) -> None:
    async def run() -> None:
        async with pair(databases, orgs=orgs) as both:
            first = [
                {"externalId": "akl", "name": "Auckland", "values": [{"externalId": "tak", "name": "Takapuna"}]},
                {"externalId": "wlg", "name": "Wellington", "values": [{"externalId": "new", "name": "Newtown"}]},
            ]
            status, _ = await both.upload(*first)
            assert [(one.succeeded, one.failed) for one in status.results] == [(4, 0), (0, 0), (0, 0)]
            assert await both.tree() == [{"Auckland": ["Takapuna"]}, {"Wellington": ["Newtown"]}]

            status, plan = await both.upload(*first)
            assert plan.summary.unchanged == 4
            assert plan.items == ()

            changed = [
                {"externalId": "new", "values": [{"externalId": "wlg", "name": "Wellington City"}]},
                {"externalId": "tak"},
            ]
            status, plan = await both.upload(*changed)
            assert status.status == "Complete"
            assert (plan.summary.update, plan.summary.inactivate, plan.summary.failed) == (3, 1, 0)
            assert await both.tree() == [{"Newtown": ["Wellington City"]}, "Takapuna"]

            status, plan = await both.upload(*first)
            assert (plan.summary.activate, plan.summary.update) == (1, 3)
            assert await both.tree() == [{"Auckland": ["Takapuna"]}, {"Wellington": ["Newtown"]}]

    asyncio.run(run())


def test_the_org_tree_has_one_upload_at_a_time_under_both_its_paths(databases: tuple[str, str]) -> None:
    async def run() -> None:
        async with pair(databases, orgs=True) as both:
            discovery = await both.ats.discover()
            assert discovery is not None
            upload = CategoryValuesUpload.model_validate(
                {"testFlag": False, "categoryValues": [{"name": "Sales"}]}, strict=False
            )
            first = await both.uploader.upload_values(None, upload)

            with pytest.raises(UploadIncomplete):
                await both.uploader.upload_values(discovery.orgs_category, upload)

            await both.app.state.worker.run_due()
            statuses = [await both.uploader.upload(path, first.id) for path in (None, discovery.orgs_category)]
            assert [status.status for status in statuses] == ["Complete", "Complete"]
            assert await both.tree() == ["Sales"]

    asyncio.run(run())


def test_a_remap_in_an_upload_moves_what_references_the_value(databases: tuple[str, str]) -> None:
    async def run() -> None:
        async with pair(databases) as both:
            assert both.category is not None
            await both.upload({"externalId": "ds", "name": "Data Sciences"}, {"externalId": "it", "name": "IT"})
            science, it = [value.id for value in (await both.ats.tree(both.category)).answer]
            pinned = CategoriesActual((CategoryActual(category=both.category, values=(science,)),))
            job = await both.ats.create_job({"status": "active", "title": "Analyst", "categories": pinned.model_dump()})
            remap = {"externalId": "ds", "available": False, "remappedTo": it}

            _, dry = await both.upload({"externalId": "it"}, remap, test=True)
            status, plan = await both.upload({"externalId": "it"}, remap)

            assert dry.touched == {"jobs": 1}
            assert plan.summary.remap == 1
            assert status.status == "Complete"
            moved = (await both.ats.job(job.id)).categories
            assert moved is not None
            assert moved.root[0].values == (it,)
            assert plan.journal_seq == 0

    asyncio.run(run())


def test_the_guard_and_unknown_categories_end_an_upload_in_error(databases: tuple[str, str]) -> None:
    async def run() -> None:
        async with pair(databases) as both:
            await both.upload({"externalId": "a", "name": "A"})
            status, _ = await both.upload()
            assert status.status == "Error"
            status, _ = await both.upload(confirm=True)
            assert status.status == "Complete"
            assert await both.tree() == []

            accepted = await both.uploader.upload_values(999, CategoryValuesUpload(test_flag=False, category_values=()))
            await both.app.state.worker.run_due()
            status = await both.uploader.upload(999, accepted.id)
            assert status.problem is not None
            assert status.problem["status"] == 404

    asyncio.run(run())
