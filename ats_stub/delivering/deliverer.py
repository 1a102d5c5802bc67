"""The deliverer: sends the pings that the change log means to every subscription, as long as the ATS runs.

A subscription is a cursor into the change log plus the pings that failed. A *job* reads ahead from the cursor; of each
part of it that was sent, cursor and failures are recorded in one transaction: whatever is interrupted is sent again.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol
from uuid import uuid4

import anyio
import structlog
from anyio import CapacityLimiter, to_thread
from anyio.abc import TaskGroup

from ats_stub.delivering.batch import Batch
from ats_stub.delivering.bodies import Bodies
from ats_stub.delivering.metrics import DeliveryMetrics
from ats_stub.delivering.rounds import MAX_ROUND_PINGS, Part, Requests, Sender
from ats_stub.domain.delivery import DeliveryRules, Health, Round
from ats_stub.domain.pings import Ping
from ats_stub.store import CHANGES, Store
from ats_stub.store.deliveries import DeliveryStore, Job, Result
from ats_stub.store.messages import read_bodies
from ats_stub.store.pruning import prune
from ats_stub.store.subscription_rows import Key

log = structlog.get_logger()

LOOK_SECONDS = 0.01
"""Between looking for what is to be sent and doing so again, however much is written."""
FIRST_PINGS = 4
DATABASE_THREADS = 8
PRUNE_ROWS = 1_000


class InThread(Protocol):
    """Runs a call that waits for the database."""

    def __call__(self, call: Callable[..., Any], *arguments: object) -> Awaitable[Any]:
        """What the call returns."""


def threads() -> InThread:
    """Threads of its own: requests of others never wait for the deliverer's. Waits for the end when cancelled."""
    return partial(to_thread.run_sync, limiter=CapacityLimiter(DATABASE_THREADS))


