"""The deliverer: sends the pings that the change log means to every subscription, as long as the ATS runs.

A subscription is a cursor into the change log plus the pings that failed. A *round* reads ahead from the cursor, sends
one ping per object, and records cursor and failures in one transaction: whatever is interrupted is sent again.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import quote
from uuid import uuid4

import anyio
import orjson
import structlog
from anyio import CapacityLimiter, to_thread
from anyio.abc import TaskGroup
from prometheus_client import CollectorRegistry, Counter, Histogram

from ats_stub.domain.delivery import Attempt, RetryPolicy, Round, after_round, is_back, outcome_of
from ats_stub.domain.pings import Ping, cursor_after, message_id
from ats_stub.settings import AtsSettings
from ats_stub.store import Store
from ats_stub.store.deliveries import LEASE, DeliveryStore, Failure, Key, Result, Work
from ats_stub.store.messages import read_bodies
from catrelay.models import BatchedPing, PingBatch
from catrelay.problems import Forbidden
from catrelay.sending import PingSender
from catrelay.signing import sign
from catrelay.targets import Targets

log = structlog.get_logger()

POLL_SECONDS = 1.0
"""For what other processes write: no commit of theirs wakes this one."""
MAX_REQUESTS = 256
DATABASE_THREADS = 8
PRUNE_SECONDS = 60.0
PRUNE_ROWS = 1_000

Answered = TypeVar("Answered")


class DeliveryMetrics:
    """What the deliverer counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pings = Counter("catrelay_pings", "Pings by what became of them", ["outcome"], registry=registry)
        self.seconds = Histogram("catrelay_ping_seconds", "Seconds until a subscriber answered", registry=registry)


