"""Pings over real sockets, on both databases."""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from standardwebhooks.webhooks import Webhook

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from catrelay.tokens import Scope
from tests.answers import AnswerValidator
from tests.ats_stub.conftest import TOKEN
from tests.ats_stub.planting import Tree, holding, plant
from tests.receivers import WAIT_SECONDS, Receiver, Reply
from tests.running import Running, running

QUICK = {"allow_targets": "127.0.0.0/8,::1/128", "ping_retry_seconds": "0.05"}


@pytest.fixture
def ats(database_url: str) -> Iterator[Running]:
    """An ATS that may ping this machine, and tries again at once."""
    with delivering(database_url) as service:
        yield service


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as receiver:
        yield receiver


@contextmanager
def delivering(database_url: str, **settings: Any) -> Iterator[Running]:
    app = create_app(AtsSettings.model_validate({"database": database_url} | QUICK | settings))
    with running(app, tenant="acme", token=TOKEN) as service:
        yield service


def subscribe(ats: Running, url: str, *topics: str, batch: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = ats.post("/subscriptions", {"url": url, "topics": topics, "batch": batch})
    return made


def wait_until(ats: Running, subscription: dict[str, Any], holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The subscription, once *holds* is true of it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds(found := ats.get(f"/subscriptions/byID/{subscription['id']}")):
        assert time.monotonic() < deadline, found
    return dict(found)


def delivered(subscription: dict[str, Any]) -> bool:
    return bool(subscription["lag"] == 0)


def open_job(ats: Running, **members: Any) -> int:
    made: int = ats.post("/jobs", {"status": "active", "title": "Engineer"} | members)["id"]
    return made


def value_ping(tree: Tree, value: int) -> str:
    return f"/t/acme{tree.values}/byID/{value}/deltaPings"


def category_ping(tree: Tree) -> str:
    return f"/t/acme/categories/byID/{tree.category}/deltaPings"


def test_a_changed_value_is_pinged_with_its_state_and_a_signature_that_the_standard_verifies(
    ats: Running, receiver: Receiver
) -> None:
    tree = plant(ats)
    subscription = subscribe(ats, receiver.url + "/", "categories")

    ats.post(tree.values, {"id": tree.data, "name": "Data Sciences"})

    receiver.wait_for(value_ping(tree, tree.data), category_ping(tree))
    sent = {request.path: request for request in receiver.received}
    value, category = sent[value_ping(tree, tree.data)], sent[category_ping(tree)]
    assert orjson.loads(value.body) == ats.get(f"{tree.values}/byID/{tree.data}")
    assert value.headers["content-type"] == "application/json"
    assert category.body == b""
    for request in receiver.received:
        Webhook(subscription["secret"]).verify(request.body, dict(request.headers), json_parse=False)
        AnswerValidator().check_ping(request.path.removeprefix("/t/acme"), request.body)
    found = wait_until(ats, subscription, delivered)
    assert (found["state"], "lastError" in found, "lastSuccess" in found) == ("active", False, True)


def test_a_changed_category_is_pinged_and_a_deleted_one_only_as_a_change_of_the_list(
    ats: Running, receiver: Receiver
) -> None:
    subscription = subscribe(ats, receiver.url, "categories")
    category = ats.post("/categories", {"name": "Tags"})["id"]
    receiver.wait_for(f"/t/acme/categories/byID/{category}/deltaPings", "/t/acme/categories/deltaPings")
    wait_until(ats, subscription, delivered)
    receiver.received.clear()

    assert ats.call("DELETE", f"/categories/byID/{category}").status_code == 204

    wait_until(ats, subscription, delivered)
    assert receiver.paths == ["/t/acme/categories/deltaPings"]


def test_topics_tell_orgs_from_categories(ats: Running, receiver: Receiver) -> None:
    with Receiver().listening() as of_orgs:
        tree = plant(ats)
        first = subscribe(ats, receiver.url, "categories")
        second = subscribe(ats, of_orgs.url, "orgs")

        ats.post(tree.values, {"id": tree.it, "code": "it"})
        org = ats.post("/orgs/values", {"name": "Sales"})["id"]

        wait_until(ats, first, delivered)
        wait_until(ats, second, delivered)
        assert of_orgs.paths == [f"/t/acme/orgs/values/byID/{org}/deltaPings"]
        assert Counter(receiver.paths).keys() == {value_ping(tree, tree.it), category_ping(tree)}


def test_a_job_is_pinged_in_each_list_that_it_enters_stays_in_or_leaves(ats: Running, receiver: Receiver) -> None:
    subscription = subscribe(ats, receiver.url, "jobs/open", "jobs/open/externally")
    job = open_job(ats, availability={"availableExternally": True})
    wait_until(ats, subscription, delivered)
    ats.call("PATCH", f"/jobs/byID/{job}", {"availability": {"availableExternally": False}})
    wait_until(ats, subscription, delivered)
    ats.call("PATCH", f"/jobs/byID/{job}", {"status": "complete"})
    wait_until(ats, subscription, delivered)

    opened, externally = f"/t/acme/jobs/open/byID/{job}", f"/t/acme/jobs/open/externally/byID/{job}"
    told = [(request.path, orjson.loads(request.body)["operation"]) for request in receiver.received]
    assert sorted(told[:2]) == [(f"{opened}/deltaPings", "insert"), (f"{externally}/deltaPings", "insert")]
    assert sorted(told[2:4]) == [(f"{opened}/deltaPings", "update"), (f"{externally}/deltaPings", "delete")]
    assert told[4:] == [(f"{opened}/deltaPings", "delete")]


def test_a_remap_pings_each_open_job_that_it_moved_once_and_the_value(ats: Running, receiver: Receiver) -> None:
    tree = plant(ats)
    moved = [open_job(ats, **holding(tree.category, tree.data)) for _ in range(300)]
    ats.post("/jobs", {"status": "complete", "title": "Closed"} | holding(tree.category, tree.data))
    open_job(ats, **holding(tree.category, tree.cloud))
    subscription = subscribe(ats, receiver.url, "categories", "jobs/open")

    ats.post(tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud})

    wait_until(ats, subscription, delivered)
    jobs = [f"/t/acme/jobs/open/byID/{job}/deltaPings" for job in moved]
    assert Counter(receiver.paths) == Counter([*jobs, value_ping(tree, tree.data), category_ping(tree)])
    value = next(request for request in receiver.received if request.path == value_ping(tree, tree.data))
    assert orjson.loads(value.body)["remappedTo"] == tree.cloud


def test_a_failed_ping_is_sent_again_as_the_same_message(ats: Running, receiver: Receiver) -> None:
    receiver.reply = lambda received: Reply(500 if len(received) < 3 else 200)
    subscription = subscribe(ats, receiver.url, "orgs")

    org = ats.post("/orgs/values", {"name": "Sales"})["id"]

    found = wait_until(ats, subscription, delivered)
    assert receiver.paths == [f"/t/acme/orgs/values/byID/{org}/deltaPings"] * 3
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert (found["state"], found["lastError"]) == ("active", "answered 500")


def test_410_ends_the_subscription(ats: Running, receiver: Receiver) -> None:
    receiver.reply = lambda _: Reply(410)
    subscription = subscribe(ats, receiver.url, "orgs")

    ats.post("/orgs/values", {"name": "Sales"})
    wait_until(ats, subscription, lambda found: found["state"] == "ended")

    ats.post("/orgs/values", {"name": "Support"})
    assert ats.refused("POST", f"/subscriptions/byID/{subscription['id']}/resume") == (409, "conflict")
    assert len(receiver.received) == 1


def test_fifty_changes_of_three_objects_cost_a_subscriber_that_was_down_three_pings(ats: Running) -> None:
    jobs = [open_job(ats) for _ in range(3)]
    receiver = Receiver()
    receiver.reserve()
    subscription = subscribe(ats, receiver.url, "jobs/open")

    for number in range(50):
        ats.call("PATCH", f"/jobs/byID/{jobs[number % 3]}", {"title": f"Engineer {number}"})
    wait_until(ats, subscription, lambda found: found["state"] == "backing-off")
    with receiver.listening():
        wait_until(ats, subscription, delivered)

    assert Counter(receiver.paths) == Counter(f"/t/acme/jobs/open/byID/{job}/deltaPings" for job in jobs)


def test_a_stalled_subscriber_does_not_hold_up_another(database_url: str, receiver: Receiver) -> None:
    # Connections are taken by the system, and never answered.
    with (
        socket.create_server(("127.0.0.1", 0)) as stalled,
        delivering(database_url, ping_timeout_seconds=600) as ats,
    ):
        first = subscribe(ats, f"http://127.0.0.1:{stalled.getsockname()[1]}", "orgs")
        second = subscribe(ats, receiver.url, "orgs")

        for number in range(30):
            ats.post("/orgs/values", {"name": f"Org {number}"})

        wait_until(ats, second, delivered)
        assert ats.get(f"/subscriptions/byID/{first['id']}")["lag"] == 30


def test_a_subscriber_that_does_not_answer_in_time_is_tried_again(database_url: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as stalled,
        delivering(database_url, ping_timeout_seconds=0.05) as ats,
    ):
        subscription = subscribe(ats, f"http://127.0.0.1:{stalled.getsockname()[1]}", "orgs")
        ats.post("/orgs/values", {"name": "Sales"})
        ats.post("/orgs/values", {"name": "Support"})

        found = wait_until(ats, subscription, lambda found: found["state"] == "backing-off")
        assert found["lastError"] == "no answer within 0.05 s"


def test_a_restarted_ats_continues_where_it_stopped(database_url: str) -> None:
    receiver = Receiver()
    with receiver.listening(), delivering(database_url) as ats:
        subscription = subscribe(ats, receiver.url, "orgs")
        before = ats.post("/orgs/values", {"name": "Before"})["id"]
        wait_until(ats, subscription, delivered)
    with delivering(database_url) as ats:
        meanwhile = ats.post("/orgs/values", {"name": "While the subscriber is away"})["id"]
        wait_until(ats, subscription, lambda found: "lastError" in found)
    with receiver.listening(), delivering(database_url) as ats:
        wait_until(ats, subscription, delivered)

    assert receiver.paths == [f"/t/acme/orgs/values/byID/{org}/deltaPings" for org in (before, meanwhile)]


def test_two_processes_on_one_database_do_not_double_pings(database_url: str, receiver: Receiver) -> None:
    with delivering(database_url) as one, delivering(database_url) as other:
        subscription = subscribe(one, receiver.url, "orgs")
        orgs = [ats.post("/orgs/values", {"name": f"Org {n}"})["id"] for n in range(10) for ats in (one, other)]

        wait_until(one, subscription, delivered)

    assert Counter(receiver.paths) == Counter(f"/t/acme/orgs/values/byID/{org}/deltaPings" for org in orgs)


def test_a_ping_about_a_value_that_is_gone_meanwhile_is_not_sent_again(ats: Running, receiver: Receiver) -> None:
    tree = plant(ats)
    subscription = subscribe(ats, receiver.url, "categories")
    receiver.reply = lambda received: Reply(500 if "/values/" in received[-1].path else 204)
    ats.post(tree.values, {"id": tree.data, "name": "Data Sciences"})
    wait_until(ats, subscription, lambda found: "lastError" in found)

    assert ats.call("DELETE", f"/categories/byID/{tree.category}").status_code == 204

    wait_until(ats, subscription, delivered)


def test_a_subscriber_says_when_to_come_back(ats: Running, receiver: Receiver) -> None:
    receiver.reply = lambda _: Reply(429, {"retry-after": "3600"})
    subscription = subscribe(ats, receiver.url, "orgs")
    ats.post("/orgs/values", {"name": "Sales"})

    found = wait_until(ats, subscription, lambda found: found["state"] == "backing-off")

    wait = datetime.fromisoformat(found["nextAttempt"]) - datetime.now(UTC)
    assert timedelta(minutes=50) < wait <= timedelta(hours=1)


def test_a_subscriber_that_moved_is_tried_at_once_at_its_new_url(database_url: str, receiver: Receiver) -> None:
    nobody = Receiver()
    nobody.reserve()
    with delivering(database_url, ping_retry_seconds="0.05,86400") as ats:
        subscription = subscribe(ats, nobody.url, "orgs")
        orgs = [ats.post("/orgs/values", {"name": f"Org {number}"})["id"] for number in range(3)]
        wait_until(ats, subscription, lambda found: found["state"] == "backing-off")

        assert ats.call("PATCH", f"/subscriptions/byID/{subscription['id']}", {"url": receiver.url}).status_code == 200

        wait_until(ats, subscription, delivered)
        assert set(receiver.paths) == {f"/t/acme/orgs/values/byID/{org}/deltaPings" for org in orgs}


def test_a_long_answer_is_not_read_to_its_end(ats: Running, receiver: Receiver) -> None:
    receiver.reply = lambda _: Reply(200, body=b"x" * 10_000_000)
    subscription = subscribe(ats, receiver.url, "orgs")

    for number in range(3):
        ats.post("/orgs/values", {"name": f"Org {number}"})

    assert wait_until(ats, subscription, delivered)["state"] == "active"


def test_nothing_but_failures_suspends_until_resumed(database_url: str, receiver: Receiver) -> None:
    receiver.reply = lambda _: Reply(500)
    with delivering(database_url, ping_suspend_after_seconds=0.01) as ats:
        subscription = subscribe(ats, receiver.url, "orgs")
        org = ats.post("/orgs/values", {"name": "Sales"})["id"]
        suspended = wait_until(ats, subscription, lambda found: found["state"] == "suspended")
        receiver.reply = lambda _: Reply()
        receiver.received.clear()

        assert ats.post(f"/subscriptions/byID/{subscription['id']}/resume", None)["state"] == "active"

        wait_until(ats, subscription, delivered)
        assert suspended["lag"] == 1
        assert receiver.paths == [f"/t/acme/orgs/values/byID/{org}/deltaPings"]


def test_redirects_are_not_followed(ats: Running, receiver: Receiver) -> None:
    receiver.reply = lambda _: Reply(307, {"location": "/elsewhere"})
    subscription = subscribe(ats, receiver.url, "orgs")

    org = ats.post("/orgs/values", {"name": "Sales"})["id"]

    found = wait_until(ats, subscription, lambda found: "lastError" in found)
    assert found["lastError"] == "answered 307"
    receiver.wait_for_count(2)
    assert set(receiver.paths) == {f"/t/acme/orgs/values/byID/{org}/deltaPings"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_target_that_is_no_longer_allowed_is_not_connected_to(
    database_url: str, receiver: Receiver, host: str
) -> None:
    with delivering(database_url) as ats:
        subscription = subscribe(ats, receiver.url.replace("127.0.0.1", host), "orgs")
    with delivering(database_url, allow_targets="") as ats:
        ats.post("/orgs/values", {"name": "Sales"})

        found = wait_until(ats, subscription, lambda found: "lastError" in found)

    assert "is not public" in found["lastError"]
    assert receiver.received == []


def test_a_tenant_is_pinged_of_its_own_changes_only(
    ats: Running, receiver: Receiver, new_token: Callable[[str, str, Scope], str]
) -> None:
    beta = ats.with_token(new_token("beta", "tests", "admin"), tenant="beta")
    first = subscribe(ats, receiver.url, "orgs")
    second = subscribe(beta, receiver.url, "orgs")

    org = beta.post("/orgs/values", {"name": "Sales"})["id"]

    wait_until(beta, second, delivered)
    wait_until(ats, first, delivered)
    assert receiver.paths == [f"/t/beta/orgs/values/byID/{org}/deltaPings"]


def test_a_batch_tells_many_pings_in_one_request(ats: Running, receiver: Receiver) -> None:
    tree = plant(ats)
    subscription = subscribe(ats, receiver.url, "categories", batch=True)

    nodes = [{"id": value, "code": "new"} for value in (tree.it, tree.data, tree.cloud)]
    ats.post(f"{tree.values}/batch", {"atomic": True, "values": nodes})

    wait_until(ats, subscription, delivered)
    (request,) = receiver.received
    pings = {ping["path"]: ping.get("body") for ping in orjson.loads(request.body)["pings"]}
    assert request.path == "/t/acme/deltaPings"
    assert pings == {
        f"/categories/byID/{tree.category}/deltaPings": None,
        **{
            f"{tree.values}/byID/{value}/deltaPings": ats.get(f"{tree.values}/byID/{value}")
            for value in (tree.it, tree.data, tree.cloud)
        },
    }


def test_a_batch_that_fails_is_sent_again_piece_by_piece(ats: Running, receiver: Receiver) -> None:
    tree = plant(ats)
    receiver.reply = lambda received: Reply(500 if len(orjson.loads(received[-1].body)["pings"]) > 2 else 200)
    subscription = subscribe(ats, receiver.url, "categories", batch=True)

    nodes = [{"id": value, "code": "new"} for value in (tree.it, tree.data, tree.cloud)]
    ats.post(f"{tree.values}/batch", {"atomic": True, "values": nodes})

    wait_until(ats, subscription, delivered)
    told = {ping["path"] for request in receiver.received[1:] for ping in orjson.loads(request.body)["pings"]}
    assert told == {ping["path"] for ping in orjson.loads(receiver.received[0].body)["pings"]}


def test_pings_are_counted_by_outcome(database_url: str, receiver: Receiver) -> None:
    app = create_app(AtsSettings.model_validate({"database": database_url} | QUICK))
    with running(app, tenant="acme", token=TOKEN) as ats:
        subscription = subscribe(ats, receiver.url, "orgs")
        ats.post("/orgs/values", {"name": "Sales"})
        wait_until(ats, subscription, delivered)

        metrics = ats.with_token("").call("GET", "/../../metrics").text

    assert 'catrelay_pings_total{outcome="delivered"} 1.0' in metrics
