"""The worker on its own: how many uploads at a time, and what it outlives."""

import asyncio
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from tests.running import Running, running
from tests.uploader.ats_standin import CATEGORY, StandIn, body
from tests.uploader.conftest import TENANT, Suite, city
from uploader import UploaderSettings, create_app

PATIENCE_REQUESTS = 100_000
WAIT_SECONDS = 60
"""Far longer than it takes: a test that waits so long has failed."""


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


def test_uploads_are_taken_over_at_once_by_a_process_that_has_room(suite_on_postgresql: Suite) -> None:
    suite, stuck = suite_on_postgresql, _Stuck(StandIn(city()).transport())
    alone = {"uploads_at_once": 1, "upload_poll_seconds": 3_600, "upload_lease_seconds": 3_600}
    busy, free = suite.app(stuck, **alone), suite.app(StandIn(city()).transport(), **alone)

    with ExitStack() as at_work:
        uploader = at_work.enter_context(running(busy, tenant=TENANT, token=suite.token))
        first = accepted(uploader, CATEGORY)
        assert stuck.reached.wait(WAIT_SECONDS)
        with running(free, tenant=TENANT, token=suite.token) as other:
            second = accepted(uploader, CATEGORY + 1)
            wait_for_end(other, second)
            at_work.close()
            wait_for_end(other, first)  # what was begun is handed on


def accepted(uploader: Running, category: int) -> str:
    path = f"/categories/byID/{category}/values/uploads"
    return f"{path}/byID/{uploader.post(path, body())['id']}"


def wait_for_end(uploader: Running, location: str) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while uploader.get(location)["status"] not in ("Complete", "Error"):
        assert time.monotonic() < end, "nobody was woken"


class _Stuck(httpx.AsyncBaseTransport):
    """Goes no further than to ask what the ATS can do."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.reached = threading.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != f"/t/{TENANT}":
            self.reached.set()
            await asyncio.Event().wait()
        return await self._inner.handle_async_request(request)


def test_a_worker_outlives_a_database_that_cannot_be_used(tmp_path: Path) -> None:
    app = create_app(UploaderSettings(database=f"sqlite:///{tmp_path / 'empty.db'}"))

    async def run() -> None:
        await app.state.worker.run_due()
        app.state.database.close()

    asyncio.run(run())


def test_a_wait_below_nothing_is_no_setting() -> None:
    with pytest.raises(ValidationError):
        UploaderSettings(database="sqlite:///x", upload_retry_seconds="1,-1")