class Deliverer:
    """Delivers within *running*. Any number of processes may deliver from one database."""

    def __init__(
        self,
        store: Store,
        settings: AtsSettings,
        metrics: DeliveryMetrics,
        *,
        lease: timedelta = LEASE,
        prune_seconds: float = PRUNE_SECONDS,
    ) -> None:
        self._store = store
        self._deliveries = DeliveryStore(store.database, owner=str(uuid4()), lease=lease)
        self._lease = lease
        self._prune_seconds = prune_seconds
        self._sender = PingSender(
            Targets(settings.allow_targets), timeout=timedelta(seconds=settings.ping_timeout_seconds)
        )
        self._policy = RetryPolicy(settings.retry_seconds, timedelta(seconds=settings.ping_suspend_after_seconds))
        self._keep_changes = timedelta(seconds=settings.changes_keep_seconds)
        self._metrics = metrics
        self._threads = CapacityLimiter(DATABASE_THREADS)
        self._requests = asyncio.Semaphore(MAX_REQUESTS)
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

        self._store.database.on_commit(wake)
        # A task of its own: whoever starts and stops the app need not do both in the same task.
        delivering = asyncio.create_task(self._deliver(stop))
        try:
            yield
        finally:
            stop.set()
            await delivering

    async def _deliver(self, stop: asyncio.Event) -> None:
        async with self._sender, anyio.create_task_group() as tasks:
            tasks.start_soon(self._dispatch, tasks)
            tasks.start_soon(self._prune)
            await stop.wait()
            tasks.cancel_scope.cancel()
        await self._in_thread(self._deliveries.release_all)

    async def _dispatch(self, tasks: TaskGroup) -> None:
        """Serve each subscription that has something to be sent, in a task of its own."""
        while True:
            self._wake.clear()
            wait_seconds = POLL_SECONDS
            try:
                ready, next_due = await self._in_thread(self._deliveries.ready, _now())
            except Exception:  # the database may come back
                log.exception("cannot see what is to be delivered")
                await anyio.sleep(POLL_SECONDS)
                continue
            for key in ready:
                if key in self._busy:
                    self._busy[key] = True
                else:
                    self._busy[key] = False
                    tasks.start_soon(self._serve, key)
            if next_due is not None:
                wait_seconds = min(wait_seconds, max(0.0, (next_due - _now()).total_seconds()))
            with anyio.move_on_after(wait_seconds):
                await self._wake.wait()

    async def _serve(self, key: Key) -> None:
        try:
            while await self._round(key) or self._busy[key]:
                self._busy[key] = False
        except Forbidden:
            log.info("the tenant of a subscription was removed", tenant=key.tenant, subscription=key.subscription)
        except Exception:  # one subscription's trouble must not end the others
            log.exception("delivery failed", tenant=key.tenant, subscription=key.subscription)
        finally:
            del self._busy[key]

    async def _round(self, key: Key) -> bool:
        """Send and record one window. False when there was nothing to do."""
        work = await self._in_thread(self._deliveries.take, key, _now())
        if work is None:
            return False
        done = Round(work.pings, work.health, work.failing, batch=work.batch)
        while not done.is_over:
            await self._send(work, done)
        result = self._result(work, done)
        if not await self._in_thread(self._deliveries.record, key, result, _now()):
            return False
        if result.health.state != work.health.state:
            log.info(
                "subscription is " + result.health.state,
                tenant=work.tenant_name,
                subscription=key.subscription,
                app=work.app,
                error=result.health.last_error,
            )
        return True

    def _result(self, work: Work, done: Round) -> Result:
        now = _now()
        return Result(
            cursor=cursor_after(work.end, done.unsent),
            health=after_round(work.health, done, self._policy, now=now, random=random.random()),
            settled=[*done.delivered, *done.dropped],
            failures=[
                Failure(
                    ping,
                    now
                    + self._policy.delay(ping.attempts + 1, random=random.random(), retry_after=attempt.retry_after),
                )
                for ping, attempt in done.failed
            ],
            retry_all=is_back(work.health, done),
        )

    async def _send(self, work: Work, done: Round) -> None:
        """Make the next requests of the round, all at the same time."""
        requests = done.take()
        pings = [ping for request in requests for ping in request]
        bodies = await self._in_thread(read_bodies, self._store, work.key.tenant, pings)
        for ping in pings:
            if ping not in bodies:
                done.drop(ping)
        telling = [tuple(ping for ping in request if ping in bodies) for request in requests]
        results: list[tuple[tuple[Ping, ...], Attempt]] = []

        async def request_and_note(told: tuple[Ping, ...]) -> None:
            results.append((told, await self._request(work, told, bodies)))

        async with anyio.create_task_group() as meanwhile:
            meanwhile.start_soon(self._keep_leased, work.key)
            async with anyio.create_task_group() as sending:
                for told in filter(None, telling):
                    sending.start_soon(request_and_note, told)
            meanwhile.cancel_scope.cancel()
        done.settle(results)

    async def _keep_leased(self, key: Key) -> None:
        while True:
            await anyio.sleep(self._lease.total_seconds() / 3)
            await self._in_thread(self._deliveries.renew, key, _now())

    async def _request(self, work: Work, pings: tuple[Ping, ...], bodies: dict[Ping, bytes]) -> Attempt:
        path, body = ("/deltaPings", _batch(pings, bodies)) if work.batch else (pings[0].path, bodies[pings[0]])
        async with self._requests:
            started = time.perf_counter()
            answer = await self._sender.post(
                f"{work.url.rstrip('/')}/t/{quote(work.tenant_name, safe='')}{path}",
                body,
                sign(
                    body,
                    message_id=message_id(work.key.tenant, work.key.subscription, pings),
                    at=_now(),
                    signing_secrets=[work.signing_secret],
                ),
            )
            self._metrics.seconds.observe(time.perf_counter() - started)
        attempt = Attempt(outcome_of(answer.status), answer.error, answer.retry_after)
        self._metrics.pings.labels(attempt.outcome).inc(len(pings))
        return attempt

    async def _prune(self) -> None:
        while True:
            await anyio.sleep(self._prune_seconds)
            try:
                while await self._in_thread(self._prune_once):
                    pass
            except Exception:  # tried again in a minute
                log.exception("cannot drop old changes")

    def _prune_once(self) -> int:
        return self._deliveries.prune(_now() - self._keep_changes, limit=PRUNE_ROWS)

    async def _in_thread(self, call: Callable[..., Answered], *arguments: object) -> Answered:
        """Threads of its own: requests of others never wait for the deliverer's. Waits for the end when cancelled."""
        return await to_thread.run_sync(call, *arguments, limiter=self._threads)


def _batch(pings: tuple[Ping, ...], bodies: dict[Ping, bytes]) -> bytes:
    batched = (BatchedPing(path=ping.path, body=_document(bodies[ping])) for ping in pings)
    return PingBatch(pings=tuple(batched)).to_json()


def _document(body: bytes) -> dict[str, object] | None:
    return orjson.loads(body) if body else None


def _now() -> datetime:
    return datetime.now(UTC)
