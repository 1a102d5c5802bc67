"""An uploader on a database of the test's own, and the client that its senders use."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from catrelay.client import UploaderClient
from catrelay.models import CategoryValue, CategoryValuesUpload, UploadPlan, UploadStatus
from catrelay.tokens import Connection, Scope
from tests.answers import ValidatingTransport
from tests.uploader.ats_rules import AtsRules
from tests.uploader.ats_standin import CATEGORY
from uploader import UploaderSettings, create_app
from uploader.store import open_registry
from uploader.worker import Worker

TENANT = "acme"
ATS_URL = "http://ats.example"
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Time that passes by decree."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Suite:
    """Uploaders on one database."""

    database_url: str
    token: str
    clock: Clock

    def settings(self, **changes: object) -> UploaderSettings:
        return UploaderSettings.model_validate({"database": self.database_url, **changes})

    def app(self, ats: httpx.AsyncBaseTransport, **changes: object) -> Starlette:
        return create_app(self.settings(**changes), ats_transport=ats, clock=self.clock)

    def new_token(self, tenant: str, scope: Scope) -> str:
        registry = open_registry(self.database_url)
        registry.add_tenant(tenant)
        token = registry.add_token(tenant, "test", scope)
        registry.close()
        return token

    def connect(self, tenant: str, url: str = ATS_URL) -> None:
        registry = open_registry(self.database_url)
        registry.connect(tenant, Connection("ats", url, "token-at-ats"))
        registry.close()

    def client(self, app: Starlette) -> UploaderClient:
        transport = ValidatingTransport(httpx.ASGITransport(app))
        return UploaderClient("http://uploader.example", TENANT, self.token, transport=transport)

    @asynccontextmanager
    async def uploader(
        self, ats: httpx.AsyncBaseTransport, **changes: object
    ) -> AsyncIterator[tuple[UploaderClient, Worker]]:
        """An uploader whose worker works when the test says so."""
        app = self.app(ats, **changes)
        try:
            async with self.client(app) as client:
                yield client, app.state.worker
        finally:
            app.state.database.close()

    async def run(
        self, ats: httpx.AsyncBaseTransport, upload: dict[str, object], *, confirm: bool = False, **changes: object
    ) -> tuple[UploadStatus, UploadPlan]:
        """Send an upload and work it off."""
        async with self.uploader(ats, **changes) as (client, worker):
            sent = CategoryValuesUpload.model_validate(upload, strict=False)
            accepted = await client.upload_values(CATEGORY, sent, confirm_inactivations=confirm)
            await worker.run_due()
            return await client.upload(CATEGORY, accepted.id), await client.plan(CATEGORY, accepted.id)


def _suite(database_url: str) -> Suite:
    registry = open_registry(database_url)
    registry.migrate()
    registry.add_tenant(TENANT)
    token = registry.add_token(TENANT, "hr", "admin")
    registry.connect(TENANT, Connection("ats", ATS_URL, "token-at-ats"))
    registry.close()
    return Suite(database_url, token, Clock())


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """On SQLite."""
    return _suite(f"sqlite:///{tmp_path / 'uploader.db'}")


@pytest.fixture
def suite_on_each(database_url: str) -> Suite:
    """On each kind of database in turn."""
    return _suite(database_url)


@pytest.fixture
def suite_on_postgresql(postgres_database: str) -> Suite:
    """Where several processes wake each other."""
    return _suite(postgres_database)


@pytest.fixture
def new_suite(tmp_path: Path) -> Callable[[str], Suite]:
    """Makes further suites, by name: copies of one, as migrating takes its time."""
    first = _suite(f"sqlite:///{tmp_path / 'first.db'}")

    def copied(name: str) -> Suite:
        shutil.copy(tmp_path / "first.db", tmp_path / f"{name}.db")
        return Suite(f"sqlite:///{tmp_path / f'{name}.db'}", first.token, Clock())

    return copied


def city() -> AtsRules:
    """The category that most tests start from: Auckland (1) with Newtown (2) and Takapuna (3); Kumeu (4) is gone."""
    rules = AtsRules()
    for id_, name, parent, external_id in (
        (1, "Auckland", None, "akl"),
        (2, "Newtown", 1, None),
        (3, "Takapuna", 1, None),
    ):
        rules.values[id_] = CategoryValue(id=id_, available=True, name=name, parent=parent, external_id=external_id)
    rules.values[4] = CategoryValue(id=4, available=False, name="Kumeu", external_id="kum")
    return rules
