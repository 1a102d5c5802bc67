"""How delivery goes on after successes and failures. Source: docs/contract/, "deltaPings"."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from ats_stub.domain.pings import Ping, Place, joined
from catrelay.models import MAX_BATCH_PINGS

State = Literal["active", "backing-off", "suspended", "ended"]
Outcome = Literal["delivered", "ended", "failed", "unreachable"]
OUTCOMES: tuple[Outcome, ...] = ("delivered", "ended", "failed", "unreachable")

LEASE = timedelta(seconds=10)
JITTER = 0.2
MAX_RETRY_AFTER = timedelta(days=1)
MAX_IN_FLIGHT = 16
"""Requests to one subscriber at a time."""
MAX_TAKEN = 256
"""Pings to one subscriber that are sent before it is looked at how it fares; what fails ends it sooner."""
GROWTH = 4
"""What goes well is followed by so many times as much; of a batch that failed, this part is tried."""

MAX_FAILING_PINGS = 1_000
"""A subscription with so many gets nothing new before some of them succeed."""

GONE = 410
BUSY = {429, 502, 503, 504}
"""Statuses that speak of the whole endpoint, not of one ping."""


@dataclass(frozen=True)
class Attempt:
    """What became of a request. status: of its answer, if there was one."""

    outcome: Outcome
    status: int | None = None
    error: str | None = None
    retry_after: timedelta | None = None


def outcome_of(status: int | None) -> Outcome:
    """What an HTTP status means; None: there was no answer. A redirect is a failure."""
    if status is None or status in BUSY:
        return "unreachable"
    if status == GONE:
        return "ended"
    return "delivered" if 200 <= status < 300 else "failed"


@dataclass(frozen=True)
class RetryPolicy:
    """When to try again. seconds: the delay after each failure in a row, then the last again and again."""

    seconds: tuple[float, ...]
    suspend_after: timedelta

    def delay(self, attempts: int, *, random: float, retry_after: timedelta | None = None) -> timedelta:
        """How long to wait after *attempts* failures in a row. random: in [0, 1), spreads the waiting by ± 20 %."""
        scheduled = self.seconds[min(attempts, len(self.seconds)) - 1]
        jittered = timedelta(seconds=scheduled * (1 - JITTER + 2 * JITTER * random))
        return max(jittered, min(retry_after or timedelta(), MAX_RETRY_AFTER))


@dataclass(frozen=True)
class DeliveryRules:
    """How delivery goes. keep_told: how long changes are kept that all were told of; keep_any: any others.

    lease: for how long a deliverer holds a subscription without a sign of life. poll_seconds: after which it looks for
    what no commit told it of. prune_seconds: between looking for changes that need not be kept.
    """

    retries: RetryPolicy
    keep_told: timedelta
    keep_any: timedelta
    lease: timedelta = LEASE
    poll_seconds: float = 5.0
    prune_seconds: float = 60.0


@dataclass(frozen=True)
class Health:
    """How a subscription fares.

    attempts: failures in a row while the subscriber is down. failing_since: of the first failure after a success.
    """

    state: State = "active"
    attempts: int = 0
    next_attempt: datetime | None = None
    failing_since: datetime | None = None
    last_success: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True)
class Work:
    """What there is to do for a subscription.

    pings: collapsed, in the order to send them. end: how far the change log was read. failing: since when pings failed,
    by path.
    """

    health: Health
    cursor: Place
    end: Place
    pings: Sequence[Ping]
    failing: Mapping[str, datetime]


def work_of(
    health: Health,
    cursor: Place,
    fresh: Sequence[Ping],
    end: Place,
    failed: Sequence[tuple[Ping, datetime, datetime]],
    *,
    now: datetime,
) -> Work | None:
    """What there is to do for a subscription at *cursor*, if there is anything.

    fresh: collapsed pings of the log up to *end*. failed: pings that failed before, since when, and when each is due.
    """
    failing = {ping.path: since for ping, since, _ in failed}
    if len(failed) >= MAX_FAILING_PINGS:
        fresh, end = [], cursor
    if failed:
        by_path = {ping.path: ping for ping, _, _ in failed}
        fresh = [joined(by_path[ping.path], ping) if ping.path in by_path else ping for ping in fresh]
        renewed = {ping.path for ping in fresh}
        due = sorted(
            (each for each in failed if each[2] <= now and each[0].path not in renewed), key=lambda each: each[2]
        )
        # What is new comes first: a ping that always fails must not hold it up.
        fresh = [*fresh, *(ping for ping, _, _ in due)]
    if not fresh and end == cursor:
        return None
    return Work(health, cursor, end, fresh, failing)


class Round:
    """Which of the collapsed pings of a subscription to send next, and what became of them so far.

    It starts carefully with a subscriber that failed last: one request, more of them only while all goes well. A
    subscriber is *down* when it could not be reached for two pings in a row (one alone may be the ping's own fault),
    when it was down before and still is, or when it says how long to wait; then the round is over.
    failing: paths whose ping failed before.
    """

    def __init__(self, pings: Iterable[Ping], health: Health, failing: Collection[str], *, batch: bool) -> None:
        self.unsent = deque(pings)
        self.delivered: list[Ping] = []
        self.dropped: list[Ping] = []
        self.failed: list[tuple[Ping, Attempt]] = []
        self.last_failure: Attempt | None = None
        self.down = False
        self.ended = False
        self._batch = batch
        self._suspects = set(failing) if health.failing_since is not None else set()
        self._was_down = health.state == "backing-off"
        self._most = MAX_BATCH_PINGS if batch else MAX_TAKEN
        if health.failing_since is not None:
            self._size = 1
        else:
            self._size = MAX_BATCH_PINGS if batch else MAX_IN_FLIGHT // GROWTH

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to send now."""
        return not self.unsent or self.down or self.ended

    def take(self) -> list[tuple[Ping, ...]]:
        """The next requests to make; each carries one ping, or a batch of them."""
        pings = [self.unsent.popleft() for _ in range(min(self._size, len(self.unsent)))]
        return [tuple(pings)] if self._batch else [(ping,) for ping in pings]

    def put_back(self, pings: Iterable[Ping]) -> None:
        """Of what was taken last these were not sent after all."""
        self.unsent.extendleft(reversed(list(pings)))

    def drop(self, ping: Ping) -> None:
        """There is nothing to tell any more."""
        self.dropped.append(ping)

    def settle(self, results: Sequence[tuple[tuple[Ping, ...], Attempt]]) -> None:
        """Note what became of the requests that were made of those that were taken last."""
        for pings, attempt in sorted(results, key=lambda result: result[1].outcome != "delivered"):
            if attempt.outcome == "delivered":
                self.delivered.extend(pings)
                self._suspects.clear()
                self._was_down = False
            else:
                self._fail(pings, attempt)
        all_delivered = all(attempt.outcome == "delivered" for _, attempt in results)
        self._size = min(self._size * GROWTH, self._most) if all_delivered else 1

    def _fail(self, pings: tuple[Ping, ...], attempt: Attempt) -> None:
        self.last_failure = attempt
        if len(pings) > 1 or attempt.outcome == "ended":
            # Which ping of a batch is at fault is not known: smaller batches will tell.
            self.unsent.extendleft(reversed(pings))
            self._most = max(len(pings) // GROWTH, 1)
        else:
            self.failed.append((pings[0], attempt))
        if attempt.outcome == "ended":
            self.ended = True
        elif attempt.outcome == "unreachable":
            self._suspects.add(pings[0].path if len(pings) == 1 else f"batch of {len(pings)}")
            told_to_wait = attempt.retry_after is not None
            self.down = self.down or self._was_down or told_to_wait or len(self._suspects) > 1


def after_round(health: Health, done: Round, policy: RetryPolicy, *, now: datetime, random: float) -> Health:
    """How the subscription fares once *done* is over. random: in [0, 1)."""
    failure = done.last_failure
    if failure is None and not done.delivered:
        return health
    if failure is None:
        return Health(last_success=now, last_error=health.last_error)
    attempts = (0 if done.delivered else health.attempts) + 1 if done.down else 0
    failing_since = now if done.delivered else health.failing_since or now
    after = Health(
        state="backing-off" if done.down else "active",
        attempts=attempts,
        next_attempt=now + policy.delay(attempts, random=random, retry_after=failure.retry_after)
        if done.down
        else None,
        failing_since=failing_since,
        last_success=now if done.delivered else health.last_success,
        last_error=failure.error,
    )
    if done.ended:
        return replace(after, state="ended", attempts=0, next_attempt=None)
    if now - failing_since >= policy.suspend_after:
        return replace(after, state="suspended", next_attempt=None)
    return after


def is_back(before: Health, done: Round) -> bool:
    """Whether a subscriber that was down answers again: then whatever failed is worth a try at once."""
    return before.state == "backing-off" and before.attempts > 1 and bool(done.delivered)
