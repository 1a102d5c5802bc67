"""A job's requests: making them, and what came of them."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import quote

import orjson

from ats_stub.delivering.bodies import Bodies
from ats_stub.delivering.metrics import DeliveryMetrics
from ats_stub.delivering.slots import Slots
from ats_stub.domain.delivery import (
    MAX_IN_FLIGHT,
    Attempt,
    Health,
    RetryPolicy,
    Round,
    after_round,
    is_back,
    outcome_of,
)
from ats_stub.domain.pings import Ping, Place, cursor_after, message_id, message_source
from ats_stub.store.attempts import KEPT_ATTEMPTS, MadeAttempt
from ats_stub.store.deliveries import Job, Result
from ats_stub.store.subscription_rows import Failure, Key
from catrelay.sending import Answer
from catrelay.signing import Signer

MAX_ROUND_PINGS = 1_000
"""So many are told before it is written down that they were."""
SHOWN_SUCCESSES = 20
"""Of those that are written down together."""
MAX_REQUESTS = 256
MAX_REQUESTS_TO_SLOW = 64
"""To subscribers that failed last or took their time: they must not take the place of those that do well."""
SLOW_SECONDS = 1.0
"""Who takes longer is slow; and who has had places for so long lets others have them."""


class Sender(Protocol):
    """What `PingSender` does."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What came of sending *body* to *url*."""


@dataclass
class Part:
    """The part of a job that one Round is about. left: what of the job comes after it."""

    job: Job
    done: Round
    end: Place
    health: Health
    failing: Mapping[str, datetime]
    left: Sequence[Ping] = ()
    attempted: int = 0
    made: deque[MadeAttempt] = field(default_factory=lambda: deque(maxlen=SHOWN_SUCCESSES))
    failed: deque[MadeAttempt] = field(default_factory=lambda: deque(maxlen=KEPT_ATTEMPTS - SHOWN_SUCCESSES))

    def result(self, policy: RetryPolicy, now: datetime, random: Callable[[], float]) -> Result:
        """What came of it."""
        health = after_round(self.health, self.done, policy, now=now, random=random())
        failures = [
            Failure(
                ping,
                self.failing.get(ping.path, now),
                now + policy.delay(ping.attempts + 1, random=random(), retry_after=attempt.retry_after),
            )
            for ping, attempt in self.done.failed
        ]
        tries = {failure.ping.path: failure.next_attempt for failure in failures}
        return Result(
            key=self.job.key,
            cursor=cursor_after(self.end, [*self.done.unsent, *self.left]),
            health=health,
            settled=[*self.done.delivered, *self.done.dropped],
            failures=failures,
            retry_all=is_back(self.health, self.done),
            attempts=[
                *self.made,
                *(made._replace(next_attempt=tries.get(made.path, health.next_attempt)) for made in self.failed),
            ],
            attempted=self.attempted,
        )


class Requests:
    """Makes requests, so many at a time to all subscribers together."""

    def __init__(self, sender: Sender, bodies: Bodies, metrics: DeliveryMetrics, clock: Callable[[], datetime]) -> None:
        self._sender = sender
        self._bodies = bodies
        self._metrics = metrics
        self._clock = clock
        self._to_well = Slots(MAX_REQUESTS)
        self._to_slow = Slots(MAX_REQUESTS_TO_SLOW)
        self._slow: set[Key] = set()

    async def make(self, part: Part) -> None:
        """Make all requests of *part* that there are to be made now."""
        target = _Target(part.job)
        while not part.done.is_over:
            await self._make_next(part, target)

    async def _make_next(self, part: Part, target: "_Target") -> None:
        """Make the next requests, all at the same time."""
        requests = part.done.take()
        pings = [ping for request in requests for ping in request]
        bodies = await self._bodies.of(part.job.key.tenant, pings)
        if len(bodies) < len(pings):
            for ping in pings:
                if ping not in bodies:
                    part.done.drop(ping)
            told = (tuple(ping for ping in request if ping in bodies) for request in requests)
            requests = [request for request in told if request]
        if not requests:  # nothing was heard of the subscriber: it is sent no more at a time for that
            return
        is_well = part.health.failing_since is None and part.job.key not in self._slow
        slots = self._to_well if is_well else self._to_slow
        places = await slots.take(min(len(requests), MAX_IN_FLIGHT))
        clock = asyncio.get_running_loop().time
        let_go, slowest = clock() + SLOW_SECONDS, 0.0
        left = deque(requests)
        made: list[tuple[tuple[Ping, ...], Attempt]] = []
        is_there = True

        async def work() -> None:
            nonlocal is_there, slowest
            while left and is_there and (began := clock()) < let_go:
                request = left.popleft()
                attempt = await self._request(part, target, request, bodies)
                slowest = max(slowest, clock() - began)
                made.append((request, attempt))
                if attempt.outcome not in ("delivered", "failed"):
                    is_there = False

        try:
            await asyncio.gather(*(work() for _ in range(places)))
        finally:
            slots.give_back(places)
        part.done.put_back(ping for request in left for ping in request)
        part.done.settle(made)
        (self._slow.add if slowest > SLOW_SECONDS else self._slow.discard)(part.job.key)

    async def _request(
        self, part: Part, target: "_Target", pings: tuple[Ping, ...], bodies: Mapping[Ping, bytes]
    ) -> Attempt:
        job = part.job
        path, body = ("/deltaPings", _batch(pings, bodies)) if job.batch else (pings[0].path, bodies[pings[0]])
        message = message_id(target.name, pings)
        at, began = self._clock(), time.perf_counter()
        headers = target.signer.headers(body, message_id=message, at=at)
        answer = await self._sender.post(target.root + path, body, headers)
        seconds = time.perf_counter() - began
        attempt = Attempt(outcome_of(answer.status), answer.status, answer.error, answer.retry_after)
        self._metrics.seconds.observe(seconds)
        self._metrics.pings[attempt.outcome].inc(len(pings))
        part.attempted += 1
        number, milliseconds = job.attempted + part.attempted, round(seconds * 1_000)
        (part.made if attempt.outcome == "delivered" else part.failed).append(
            MadeAttempt(number, message, path, len(pings), at, milliseconds, answer.status, answer.error, None)
        )
        return attempt


class _Target:
    """Where a job's requests go, and what signs them."""

    def __init__(self, job: Job) -> None:
        self.root = f"{job.url.rstrip('/')}/t/{quote(job.tenant_name, safe='')}"
        self.signer = Signer(job.secrets)
        self.name = message_source(job.key.tenant, job.key.subscription, job.replays)


def _batch(pings: tuple[Ping, ...], bodies: Mapping[Ping, bytes]) -> bytes:
    """A PingBatch. The bodies are JSON already: to make documents of them and text again would cost far more."""
    return b'{"pings":[' + b",".join(_batched(ping.path, bodies[ping]) for ping in pings) + b"]}"


def _batched(path: str, body: bytes) -> bytes:
    return b'{"path":%b,"body":%b}' % (orjson.dumps(path), body) if body else b'{"path":%b}' % orjson.dumps(path)
