"""What /metrics tells of subscriptions, on both databases."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, update

from ats_stub.app import create_app
from ats_stub.delivering import DeliveryMetrics, SubscriptionMetrics
from ats_stub.settings import AtsSettings
from ats_stub.store import open_database, schema
from ats_stub.store.lags import subscribers
from catrelay.tokens import Scope
from tests.ats_stub.conftest import TOKEN
from tests.receivers import WAIT_SECONDS, Receiver, Reply
from tests.running import Running, running

LAG, LAG_SECONDS, STATES = "catrelay_subscription_lag", "catrelay_subscription_lag_seconds", "catrelay_subscriptions"
AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)

Samples = dict[tuple[str, ...], float]
NewToken = Callable[[str, str, Scope], str]


@pytest.fixture
def ats(database_url: str) -> Iterator[Running]:
    with serving(database_url) as service:
        yield service


def serving(database_url: str) -> AbstractContextManager[Running]:
    """An ATS that may ping this machine, and does not soon try again."""
    settings = {"database": database_url, "allow_targets": "127.0.0.0/8", "ping_retry_seconds": "1000"}
    return running(create_app(AtsSettings.model_validate(settings)), tenant="acme", token=TOKEN)


def scraped(ats: Running) -> dict[str, Samples]:
    """The values of each metric, by the values of their labels, which are ordered by name."""
    exposed = ats.with_token("").call("GET", "/../../metrics").text
    return {
        family.name: {
            tuple(text for _, text in sorted(sample.labels.items())): sample.value for sample in family.samples
        }
        for family in text_string_to_metric_families(exposed)
    }


def subscribe(ats: Running, receiver: Receiver) -> str:
    """The path of a subscription to the orgs."""
    return f"/subscriptions/byID/{ats.post('/subscriptions', {'url': receiver.url, 'topics': ['orgs']})['id']}"


def paused(ats: Running, receiver: Receiver) -> str:
    path = subscribe(ats, receiver)
    ats.post(f"{path}/pause", {})
    return path


def add_org(ats: Running, name: str = "Sales") -> None:
    ats.post("/orgs/values", {"name": name})


def wait_until(ats: Running, path: str, holds: Callable[[dict[str, Any]], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds(found := ats.get(path)):
        assert time.monotonic() < deadline, found


def of(path: str, *, tenant: str = "acme", app: str = "tests") -> tuple[str, ...]:
    """The labels of the subscription at *path*."""
    return app, path.rpartition("/")[2], tenant


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as receiver:
        yield receiver


def test_each_subscription_tells_how_many_changes_it_is_behind(
    ats: Running, receiver: Receiver, new_token: NewToken
) -> None:
    other = ats.with_token(new_token("beta", "careers", "admin"), tenant="beta")
    behind, of_other = paused(ats, receiver), paused(other, receiver)
    add_org(ats)
    well = subscribe(ats, receiver)
    add_org(ats, "Support")
    add_org(other)
    receiver.wait_for_count(1)
    receiver.reply = lambda _: Reply(500)
    failing = subscribe(ats, receiver)

    add_org(ats, "Research")

    for path in (well, failing):
        wait_until(ats, path, lambda found: "lastError" in found)
    assert scraped(ats)[LAG] == {
        of(behind): 3.0,
        of(well): 1.0,
        of(failing): 1.0,
        of(of_other, tenant="beta", app="careers"): 1.0,
    }
    assert {path: ats.get(path)["lag"] for path in (behind, well, failing)} == {behind: 3, well: 1, failing: 1}


def test_each_subscription_tells_the_age_that_it_shows_itself(
    ats: Running, receiver: Receiver, database_url: str
) -> None:
    behind = paused(ats, receiver)
    add_org(ats)
    idle = subscribe(ats, receiver)
    with closing(open_database(database_url)) as database, database.write() as connection:
        connection.execute(update(schema.changes).values(at=AN_HOUR_AGO))

    before, told, after = ats.get(behind), scraped(ats)[LAG_SECONDS], ats.get(behind)

    assert 3600 <= before["lagSeconds"] <= told[of(behind)] <= after["lagSeconds"]
    assert told[of(idle)] == 0


def test_subscriptions_are_counted_by_state_and_those_that_ended_have_no_lag(ats: Running, receiver: Receiver) -> None:
    assert scraped(ats)[STATES] == {("active",): 0, ("backing-off",): 0, ("suspended",): 0, ("ended",): 0}
    receiver.reply = lambda _: Reply(410)
    ended = subscribe(ats, receiver)
    suspended = [paused(ats, receiver) for _ in range(2)]
    add_org(ats)
    wait_until(ats, ended, lambda found: found["state"] == "ended")

    told = scraped(ats)

    assert told[STATES] == {("active",): 0, ("backing-off",): 0, ("suspended",): 2, ("ended",): 1}
    assert set(told[LAG]) == set(told[LAG_SECONDS]) == {of(path) for path in suspended}


def test_what_was_deleted_is_told_no_more(ats: Running, receiver: Receiver) -> None:
    path = paused(ats, receiver)
    assert set(scraped(ats)[LAG]) == {of(path)}

    ats.call("DELETE", path)

    assert scraped(ats)[LAG] == {}


def test_each_process_tells_the_same(ats: Running, receiver: Receiver, database_url: str) -> None:
    path = paused(ats, receiver)
    add_org(ats)

    with serving(database_url) as other:
        told = scraped(other)

    assert (told[LAG], told[STATES]) == (scraped(ats)[LAG], scraped(ats)[STATES])
    assert told[LAG] == {of(path): 1}


def test_one_statement_reads_all_subscriptions_of_all_tenants(
    ats: Running, receiver: Receiver, new_token: NewToken, database_url: str
) -> None:
    other = ats.with_token(new_token("beta", "careers", "admin"), tenant="beta")
    for service in (ats, ats, other):
        paused(service, receiver)
    statements: list[object] = []

    with closing(open_database(database_url)) as database:
        event.listen(database.engine, "before_cursor_execute", lambda *about: statements.append(about[2]))
        found = subscribers(database, datetime.now(UTC))

    assert [each.tenant for each in found] == ["acme", "acme", "beta"]
    assert len(statements) == 2, "and the beginning of a snapshot"


def test_what_is_counted_in_memory_is_told_when_the_database_cannot_be_read(empty_database_url: str) -> None:
    registry = CollectorRegistry()
    DeliveryMetrics(registry).pings["failed"].inc()

    with closing(open_database(empty_database_url)) as database:
        registry.register(SubscriptionMetrics(database))
        told: Any = generate_latest(registry)

    assert b'catrelay_pings_total{outcome="failed"} 1.0' in told
    assert STATES.encode() not in told
