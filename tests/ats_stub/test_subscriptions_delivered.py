"""What becomes of pings when their subscription is paused, replayed or given another secret, on both databases."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import delete
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import open_database, schema
from tests.ats_stub.conftest import TOKEN
from tests.receivers import WAIT_SECONDS, Receiver
from tests.running import Running, running

KEY = "a key drawn by chance of 32 or more"
LIST_PING = "/t/acme/categories/deltaPings"


@pytest.fixture
def ats(database_url: str) -> Iterator[Running]:
    """An ATS with a key, that may ping this machine and tries again at once."""
    settings = {"database": database_url, "allow_targets": "127.0.0.0/8", "ping_retry_seconds": "0.05"}
    with running(
        create_app(AtsSettings.model_validate(settings | {"secret_keys": KEY})), tenant="acme", token=TOKEN
    ) as service:
        yield service


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as receiver:
        yield receiver


def subscribe(ats: Running, receiver: Receiver) -> tuple[str, str]:
    """The path and the secret of a subscription to all categories."""
    made = ats.post("/subscriptions", {"url": receiver.url, "topics": ["categories"]})
    return f"/subscriptions/byID/{made['id']}", made["secret"]


def category_ping(ats: Running, name: str) -> str:
    """Make a category: the path that tells of it."""
    return f"/t/acme/categories/byID/{ats.post('/categories', {'name': name})['id']}/deltaPings"


def is_signed(receiver: Receiver, path: str, secret: str) -> bool:
    """Whether the first ping of *path* was."""
    request = next(each for each in receiver.received if each.path == path)
    try:
        Webhook(secret).verify(request.body, dict(request.headers), json_parse=False)
    except WebhookVerificationError:
        return False
    return True


def take_messages(ats: Running, path: str, receiver: Receiver) -> list[tuple[str, str]]:
    """The paths and the webhook-ids of what was heard since the last time, once the subscription was told of all."""
    deadline = time.monotonic() + WAIT_SECONDS
    while ats.get(path)["lag"]:
        assert time.monotonic() < deadline
    heard = [(request.path, request.headers["webhook-id"]) for request in receiver.received]
    receiver.received.clear()
    return heard


def test_what_changes_during_a_pause_is_told_of_when_it_ends(ats: Running, receiver: Receiver) -> None:
    paused, _ = subscribe(ats, receiver)
    ats.post(f"{paused}/pause", {})
    ping = category_ping(ats, "While paused")
    with Receiver().listening() as other:
        subscribe(ats, other)
        other.wait_for(category_ping(ats, "Told to others"))
    assert receiver.paths == []

    ats.post(f"{paused}/resume", {})

    receiver.wait_for(ping)


def test_replays_tell_of_each_object_once_more_by_messages_of_their_own(ats: Running, receiver: Receiver) -> None:
    path, _ = subscribe(ats, receiver)
    pings = [category_ping(ats, name) for name in ("One", "Two")]
    receiver.wait_for(*pings)
    heard = take_messages(ats, path, receiver)

    for _ in range(2):
        ats.post(f"{path}/replay", {"sinceCursor": 0})
        receiver.wait_for(*pings)
        again = take_messages(ats, path, receiver)

        assert {ping for ping, _ in again} == {LIST_PING, *pings}
        assert not {message for _, message in again} & {message for _, message in heard}
        heard += again


def test_a_replay_of_what_is_no_longer_kept_asks_for_everything_anew(
    ats: Running, receiver: Receiver, database_url: str
) -> None:
    ping = category_ping(ats, "Forgotten")
    path, _ = subscribe(ats, receiver)
    database = open_database(database_url)
    with database.write() as connection:
        connection.execute(delete(schema.changes))
    database.close()

    assert ats.post(f"{path}/replay", {"sinceCursor": 0})["missed"] == 1

    receiver.wait_for(LIST_PING)
    assert ping not in receiver.paths


def test_pings_are_signed_with_both_secrets_until_the_old_one_ends(ats: Running, receiver: Receiver) -> None:
    path, old = subscribe(ats, receiver)
    new = ats.post(f"{path}/rotateSecret", {"keepSeconds": 3600})["secret"]
    receiver.wait_for(during := category_ping(ats, "Signed twice"))
    newest = ats.post(f"{path}/rotateSecret", {"keepSeconds": 0})["secret"]
    receiver.wait_for(after := category_ping(ats, "Signed once"))

    assert [is_signed(receiver, during, secret) for secret in (old, new, newest)] == [True, True, False]
    assert [is_signed(receiver, after, secret) for secret in (old, new, newest)] == [False, False, True]
