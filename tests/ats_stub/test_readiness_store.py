"""Which subscriptions have something to be sent, and how the others are brought on, on both databases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from ats_stub.domain.delivery import LEASE, Health
from ats_stub.domain.pings import Place
from ats_stub.store import Store, open_registry, schema
from ats_stub.store.changes import Change
from ats_stub.store.deliveries import ADVANCE_AFTER, DeliveryStore, Result
from ats_stub.store.subscription_rows import Failure, Key
from catrelay.tokens import Access, Scope, hash_token
from tests.ats_stub.test_deliveries_store import add_moved_jobs, add_org, all_settled, subscribe, taken
from tests.ats_stub.writing import NOW, add

ORGS = 1
SOON = NOW + ADVANCE_AFTER

table = schema.subscriptions


@pytest.fixture
def first(store: Store) -> DeliveryStore:
    return DeliveryStore(store.database, "first")


@pytest.fixture
def second(store: Store) -> DeliveryStore:
    return DeliveryStore(store.database, "second")


def places(store: Store, *keys: Key) -> list[Place]:
    with store.database.read() as connection:
        rows = connection.execute(select(table.c.tenant, table.c.id, table.c.cursor, table.c.cursor_object))
        known = {Key(tenant, subscription): Place(*place) for tenant, subscription, *place in rows}
    return [known[key] for key in keys]


def set_row(store: Store, key: Key, **values: object) -> None:
    these = (table.c.tenant == key.tenant) & (table.c.id == key.subscription)
    with store.database.write() as connection:
        connection.execute(update(table).where(these).values(values))


@contextmanager
def updates(store: Store) -> Iterator[list[str]]:
    """The statements within the block that update something."""
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("UPDATE"):
            seen.append(statement)

    event.listen(store.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(store.database.engine, "before_cursor_execute", note)


def test_those_who_want_other_topics_are_not_ready_and_brought_on_by_one_statement(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    others = [subscribe(store, access, "users") for _ in range(5)]
    concerned = subscribe(store, access, "orgs", "users")
    add_org(store, access)

    with updates(store) as made:
        ready = first.ready(NOW)

    assert ready == ([concerned], SOON)
    assert len(made) == 1
    assert places(store, *others, concerned) == [Place(1)] * 5 + [Place(0)]


def test_those_who_want_other_topics_are_brought_on_now_and_then_only(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "users")
    add_org(store, access)
    first.ready(NOW)
    add_org(store, access, "Support")
    add_org(store, access, "Service")

    with updates(store) as made:
        before = (first.ready(SOON - timedelta(milliseconds=1)), places(store, key), len(made))
        after = (first.ready(SOON), places(store, key), len(made))

    assert before == (([], SOON), [Place(1)], 0)
    assert after == (([], SOON + ADVANCE_AFTER), [Place(3)], 1)
    assert first.ready(SOON) == ([], None)


def test_a_change_that_concerns_those_who_were_left_behind_is_told(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    first.ready(NOW)
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        unit.changes.append(Change("user", 5, "update"))
    quiet = first.ready(NOW)
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        unit.changes.append(Change("user", 6, "update"))
    still_quiet = first.ready(NOW)
    org = add_org(store, access)

    ready, _ = first.ready(NOW)

    assert (quiet[0], still_quiet[0], ready) == ([], [], [key])
    (ping,) = taken(first, key).work.pings
    assert (ping.path, ping.position) == (f"/orgs/values/byID/{org}/deltaPings", 3)


def test_those_that_another_deliverer_holds_are_not_brought_on_nor_ready(
    store: Store, access: Access, first: DeliveryStore, second: DeliveryStore
) -> None:
    held, other = subscribe(store, access, "users"), subscribe(store, access, "users")
    wanting = subscribe(store, access, "orgs")
    set_row(store, held, leased_by="second", leased_until=NOW + LEASE)
    add_org(store, access)
    taken(second, wanting)

    ready, look_again = first.ready(NOW)

    assert (ready, look_again) == ([], SOON)
    assert places(store, held, other, wanting) == [Place(0), Place(1), Place(0)]


def test_those_that_are_not_due_or_not_sent_to_are_left_alone(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    due = NOW + timedelta(minutes=5)
    keys = [subscribe(store, access, "users") for _ in range(3)]
    set_row(store, keys[0], state="backing-off", next_attempt=due)
    set_row(store, keys[1], state="suspended")
    set_row(store, keys[2], state="ended")
    add_org(store, access)

    assert first.ready(NOW) == ([], due)

    assert places(store, *keys) == [Place(0)] * 3


def test_a_lease_that_ends_is_a_moment_to_look_again(
    store: Store, access: Access, first: DeliveryStore, second: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    taken(second, key)

    while_held, afterwards = first.ready(NOW), first.ready(NOW + LEASE)

    assert while_held == ([], NOW + LEASE)
    assert afterwards == ([key], None)


def test_a_lease_of_its_own_is_none(store: Store, access: Access, first: DeliveryStore) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    first.record([all_settled(taken(first, key))], NOW)

    assert first.ready(NOW) == ([], None)


def test_a_ping_that_is_due_after_its_subscriber_is_a_moment_to_look_again(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    job = taken(first, key)
    subscriber_due, ping_due = NOW + timedelta(seconds=2), NOW + timedelta(minutes=1)
    down = Health("backing-off", 1, subscriber_due, NOW)
    failures = [Failure(ping, NOW, ping_due) for ping in job.work.pings]
    first.record([Result(key, job.work.end, down, failures=failures)], NOW)

    looks = [first.ready(now) for now in (NOW, subscriber_due, ping_due)]

    assert looks == [([], subscriber_due), ([], ping_due), ([key], None)]


def test_a_ping_that_is_due_before_its_subscriber_is_none(store: Store, access: Access, first: DeliveryStore) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    job = taken(first, key)
    ping_due, subscriber_due = NOW + timedelta(seconds=2), NOW + timedelta(minutes=1)
    down = Health("backing-off", 1, subscriber_due, NOW)
    failures = [Failure(ping, NOW, ping_due) for ping in job.work.pings]
    first.record([Result(key, job.work.end, down, failures=failures)], NOW)

    looks = [first.ready(now) for now in (NOW, ping_due, subscriber_due)]

    assert looks == [([], subscriber_due), ([], subscriber_due), ([key], None)]


def test_those_within_the_jobs_of_a_remap_are_brought_on_within_it(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    add_moved_jobs(store, access, 1_200)
    key = subscribe(store, access, "jobs/open/externally")
    at = Place(0, 1_100)
    set_row(store, key, cursor=at.position, cursor_object=at.object)
    with store.database.write() as connection:
        connection.execute(update(schema.jobs).values(available_externally=False))

    first.ready(NOW)

    assert places(store, key) >= [at]


def test_many_tenants_are_seen_at_once_and_brought_on_for_themselves(
    store: Store, access: Access, first: DeliveryStore, database_url: str, new_token: Callable[[str, str, Scope], str]
) -> None:
    accesses = [access, *(access_of(database_url, new_token(name, "tests", "admin")) for name in ("beta", "gamma"))]
    wanting = [subscribe(store, each, "orgs") for each in accesses]
    others = [subscribe(store, each, "users") for each in accesses]
    for each in accesses[:2]:
        add(store, each, ORGS, "Sales")

    ready, _ = first.ready(NOW)

    assert set(ready) == set(wanting[:2])
    assert places(store, *others) == [Place(1), Place(1), Place(0)]
    jobs = first.take(ready, NOW)
    assert {key: job.tenant_name for key, job in jobs.items()} == {wanting[0]: "acme", wanting[1]: "beta"}
    assert first.record([all_settled(job) for job in jobs.values()], NOW) == set(ready)
    assert places(store, *wanting) == [Place(1), Place(1), Place(0)]


def access_of(database_url: str, token: str) -> Access:
    registry = open_registry(database_url)
    found = registry.access(hash_token(token))
    registry.close()
    assert found is not None
    return found
