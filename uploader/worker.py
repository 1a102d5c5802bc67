"""Working uploads off: claimed by lease, tried again for days, however often a process or the ATS goes away."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import httpx
import structlog

from catrelay.client import AtsClient
from catrelay.problems import InternalError, Problem, UploadIncomplete
from catrelay.tokens import Registry
from catrelay.waking import Waker
from uploader.ats import PASSING, AtsCategory, AtsLimits
from uploader.attempt import Attempt
from uploader.domain.endings import is_given_up, with_changes
from uploader.lease import Lease
from uploader.operations import ats_connection
from uploader.settings import UploaderSettings
from uploader.store import Claim, LeaseLost, Store, UploadRef

log = structlog.get_logger()

WAITED_FOR = (*PASSING, UploadIncomplete)
JITTER = 0.2
SHORTEST_WAIT_SECONDS = 0.05
UPLOADS = "uploads"
"""By this name workers are woken when there is one to be worked off."""


class Worker:
    """Works off the uploads in *store*, several at a time, beside other workers on the same database.

    clock and transport: for tests.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        settings: UploaderSettings,
        waker: Waker,
        *,
        clock: Callable[[], datetime],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._store = store
        self._waker = waker
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._transport = transport
        self._limits = AtsLimits(settings.ats_concurrency, settings.batch_values, settings.max_touched_values)
        self._at_work: set[UploadRef] = set()
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        with self._waker.on_wake(UPLOADS, lambda: loop.call_soon_threadsafe(self._woken.set)):
            await self._work_on()

    async def _work_on(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                has_room = len(self._at_work) < self._settings.uploads_at_once
                claim = await self._claim() if has_room else None
                if claim is None:
                    await self._rest(await self._seconds_to_wait() if has_room else None)
                else:
                    task = group.create_task(self._work(claim))
                    task.add_done_callback(lambda _: self._woken.set())

    async def run_due(self) -> None:
        """Work everything off that is due now, one upload after the other."""
        while (claim := await self._claim()) is not None:
            await self._work(claim)

    async def _rest(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _seconds_to_wait(self) -> float:
        poll = self._settings.upload_poll_seconds
        try:
            due = await asyncio.to_thread(self._next_due)
        except Exception:  # the database is away, in whatever way: the worker outlives that
            log.exception("uploads cannot be looked for")
            return poll
        if due is None:
            return poll
        return min(poll, max(SHORTEST_WAIT_SECONDS, (due - self._clock()).total_seconds()))

    async def _claim(self) -> Claim | None:
        try:
            claim = await asyncio.to_thread(self._claim_now, frozenset(self._at_work))
        except Exception:  # likewise
            log.exception("uploads cannot be claimed")
            return None
        if claim is not None:
            self._at_work.add(claim.ref)
        return claim

    async def _work(self, claim: Claim) -> None:
        """One attempt. Whatever comes of it, the upload is ended, or due again, or its lease runs out."""
        lease = Lease(claim, self._store, self._clock, self._settings.upload_lease_seconds)
        beat = asyncio.create_task(lease.keep())
        attempt = Attempt(lease, self._store, self._settings)
        try:
            await self._try(attempt, lease)
        except asyncio.CancelledError:
            await asyncio.to_thread(self._release, claim)
            raise
        except LeaseLost:
            log.warning("upload is left to whoever takes it over", upload=claim.ref.upload, tenant=claim.tenant)
        except Exception as error:  # noqa: BLE001  (the outermost loop: one upload's trouble is not the others')
            await self._settle(attempt, error)
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)
            self._at_work.discard(claim.ref)

    async def _try(self, attempt: Attempt, lease: Lease) -> None:
        claim = attempt.claim
        connection = await asyncio.to_thread(ats_connection, self._registry, claim.tenant)
        async with AtsClient(connection.url, claim.tenant, connection.token, transport=self._transport) as client:
            ats = await AtsCategory.meet(client, claim.category, self._limits, before_write=lease.check)
            if ats.orgs_category is not None:
                await asyncio.to_thread(self._unite, claim, ats.orgs_category)
            await attempt.run(ats)

    async def _settle(self, attempt: Attempt, error: Exception) -> None:
        claim = attempt.claim
        told = log.bind(upload=claim.ref.upload, tenant=claim.tenant)
        try:
            if isinstance(error, WAITED_FOR):
                await asyncio.to_thread(self._postpone_or_give_up, claim, error, progressed=attempt.progressed)
            elif isinstance(error, Problem):
                await asyncio.to_thread(self._fail, claim, error)
            else:
                told.error("upload failed for an unforeseen reason", exc_info=error)
                problem = InternalError("The upload failed for a reason that was logged")
                await asyncio.to_thread(self._fail, claim, problem)
        except Exception:  # noqa: BLE001  (the database is away or the upload gone: the lease runs out by itself)
            told.exception("upload cannot be settled")

    def _next_due(self) -> datetime | None:
        with self._store.read() as reports:
            return reports.next_due()

    def _claim_now(self, at_work: Collection[UploadRef]) -> Claim | None:
        now = self._clock()
        lease_until = now + timedelta(seconds=self._settings.upload_lease_seconds)
        with self._store.write() as unit:
            # What is at work here goes on after a pause of this process, however long, unless another took it over.
            return unit.claim(str(uuid.uuid4()), now=now, lease_until=lease_until, besides=at_work)

    def _unite(self, claim: Claim, orgs_category: int) -> None:
        with self._store.write() as unit:
            unit.unite(claim, orgs_category)

    def _release(self, claim: Claim) -> None:
        with self._store.write() as unit:
            unit.release(claim)
        self._waker.wake(UPLOADS)

    def _postpone_or_give_up(self, claim: Claim, problem: Problem, *, progressed: bool) -> None:
        now = self._clock()
        stuck_since = now if progressed or claim.stuck_since is None else claim.stuck_since
        told = log.bind(upload=claim.ref.upload, tenant=claim.tenant, reason=problem.detail)
        if is_given_up(stuck_since, now, patience=timedelta(seconds=self._settings.upload_patience_seconds)):
            told.error("upload is given up")
            self._fail(claim, problem)
            return
        attempts = 0 if progressed else claim.attempts
        told.warning("upload has to wait", attempts=attempts)
        waits = self._settings.retry_seconds
        seconds = waits[min(attempts, len(waits) - 1)] * random.uniform(1 - JITTER, 1 + JITTER)
        due = now + timedelta(seconds=seconds)
        with self._store.write() as unit:
            unit.postpone(claim, problem, due=due, attempts=attempts + 1, stuck_since=stuck_since)

    def _fail(self, claim: Claim, problem: Problem) -> None:
        with self._store.write() as unit:
            unit.finish(claim, with_changes(problem, unit.changes_made(claim.ref)))
