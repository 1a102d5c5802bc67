"""The worker on its own: how many uploads at a time, and what it outlives."""

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.running import running
from tests.uploader.ats_standin import CATEGORY, StandIn, body
from tests.uploader.conftest import TENANT, Suite, city
from uploader import UploaderSettings, create_app

PATIENCE_REQUESTS = 100_000


def test_uploads_beyond_those_at_work_wait_their_turn(suite: Suite) -> None:
    app = suite.app(StandIn(city()).transport(), uploads_at_once=1)
    with running(app, tenant=TENANT, token=suite.token) as uploader:
        paths = [f"/categories/byID/{number}/values/uploads" for number in range(CATEGORY, CATEGORY + 5)]
        locations = [f"{path}/byID/{uploader.post(path, body())['id']}" for path in paths]

        for _ in range(PATIENCE_REQUESTS):
            statuses = [uploader.get(location)["status"] for location in locations]
            if all(status == "Error" for status in statuses):
                break

    assert statuses == ["Error"] * 5  # the guard's for the category that there is, else that there is none


def test_a_worker_outlives_a_database_that_cannot_be_used(tmp_path: Path) -> None:
    app = create_app(UploaderSettings(database=f"sqlite:///{tmp_path / 'empty.db'}"))

    async def run() -> None:
        await app.state.worker.run_due()
        app.state.database.close()

    asyncio.run(run())


def test_a_wait_below_nothing_is_no_setting() -> None:
    with pytest.raises(ValidationError):
        UploaderSettings(database="sqlite:///x", upload_retry_seconds="1,-1")
