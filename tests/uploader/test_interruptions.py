"""Crashes and absences of the ATS at every point: the upload is finished afterwards, once."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import httpx
import pytest

from catrelay.client import UploaderClient
from catrelay.models import CategoryValue, CategoryValuesUpload, UploadPlan, UploadStatus
from tests.uploader.ats_rules import AtsRules
from tests.uploader.ats_standin import ALL_CAPABILITIES, CATEGORY, Answering, Crash, Faulty, StandIn, body
from tests.uploader.conftest import Suite, city
from uploader.worker import Worker

CAPABILITIES = pytest.mark.parametrize("capabilities", [ALL_CAPABILITIES, None], ids=["ours", "plain"])
ACTED = pytest.mark.parametrize("acted", [False, True], ids=["before the ATS acted", "after the ATS acted"])

UPLOAD = body(
    {
        "externalId": "akl",
        "values": [
            {"name": "Twin", "values": [{"name": "Below one"}]},
            {"name": "Twin", "values": [{"name": "Below two"}, {"id": 2, "name": "Brooklyn"}]},
            {"externalId": "kum", "name": "Kumeu"},
            {"externalId": "new", "name": "New", "code": "N"},
        ],
    },
    {"id": 3, "available": False, "remappedTo": 2},
    {"id": 98, "name": "Nobody"},
)
NAMELESS = body(*({"name": f"Place {number}"} for number in range(20)))
RESULTS = [("Created", 5, 0), ("Updated", 2, 1), ("Closed", 2, 0)]
PLAIN_RESULTS = [("Created", 6, 0), ("Updated", 1, 1), ("Closed", 2, 0)]  # it does not show that Kumeu is there
SETTINGS = {"batch_values": 2, "ats_concurrency": 2, "upload_retry_seconds": "0"}


def start(capabilities: tuple[str, ...] | None) -> StandIn:
    rules = city()
    rules.values[5] = CategoryValue(id=5, available=True, name="Gone", parent=3)
    return StandIn(rules, capabilities)


def outcome(status: UploadStatus) -> list[tuple[str, int, int]]:
    return [(one.operation, one.succeeded, one.failed) for one in status.results]


def state(rules: AtsRules) -> tuple[object, ...]:
    gone = sorted((value.id, value.remapped_to) for value in rules.values.values() if not value.available)
    return rules.shape(), gone, len(rules.values), len(rules.writes)


async def accept(suite: Suite, upload: dict[str, object] = UPLOAD) -> None:
    """Accepting asks the ATS too: here one that answers."""
    async with suite.uploader(start(None).transport()) as (client, _):
        await client.upload_values(CATEGORY, CategoryValuesUpload.model_validate(upload, strict=False))


async def work_until_dead(worker: Worker) -> bool:
    """Whether the process died."""
    try:
        await worker.run_due()
    except Crash:
        return True
    except BaseExceptionGroup as group:
        crashes, others = group.split(Crash)
        assert crashes is not None
        assert others is None
        return True
    return False


async def reports(client: UploaderClient) -> tuple[UploadStatus, UploadPlan]:
    return await client.upload(CATEGORY, 1), await client.plan(CATEGORY, 1)


@CAPABILITIES
@ACTED
def test_an_upload_is_finished_once_after_a_crash_at_any_request(
    new_suite: Callable[[str], Suite], capabilities: tuple[str, ...] | None, acted: bool
) -> None:
    async def run(at: int) -> tuple[bool, tuple[object, ...]]:
        suite, ats = new_suite(f"crash{at}"), start(capabilities)
        faulty = Faulty(ats.transport(), at, Crash(), acted, dies=True)
        async with suite.uploader(faulty, **SETTINGS) as (client, worker):
            await accept(suite)
            died = await work_until_dead(worker)
        suite.clock.pass_by(3600)
        async with suite.uploader(ats.transport(), **SETTINGS) as (client, worker):
            await worker.run_due()
            status, plan = await reports(client)
        assert status.status == "Complete"
        assert outcome(status) == (RESULTS if capabilities is not None else PLAIN_RESULTS)
        assert plan.summary.failed == 1
        return died, state(ats.rules)

    expected: list[tuple[object, ...]] = []
    for at in count():
        died, end = asyncio.run(run(at))
        expected.append(end)
        if not died:
            break
    assert len(expected) > 10
    assert expected == [expected[-1]] * len(expected)


@CAPABILITIES
@ACTED
def test_an_upload_survives_that_the_ats_goes_away_at_any_request(
    new_suite: Callable[[str], Suite], capabilities: tuple[str, ...] | None, acted: bool
) -> None:
    async def run(at: int) -> tuple[bool, tuple[object, ...]]:
        suite, ats = new_suite(f"away{at}"), start(capabilities)
        faulty = Faulty(ats.transport(), at, httpx.ReadError("reset"), acted)
        async with suite.uploader(faulty, **SETTINGS) as (client, worker):
            await accept(suite)
            await worker.run_due()
            status, _ = await reports(client)
        assert status.status == "Complete"
        assert outcome(status) == (RESULTS if capabilities is not None else PLAIN_RESULTS)
        return faulty.requests > at, state(ats.rules)

    ends: list[tuple[object, ...]] = []
    for at in count():
        met, end = asyncio.run(run(at))
        ends.append(end)
        if not met:
            break
    assert len(ends) > 10
    assert ends == [ends[-1]] * len(ends)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_an_answer_that_says_nothing_about_the_request_delays_an_upload(suite: Suite, status: int) -> None:
    ats = start(ALL_CAPABILITIES)
    answering = Answering(ats.transport(), 6, status)

    async def run() -> UploadStatus:
        async with suite.uploader(answering, **SETTINGS) as (client, worker):
            await accept(suite)
            await worker.run_due()
            return (await reports(client))[0]

    assert outcome(asyncio.run(run())) == RESULTS


def test_an_upload_that_waits_for_the_ats_is_underway_and_due_by_the_schedule(suite: Suite) -> None:
    ats = start(ALL_CAPABILITIES)
    faulty = Faulty(ats.transport(), 0, httpx.ConnectError("refused"), acted=False)

    async def run() -> list[str]:
        seen: list[str] = []
        async with suite.uploader(faulty, upload_retry_seconds="100") as (client, worker):
            await accept(suite)
            for seconds in (0, 79, 42):
                suite.clock.pass_by(seconds)
                await worker.run_due()
                seen.append((await client.upload(CATEGORY, 1)).status)
        return seen

    assert asyncio.run(run()) == ["Underway", "Underway", "Complete"]


def test_an_upload_that_waits_says_why_until_it_comes_through(suite: Suite) -> None:
    async def run() -> list[UploadStatus]:
        seen: list[UploadStatus] = []

        async def while_it_is_written() -> None:
            async with suite.uploader(start(None).transport()) as (client, _):
                seen.append(await client.upload(CATEGORY, 1))

        ats = _Stalling(StandIn(AtsRules()).transport(), 2, while_it_is_written)
        faulty = Faulty(ats, 0, httpx.ConnectError("refused"), acted=False)
        async with suite.uploader(faulty, upload_retry_seconds="1") as (client, worker):
            await accept(suite, NAMELESS)
            for _ in range(2):
                await worker.run_due()
                seen.append(await client.upload(CATEGORY, 1))
                suite.clock.pass_by(60)
        return seen

    waiting, at_work, through = asyncio.run(run())
    assert waiting.status == "Underway"
    assert waiting.problem is not None
    assert waiting.problem["type"] == "urn:catrelay:problem:service-unreachable"
    assert "refused" in str(waiting.problem["detail"])
    assert (at_work.status, at_work.problem) == ("Underway", None)
    assert (through.status, through.problem) == ("Complete", None)


def test_an_upload_that_nothing_brings_forward_is_given_up_in_the_end(suite: Suite) -> None:
    gone = Faulty(start(None).transport(), 0, httpx.ConnectError("refused"), acted=False, dies=True)

    async def run() -> list[UploadStatus]:
        seen: list[UploadStatus] = []
        async with suite.uploader(gone, upload_retry_seconds="1", upload_patience_seconds=3600) as (client, worker):
            await accept(suite)
            for seconds in (0, 3598, 2):
                suite.clock.pass_by(seconds)
                await worker.run_due()
                seen.append(await client.upload(CATEGORY, 1))
        return seen

    seen = asyncio.run(run())
    assert [status.status for status in seen] == ["Underway", "Underway", "Error"]
    assert seen[-1].problem is not None
    assert seen[-1].problem["type"] == "urn:catrelay:problem:service-unreachable"


@pytest.mark.parametrize("capabilities", [ALL_CAPABILITIES, None], ids=["ours", "plain"])
def test_an_upload_that_ends_midway_says_how_many_changes_it_made(
    suite: Suite, capabilities: tuple[str, ...] | None
) -> None:
    ats = StandIn(AtsRules(), capabilities)

    async def run() -> UploadStatus:
        settings = {"batch_values": 5, "ats_concurrency": 1}
        async with suite.uploader(Answering(ats.transport(), 4, 401), **settings) as (client, worker):
            await accept(suite, NAMELESS)
            await worker.run_due()
            return await client.upload(CATEGORY, 1)

    found = asyncio.run(run())
    made = len(ats.rules.values)
    assert 0 < made < 20
    assert found.status == "Error"
    assert found.problem is not None
    assert (found.problem["changesMade"], found.problem["changesPlanned"]) == (made, 20)
    assert f"({made} of 20 changes are known to be made)" in str(found.problem["detail"])


@pytest.mark.parametrize("status", [401, 403])
def test_an_ats_that_refuses_the_token_ends_the_upload(suite: Suite, status: int) -> None:
    ats = start(ALL_CAPABILITIES)

    async def run() -> UploadStatus:
        async with suite.uploader(Answering(ats.transport(), 5, status), **SETTINGS) as (client, worker):
            await accept(suite)
            await worker.run_due()
            return await client.upload(CATEGORY, 1)

    found = asyncio.run(run())
    assert found.status == "Error"
    assert found.problem is not None
    assert found.problem["status"] == status


def test_an_ats_that_does_not_know_the_question_what_it_can_do_is_a_plain_one(suite: Suite) -> None:
    ats = start(None)

    async def run() -> UploadStatus:
        async with suite.uploader(Answering(ats.transport(), 0, 405), **SETTINGS) as (client, worker):
            await accept(suite)
            await worker.run_due()
            return await client.upload(CATEGORY, 1)

    assert outcome(asyncio.run(run())) == PLAIN_RESULTS


def test_what_an_upload_touches_is_left_out_when_the_ats_never_says_it(suite: Suite) -> None:
    ats = start(ALL_CAPABILITIES)

    async def run() -> UploadPlan:
        async with suite.uploader(_WithoutImpact(ats.transport()), **SETTINGS) as (client, worker):
            await accept(suite)
            await worker.run_due()
            return (await reports(client))[1]

    plan = asyncio.run(run())
    assert plan.touched == {}
    assert plan.summary.create == 5


def test_a_cancelled_worker_hands_its_upload_on_at_once(suite: Suite) -> None:
    ats = start(ALL_CAPABILITIES)

    async def run() -> UploadStatus:
        hanging = _Hanging()
        async with suite.uploader(hanging, **SETTINGS) as (client, worker):
            await accept(suite)
            working = asyncio.create_task(worker.run_due())
            await hanging.reached.wait()
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working
        async with suite.uploader(ats.transport(), **SETTINGS) as (client, worker):
            await worker.run_due()
            return await client.upload(CATEGORY, 1)

    assert outcome(asyncio.run(run())) == RESULTS


def test_a_worker_that_lost_its_lease_leaves_the_upload_to_the_other(suite: Suite) -> None:
    ats = start(ALL_CAPABILITIES)

    async def run() -> UploadStatus:
        async with suite.uploader(ats.transport(), **SETTINGS) as (client, other):

            async def taken_over() -> None:
                suite.clock.pass_by(3600)
                await other.run_due()

            stalled = _Stalling(ats.transport(), 3, taken_over)
            async with suite.uploader(stalled, **SETTINGS) as (_, worker):
                await accept(suite)
                await worker.run_due()
            return await client.upload(CATEGORY, 1)

    assert outcome(asyncio.run(run())) == RESULTS


def test_a_process_that_pauses_beyond_its_lease_makes_each_change_once(suite: Suite) -> None:
    ats = StandIn(AtsRules())

    async def run() -> UploadStatus:
        async def pause() -> None:
            suite.clock.pass_by(3600)
            await workers[0].run_due()

        workers: list[Worker] = []
        stalled = _Stalling(ats.transport(), 2, pause)
        async with suite.uploader(stalled, **SETTINGS) as (client, worker):
            workers.append(worker)
            await accept(suite, NAMELESS)
            await worker.run_due()
            return await client.upload(CATEGORY, 1)

    assert asyncio.run(run()).status == "Complete"
    assert len(ats.rules.values) == 20


@CAPABILITIES
def test_nothing_is_sent_to_the_ats_once_the_lease_is_lost(suite: Suite, capabilities: tuple[str, ...] | None) -> None:
    ats = StandIn(AtsRules(), capabilities)

    async def run() -> UploadStatus:
        async with suite.uploader(ats.transport(), **SETTINGS) as (client, other):

            async def taken_over() -> None:
                suite.clock.pass_by(3600)
                await other.run_due()

            paused = _Stalling(ats.transport(), 3, taken_over, acted=True)
            async with suite.uploader(paused, batch_values=5, ats_concurrency=1) as (_, worker):
                await accept(suite, NAMELESS)
                await worker.run_due()
            return await client.upload(CATEGORY, 1)

    assert outcome(asyncio.run(run()))[0] == ("Created", 20, 0)
    assert len(ats.rules.values) == 20


def test_uploads_of_the_org_tree_that_an_absent_ats_let_in_are_done_one_after_the_other(suite: Suite) -> None:
    ats = StandIn(AtsRules(), orgs_category=CATEGORY)
    upload = CategoryValuesUpload.model_validate(NAMELESS, strict=False)

    async def run() -> list[str]:
        seen: list[str] = []
        absent = Faulty(ats.transport(), 0, httpx.ConnectError("refused"), acted=False, dies=True)
        async with suite.uploader(absent) as (client, _):
            for category in (None, CATEGORY):
                await client.upload_values(category, upload, confirm_inactivations=True)

        async with suite.uploader(ats.transport(), upload_retry_seconds="100") as (client, other):

            async def meanwhile() -> None:
                await other.run_due()
                seen.append((await client.upload(CATEGORY, 1)).status)
                seen.append((await client.upload(CATEGORY, 2)).status)

            async with suite.uploader(_Stalling(ats.transport(), 2, meanwhile)) as (_, worker):
                await worker.run_due()
            return [*seen, (await client.upload(None, 1)).status]

    assert asyncio.run(run()) == ["Underway", "Underway", "Complete"]
    assert len(ats.rules.values) == 20


def test_what_was_not_foreseen_ends_the_upload_in_error(suite: Suite) -> None:
    async def run() -> UploadStatus:
        faulty = Faulty(start(None).transport(), 0, RuntimeError("a bug"), acted=False)
        async with suite.uploader(faulty, **SETTINGS) as (client, worker):
            await accept(suite)
            await worker.run_due()
            return await client.upload(CATEGORY, 1)

    status = asyncio.run(run())
    assert status.status == "Error"
    assert status.problem is not None
    assert status.problem["type"] == "urn:catrelay:problem:internal-error"


def test_a_batch_that_answers_too_little_is_asked_again(suite: Suite) -> None:
    ats = start(ALL_CAPABILITIES)

    async def run() -> UploadStatus:
        async with suite.uploader(_Short(ats.transport()), **SETTINGS) as (client, worker):
            await accept(suite)
            await worker.run_due()
            return await client.upload(CATEGORY, 1)

    assert outcome(asyncio.run(run())) == RESULTS


class _WithoutImpact(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/changeImpact"):
            return httpx.Response(503, request=request)
        return await self._inner.handle_async_request(request)


class _Hanging(httpx.AsyncBaseTransport):
    def __init__(self) -> None:
        self.reached = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


class _Stalling(httpx.AsyncBaseTransport):
    """Something else happens while the request numbered *at* is out: before, or after, the ATS has acted."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        at: int,
        meanwhile: Callable[[], Awaitable[None]],
        *,
        acted: bool = False,
    ) -> None:
        self._inner, self._at, self._meanwhile, self._acted = inner, at, meanwhile, acted

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._at -= 1
        if self._at == -1 and not self._acted:
            await self._meanwhile()
        response = await self._inner.handle_async_request(request)
        if self._at == -1 and self._acted:
            await self._meanwhile()
        return response


class _Short(httpx.AsyncBaseTransport):
    """Cuts the first answer to a batch short."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if request.url.path.endswith("/batch") and not self._cut:
            self._cut = True
            return httpx.Response(200, json={"results": []}, request=request)
        return response