class Deliverer:
    """Delivers within *running*. Any number of processes may deliver from one database.

    clock: the present moment; in_thread: how it waits for the database; random: in [0, 1).
    """

    def __init__(
        self,
        store: Store,
        rules: DeliveryRules,
        sender: Sender,
        metrics: DeliveryMetrics,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        in_thread: InThread | None = None,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._waker = store.waker
        self._database = store.database
        self._rules = rules
        self._clock = clock
        self._in_thread = in_thread or threads()
        self._random = random
        self._deliveries = DeliveryStore(store.database, owner=str(uuid4()), lease=rules.lease, unseal=store.vault.open)
        self._bodies = Bodies(self._read_bodies, lambda: self._clock().timestamp())
        self._requests = Requests(sender, self._bodies, metrics, clock)
        self._taking = Batch(self._take)
        self._recording = Batch(self._record)
        self._wake = asyncio.Event()
        self._busy: dict[Key, bool] = {}
        """Subscriptions being served; True: look again before you go."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver until the block is left; then stop at once, with whatever is under way to be sent again later."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            if not stop.is_set():
                loop.call_soon_threadsafe(self._wake.set)

        with self._waker.on_wake(CHANGES, wake):
            # A task of its own: whoever starts and stops the app need not do both in the same task.
            delivering = asyncio.create_task(self._deliver(stop))
            try:
                yield
            finally:
                stop.set()
                await delivering

    async def _deliver(self, stop: asyncio.Event) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._dispatch, tasks)
            tasks.start_soon(self._keep_leased)
            tasks.start_soon(self._prune)
            await stop.wait()
            tasks.cancel_scope.cancel()
        for calls in (self._taking, self._recording, self._bodies):
            await calls.end()
        await self._in_thread(self._deliveries.release_all)

    async def _dispatch(self, tasks: TaskGroup) -> None:
        """Serve each subscription that has something to be sent, in a task of its own."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            wait_seconds = self._rules.poll_seconds
            try:
                seen: _Seen = await self._in_thread(self._look, frozenset(self._busy))
            except Exception:  # the database may come back
                log.exception("cannot see what is to be delivered")
                await anyio.sleep(self._rules.poll_seconds)
                continue
            for tenant, pings, bodies in seen.bodies:
                self._bodies.learn(tenant, pings, bodies)
            for key in seen.ready:
                if key in self._busy:
                    self._busy[key] = True
                else:
                    self._busy[key] = False
                    tasks.start_soon(self._serve, key, seen.jobs.get(key))
            may_look_again = loop.time() + LOOK_SECONDS
            if seen.next_due is not None:
                wait_seconds = min(wait_seconds, max(0.0, (seen.next_due - self._clock()).total_seconds()))
            with anyio.move_on_after(wait_seconds):
                await self._wake.wait()
            await anyio.sleep(max(0.0, may_look_again - loop.time()))

    def _look(self, busy: frozenset[Key]) -> "_Seen":
        """All that can be seen and taken in one trip to a thread: a lone change is to be told at once."""
        now = self._clock()
        ready, next_due = self._deliveries.ready(now)
        try:
            jobs = self._deliveries.take([key for key in ready if key not in busy], now)
            first = {(key.tenant, ping): None for key, job in jobs.items() for ping in job.work.pings[:FIRST_PINGS]}
            tenants = {tenant: [ping for of, ping in first if of == tenant] for tenant, _ in first}
            bodies = [(tenant, pings, read_bodies(self._database, tenant, pings)) for tenant, pings in tenants.items()]
        except Exception:  # noqa: BLE001 - whose trouble it is shows when each is taken for itself
            return _Seen(ready, next_due)
        return _Seen(ready, next_due, jobs, bodies)

    async def _serve(self, key: Key, job: Job | None) -> None:
        try:
            job = job or await self._taking.of(key)
            while True:
                if (job is None or not await self._do(job)) and not self._busy[key]:
                    break
                self._busy[key] = False
                job = await self._taking.of(key)
        except Exception:  # one subscription's trouble must not end the others
            log.exception("delivery failed", tenant=key.tenant, subscription=key.subscription)
        finally:
            del self._busy[key]

    async def _do(self, job: Job) -> bool:
        """Send and record all of a job, part by part. Whether there may be more to do for its subscription at once."""
        health, failing = job.work.health, job.work.failing
        left = deque(job.work.pings)
        while True:
            pings = [left.popleft() for _ in range(min(MAX_ROUND_PINGS, len(left)))]
            part = Part(job, Round(pings, health, failing, batch=job.batch), job.work.end, health, failing, left)
            await self._requests.make(part)
            result = await self._recording.of(part)
            if result is None:
                return False
            _log_change(job, health, result.health)
            if result.health.state != "active":
                return False
            if not left:
                return not job.is_all
            health = result.health
            failing = {**failing, **{each.ping.path: each.since for each in result.failures}}
            job = job.after(result)

    async def _take(self, keys: Sequence[Key]) -> list[Job | None]:
        jobs: Mapping[Key, Job] = await self._in_thread(self._deliveries.take, keys, self._clock())
        return [jobs.get(key) for key in keys]

    async def _record(self, parts: Sequence[Part]) -> list[Result | None]:
        # All at the same moment: subscriptions that fare alike are written together.
        now = self._clock()
        results = [part.result(self._rules.retries, now, self._random) for part in parts]
        kept = await self._in_thread(self._deliveries.record, results, now)
        if any(result.retry_all or result.failures or result.health.next_attempt for result in results):
            self._wake.set()  # something is due at another moment now
        return [result if result.key in kept else None for result in results]

    async def _read_bodies(self, tenant: int, pings: Sequence[Ping]) -> Mapping[Ping, bytes]:
        bodies: Mapping[Ping, bytes] = await self._in_thread(read_bodies, self._database, tenant, pings)
        return bodies

    async def _keep_leased(self) -> None:
        while True:
            await anyio.sleep(self._rules.lease.total_seconds() / 3)
            if not self._busy:
                continue
            try:
                await self._in_thread(self._deliveries.renew, list(self._busy), self._clock())
            except Exception:  # others may take over
                log.exception("cannot keep subscriptions leased")

    async def _prune(self) -> None:
        while True:
            await anyio.sleep(self._rules.prune_seconds)
            try:
                while await self._in_thread(self._prune_once):
                    pass
            except Exception:  # tried again in a minute
                log.exception("cannot drop old changes")

    def _prune_once(self) -> int:
        now = self._clock()
        rules = self._rules
        return prune(self._database, now - rules.keep_told, now - rules.keep_any, limit=PRUNE_ROWS)


@dataclass(frozen=True)
class _Seen:
    """What is ready, when to look again, what there is to do for those not busy, and what they are told first."""

    ready: Sequence[Key]
    next_due: datetime | None
    jobs: Mapping[Key, Job] = field(default_factory=dict)
    bodies: Sequence[tuple[int, Sequence[Ping], Mapping[Ping, bytes]]] = ()


def _log_change(job: Job, before: Health, after: Health) -> None:
    if after.state != before.state:
        log.info(
            "subscription is " + after.state,
            tenant=job.tenant_name,
            subscription=job.key.subscription,
            app=job.app,
            error=after.last_error,
        )
