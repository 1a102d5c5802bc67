"""Subscriptions by command, against a real ATS and a real subscriber."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from catrelay.cli.subscriptions import behind, in_words, to_expect
from catrelay.models import Delivery, Subscription
from tests.catrelay.cli.conftest import Catrelay, Options
from tests.receivers import Receiver

NOBODY = "http://127.0.0.1:9"
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as listening:
        yield listening


@pytest.fixture
def made(catrelay: Catrelay, ats: Options) -> Iterator[dict[str, Any]]:
    """A subscription at nobody, as the command printed it."""
    made = printed(catrelay, "add", NOBODY, "--topic", "users", "--topic", "jobs/open", *ats)
    yield made
    catrelay("subscriptions", "remove", str(made["id"]), *ats)


def printed(catrelay: Catrelay, *arguments: str) -> Any:
    outcome = catrelay("subscriptions", *arguments, "--json")
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out)


def change(ats: Options, name: str) -> None:
    """Make a category: a change that those are told of who asked for the topic `categories`."""
    url, token = ats[1], ats[3]
    headers = {"authorization": f"Bearer {token}"}
    httpx.post(f"{url}/t/acme/categories", json={"name": name}, headers=headers).raise_for_status()


def subscription(**members: Any) -> Subscription:
    known = {
        "id": 18,
        "app": "careers",
        "url": NOBODY,
        "topics": ("users",),
        "batch": False,
        "state": "active",
        "cursor": 0,
        "lag": 1,
        "created": AT,
    }
    return Subscription.model_validate(known | members)


def test_a_subscription_is_added_shown_and_removed(catrelay: Catrelay, ats: Options) -> None:
    made = printed(catrelay, "add", NOBODY, "--topic", "users", "--topic", "jobs/open", "--batch", *ats)
    one = str(made["id"])

    assert (made["topics"], made["batch"]) == (["users", "jobs/open"], True)
    assert made["secret"].startswith("whsec_")
    assert printed(catrelay, "show", one, *ats) == {name: each for name, each in made.items() if name != "secret"}
    assert [each["id"] for each in printed(catrelay, "list", *ats)] == [made["id"]]
    shown = catrelay("subscriptions", "show", one, *ats).out.splitlines()
    assert shown[0] == "member\tvalue"
    assert {f"url\t{NOBODY}", 'topics\t["users","jobs/open"]', "state\tactive"} <= set(shown)

    removed = catrelay("subscriptions", "remove", one, *ats)
    assert (removed.status, removed.err) == (0, f"The subscription {one} is removed.\n")
    gone = catrelay("subscriptions", "show", one, *ats)
    assert (gone.status, gone.err) == (1, f"catrelay: There is no subscription {one}\n")


def test_the_secret_is_printed_beside_the_id(catrelay: Catrelay, ats: Options) -> None:
    lines = catrelay("subscriptions", "add", NOBODY, "--topic", "users", *ats).out.splitlines()

    assert lines[0] == "id\tsecret"
    one, secret = lines[1].split("\t")
    assert secret.startswith("whsec_")
    catrelay("subscriptions", "remove", one, *ats)


def test_what_is_no_topic_or_no_id_is_wrong_usage(catrelay: Catrelay, ats: Options) -> None:
    topic = catrelay("subscriptions", "add", NOBODY, "--topic", "jobs", *ats)

    assert topic.status == 2
    assert "'jobs' is none of categories" in topic.err
    assert catrelay("subscriptions", "add", NOBODY, *ats).status == 2
    assert catrelay("subscriptions", "pause", "0", *ats).status == 2


def test_a_url_that_is_refused_is_told_on_one_line(catrelay: Catrelay, ats: Options) -> None:
    outcome = catrelay("subscriptions", "add", "http://10.0.0.1", "--topic", "users", *ats)

    assert outcome.status == 1
    assert outcome.err.startswith("catrelay: ")
    assert outcome.err.count("\n") == 1


def test_a_subscription_is_paused_replayed_and_resumed(catrelay: Catrelay, ats: Options, made: dict[str, Any]) -> None:
    one = str(made["id"])
    paused = catrelay("subscriptions", "pause", one, *ats).out.splitlines()
    change(ats, "While paused")
    replayed = catrelay("subscriptions", "replay", one, "--since", "0", *ats)
    listed = catrelay("subscriptions", "list", *ats).out.splitlines()
    resumed = printed(catrelay, "resume", one, *ats)

    assert paused[0].split("\t")[:6] == ["id", "app", "url", "state", "lag", "behind"]
    assert paused[1].split("\t")[:5] == [one, "test", NOBODY, "paused", "0"]
    assert replayed.err == "It is paused: nothing is sent until it is resumed.\n"
    row = listed[1].split("\t")
    assert (row[3], int(row[4]) >= 1, row[5].endswith(" behind")) == ("paused", True, True)
    assert (resumed["state"], resumed["paused"]) == ("active", False)
    too_far = catrelay("subscriptions", "replay", one, "--since", "999999", *ats)
    assert (too_far.status, too_far.err.count("\n")) == (1, 1)


def test_a_secret_is_exchanged(catrelay: Catrelay, ats: Options, made: dict[str, Any]) -> None:
    one = str(made["id"])

    rotated = printed(catrelay, "rotate-secret", one, *ats)
    lines = catrelay("subscriptions", "rotate-secret", one, "--keep-seconds", "0", *ats).out.splitlines()

    assert len({made["secret"], rotated["secret"], lines[1].split("\t")[1]}) == 3
    assert "oldSecretUntil" in rotated
    assert lines[0] == "id\tsecret\toldSecretUntil"
    assert lines[1].endswith("\t")


def test_deliveries_are_followed(catrelay: Catrelay, ats: Options, receiver: Receiver) -> None:
    one = str(printed(catrelay, "add", receiver.url, "--topic", "categories", *ats)["id"])
    command = [sys.executable, "-u", "-m", "catrelay", "subscriptions", "deliveries", one, "--follow", *ats]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as following:
        assert following.stdout is not None
        change(ats, "Followed")
        lines = [following.stdout.readline().split("\t") for _ in range(2)]
        following.send_signal(signal.SIGINT)

    assert following.returncode == 130
    assert [line[0] for line in lines] == ["1", "2"]
    assert {f"/t/acme{line[2]}" for line in lines} <= set(receiver.paths)
    assert [line[3:5] for line in lines] == [["1 ping", "204"]] * 2
    as_json = catrelay("subscriptions", "deliveries", one, "--json", *ats).out.splitlines()
    assert [json.loads(line)["id"] for line in as_json[:2]] == [1, 2]
    catrelay("subscriptions", "remove", one, *ats)


def test_an_attempt_that_failed_says_why_and_when_it_is_made_again() -> None:
    failed = Delivery(
        id=7,
        message_id="msg_1",
        path="/deltaPings",
        pings=3,
        at=AT,
        milliseconds=15_003,
        error="no answer within 15 s",
        next_attempt=AT,
    )

    assert in_words(failed).split("\t") == [
        "7",
        "2026-11-22 09:00:00",
        "/deltaPings",
        "3 pings",
        "no answer",
        "15003 ms",
        "no answer within 15 s",
        "again at 2026-11-22 09:00:00",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s behind"),
        (119, "119 s behind"),
        (14 * 60 + 59, "14 min behind"),
        (7_200, "2 h behind"),
        (5 * 86_400, "5 days behind"),
    ],
)
def test_how_far_a_subscriber_is_behind_is_told_in_words(seconds: int, words: str) -> None:
    assert behind(subscription(lag_seconds=seconds)) == words
    assert behind(subscription(lag_seconds=seconds, lag=0)) is None


def test_a_replay_tells_what_is_not_sent() -> None:
    assert list(to_expect(subscription(state="backing-off"))) == []
    assert list(to_expect(subscription(state="suspended", missed=12))) == [
        "12 changes are no longer kept: the subscriber is told to load everything anew.",
        "It is suspended: nothing is sent until it is resumed.",
    ]
