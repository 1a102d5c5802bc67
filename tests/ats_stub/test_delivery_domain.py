"""Retries, and how a subscription fares."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ats_stub.domain.delivery import (
    MAX_TAKEN,
    Attempt,
    Health,
    Outcome,
    RetryPolicy,
    Round,
    after_round,
    is_back,
    outcome_of,
)
from ats_stub.domain.pings import Ping, Place, collapse, cursor_after, joined

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
POLICY = RetryPolicy((2, 10, 60), timedelta(days=5))
DELIVERED, FAILED, UNREACHABLE = (
    Attempt("delivered"),
    Attempt("failed", 500, "answered 500"),
    Attempt("unreachable", None, "no"),
)
DOWN = Health("backing-off", attempts=2, next_attempt=NOW, failing_since=NOW)


def pings(*paths: str) -> list[Ping]:
    return [Ping(path, "job", 1, "update", position, Place(position - 1)) for position, path in enumerate(paths, 1)]


def played(done: Round, *attempts: Attempt) -> Round:
    """*done* after its next requests were answered by *attempts*, and by the last of them from then on."""
    answers = list(attempts)
    while not done.is_over:
        taken = done.take()
        done.settle([(request, answers.pop(0) if len(answers) > 1 else answers[0]) for request in taken])
    return done


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (301, "failed"),
        (307, "failed"),
        (400, "failed"),
        (410, "ended"),
        (429, "unreachable"),
        (500, "failed"),
        (503, "unreachable"),
        (None, "unreachable"),
    ],
)
def test_a_status_means(status: int | None, outcome: Outcome) -> None:
    assert outcome_of(status) == outcome


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_a_delay_stays_within_a_fifth_of_the_schedule(attempts: int, random: float) -> None:
    scheduled = POLICY.seconds[min(attempts, 3) - 1]

    delay = POLICY.delay(attempts, random=random).total_seconds()

    assert scheduled * 0.8 - 1e-6 <= delay <= scheduled * 1.2 + 1e-6


def test_retry_after_is_honoured_up_to_a_day() -> None:
    assert POLICY.delay(1, random=0.5, retry_after=timedelta(seconds=90)) == timedelta(seconds=90)
    assert POLICY.delay(1, random=0.5, retry_after=timedelta(days=400)) == timedelta(days=1)
    assert POLICY.delay(3, random=0.5, retry_after=timedelta(seconds=1)) == timedelta(seconds=60)


def test_a_subscriber_that_is_down_gets_one_request_and_then_none() -> None:
    done = played(Round(pings(*"abcdef"), DOWN, [], batch=False), UNREACHABLE)

    assert (len(done.failed), len(done.unsent), done.down) == (1, 5, True)
    health = after_round(DOWN, done, POLICY, now=NOW, random=0.5)
    assert (health.state, health.attempts, health.next_attempt) == ("backing-off", 3, NOW + timedelta(seconds=60))


def test_one_ping_that_is_not_answered_does_not_hold_up_the_others() -> None:
    done = played(Round(pings("a", *"bcdefgh"), Health(failing_since=NOW), ["a"], batch=False), UNREACHABLE, DELIVERED)

    assert [ping.path for ping, _ in done.failed] == ["a"]
    assert (len(done.delivered), done.down) == (7, False)


def test_an_endpoint_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    busy = Attempt("unreachable", 429, "answered 429", timedelta(minutes=5))
    done = played(Round(pings(*"abcdefgh"), Health(failing_since=NOW), [], batch=False), busy)

    assert len(done.failed) == 1
    assert after_round(Health(), done, POLICY, now=NOW, random=0.5).next_attempt == NOW + timedelta(minutes=5)


def test_a_subscriber_that_fares_well_gets_more_at_a_time() -> None:
    done = Round(pings(*map(str, range(700))), Health(failing_since=NOW), [], batch=False)

    sizes = []
    while not done.is_over:
        taken = done.take()
        sizes.append(len(taken))
        done.settle([(request, DELIVERED) for request in taken])

    assert sizes == [1, 4, 16, 64, MAX_TAKEN, MAX_TAKEN, 103]


def test_a_success_forgets_what_failed_and_once_back_all_is_due() -> None:
    done = played(Round(pings("a"), DOWN, [], batch=False), DELIVERED)

    assert after_round(DOWN, done, POLICY, now=NOW, random=0.5) == Health(last_success=NOW)
    assert is_back(DOWN, done)
    assert not is_back(Health(), done)


def test_nothing_sent_changes_nothing() -> None:
    done = Round([], DOWN, [], batch=False)

    assert after_round(DOWN, done, POLICY, now=NOW, random=0.5) == DOWN


def test_410_ends_a_subscription_and_days_of_failures_suspend_it() -> None:
    ended = played(Round(pings("a"), Health(), [], batch=False), Attempt("ended", 410, "answered 410"))
    failed = played(Round(pings("a"), Health(), [], batch=False), FAILED)
    long_ago = Health(failing_since=NOW - timedelta(days=5))

    assert after_round(Health(), ended, POLICY, now=NOW, random=0.5).state == "ended"
    assert after_round(long_ago, failed, POLICY, now=NOW, random=0.5).state == "suspended"
    assert after_round(Health(), failed, POLICY, now=NOW, random=0.5).state == "active"


def test_a_batch_that_fails_is_tried_in_smaller_ones() -> None:
    done = played(Round(pings(*map(str, range(40))), Health(), [], batch=True), FAILED, DELIVERED)

    assert (len(done.delivered), done.failed, done.down) == (40, [], False)


@st.composite
def scripts(draw: st.DrawFn) -> list[tuple[list[str], list[Attempt]]]:
    """Rounds of a subscriber's life: objects that change before each, and how its requests are answered."""
    changed = st.lists(st.sampled_from("abcdefgh"), max_size=6)
    answered = st.lists(st.sampled_from([DELIVERED, FAILED, UNREACHABLE]), min_size=1, max_size=12)
    return draw(st.lists(st.tuples(changed, answered), max_size=12))


@given(scripts(), st.booleans())
def test_whoever_comes_back_ends_pinged_of_the_last_change_of_each_object(
    script: list[tuple[list[str], list[Attempt]]], batch: bool
) -> None:
    """The bookkeeping of a deliverer over rounds: a log, a cursor, and the pings that failed."""
    log: list[str] = []
    cursor, health = Place(0), Health()
    failing: dict[str, Ping] = {}
    told: dict[str, int] = {}

    def play(attempts: list[Attempt]) -> None:
        nonlocal cursor, health
        fresh = collapse(pings(*log)[cursor.position :])
        fresh = [joined(failing[ping.path], ping) if ping.path in failing else ping for ping in fresh]
        due = [ping for path, ping in failing.items() if path not in {ping.path for ping in fresh}]
        done = played(Round([*fresh, *due], health, list(failing), batch=batch), *attempts)
        for ping in done.delivered:
            assert told.get(ping.path, 0) <= ping.position, "an older state after a newer one"
            told[ping.path] = ping.position
            failing.pop(ping.path, None)
        for ping, _ in done.failed:
            failing[ping.path] = Ping(ping.path, "job", 1, ping.operation, ping.position, attempts=ping.attempts + 1)
        cursor = cursor_after(Place(len(log)), done.unsent)
        health = after_round(health, done, POLICY, now=NOW, random=0.5)

    for changed, attempts in script:
        log.extend(changed)
        play(attempts)
    play([DELIVERED])

    assert told == {path: position for position, path in enumerate(log, 1)}
    assert (cursor, failing, health.state) == (Place(len(log)), {}, "active")
