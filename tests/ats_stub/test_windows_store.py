"""Reading ahead in the change log, on both databases."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete

from ats_stub.domain.pings import Ping, Place
from ats_stub.store import Store, schema
from ats_stub.store.changes import Change
from ats_stub.store.counters import read_counters
from ats_stub.store.windows import (
    MAX_AGE,
    MAX_WINDOW_CHANGES,
    MAX_WINDOW_PINGS,
    MAX_WINDOWS,
    PAGE_CHANGES,
    Log,
    Window,
    Windows,
)
from catrelay.models import Topic
from catrelay.tokens import Access
from tests.ats_stub.writing import NOW

ORGS = 1
LIST_PING = "/categories/deltaPings"

After = Callable[..., Window]


@pytest.fixture
def after(store: Store, access: Access) -> After:
    """The window after a cursor, of the same Windows each time."""
    windows = Windows()

    def read(cursor: Place, *topics: Topic, now: datetime = NOW) -> Window:
        with store.database.read() as connection:
            counters = read_counters(connection, access.tenant_id)
            log = Log(access.tenant_id, counters.position, counters.orgs_category)
            return windows.after(connection, log, cursor, topics, now)

    return read


def log_orgs(store: Store, access: Access, orgs: Iterable[int]) -> None:
    """A change for each of *orgs*."""
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        for org in orgs:
            unit.changes.append(Change("value", org, "update", ORGS))


def prune_up_to(store: Store, position: int) -> None:
    with store.database.write() as connection:
        connection.execute(delete(schema.changes).where(schema.changes.c.position <= position))


def org_ping(org: int) -> str:
    return f"/orgs/values/byID/{org}/deltaPings"


def paths(window: Window) -> list[str]:
    return [ping.path for ping in window.pings]


def test_ten_thousand_changes_to_a_hundred_objects_are_a_hundred_pings(
    store: Store, access: Access, after: After
) -> None:
    log_orgs(store, access, (org for _ in range(100) for org in range(100)))

    window = after(Place(0), "orgs")

    assert paths(window) == [org_ping(org) for org in range(100)]
    assert [(ping.position, ping.before) for ping in window.pings] == [(9_901 + org, Place(org)) for org in range(100)]
    assert window.end == Place(10_000)


def test_a_window_ends_with_so_many_pings_and_the_next_begins_there(store: Store, access: Access, after: After) -> None:
    orgs = range(MAX_WINDOW_PINGS + 7)
    log_orgs(store, access, orgs)

    first = after(Place(0), "orgs")
    second = after(first.end, "orgs")

    assert (len(first.pings), first.end) == (MAX_WINDOW_PINGS, Place(MAX_WINDOW_PINGS))
    assert paths(first) + paths(second) == [org_ping(org) for org in orgs]
    assert second.end == Place(len(orgs))


def test_a_window_ends_after_so_many_changes_and_the_next_begins_there(
    store: Store, access: Access, after: After
) -> None:
    log_orgs(store, access, [9] * MAX_WINDOW_CHANGES + [9, 10])

    first = after(Place(0), "orgs")
    second = after(first.end, "orgs")

    assert (paths(first), first.end) == ([org_ping(9)], Place(MAX_WINDOW_CHANGES))
    assert (paths(second), second.end) == ([org_ping(9), org_ping(10)], Place(MAX_WINDOW_CHANGES + 2))


@pytest.mark.parametrize("count", [PAGE_CHANGES - 1, PAGE_CHANGES, PAGE_CHANGES + 1])
def test_a_window_is_read_page_by_page_to_the_end(store: Store, access: Access, after: After, count: int) -> None:
    log_orgs(store, access, range(count))

    window = after(Place(0), "orgs")

    assert (len(window.pings), window.end) == (count, Place(count))


@pytest.mark.parametrize("topic", ["orgs", "categories", "users", "jobs/open"])
@pytest.mark.parametrize("cursor", [Place(0), Place(2), Place(2, 77)])
def test_of_changes_that_are_no_longer_kept_there_is_one_ping_whatever_is_wanted(
    store: Store, access: Access, after: After, topic: Topic, cursor: Place
) -> None:
    log_orgs(store, access, range(5))
    prune_up_to(store, 5)

    window = after(cursor, topic)

    assert window.pings == (Ping(LIST_PING, "categories", 0, "update", 5, cursor),)
    assert window.end == Place(5)
    assert after(window.end, topic).pings == ()


@pytest.mark.parametrize("topic", ["orgs", "users"])
@pytest.mark.parametrize("cursor", [Place(0), Place(2), Place(2, 77)])
def test_what_is_still_kept_is_told_after_it(
    store: Store, access: Access, after: After, topic: Topic, cursor: Place
) -> None:
    log_orgs(store, access, range(5))
    prune_up_to(store, 3)

    window = after(cursor, topic)

    missed = Ping(LIST_PING, "categories", 0, "update", 3, cursor)
    kept = [org_ping(3), org_ping(4)] if topic == "orgs" else []
    assert window.pings[0] == missed
    assert (paths(window)[1:], window.end) == (kept, Place(5))


def test_nothing_is_missed_by_who_was_told_all_that_is_no_longer_kept(
    store: Store, access: Access, after: After
) -> None:
    log_orgs(store, access, range(5))
    prune_up_to(store, 3)

    assert paths(after(Place(3), "orgs")) == [org_ping(3), org_ping(4)]
    assert paths(after(Place(4), "orgs")) == [org_ping(4)]


def test_a_category_that_changed_since_and_what_is_missed_are_one_ping(
    store: Store, access: Access, after: After
) -> None:
    log_orgs(store, access, range(2))
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        unit.changes.append(Change("category", 17, "insert"))
    prune_up_to(store, 2)

    window = after(Place(0), "categories")

    assert [(ping.path, ping.position, ping.before) for ping in window.pings] == [
        (LIST_PING, 3, Place(0)),
        ("/categories/byID/17/deltaPings", 3, Place(2)),
    ]


def test_a_window_serves_others_at_the_same_place_who_want_the_same(store: Store, access: Access, after: After) -> None:
    log_orgs(store, access, [1, 2])

    window = after(Place(0), "orgs", "users")

    assert after(Place(0), "users", "orgs", now=NOW + MAX_AGE / 2) is window
    assert after(Place(1), "orgs", "users") is not window
    assert after(Place(0), "orgs") is not window


@pytest.mark.parametrize("age", [MAX_AGE, -timedelta(microseconds=1)])
def test_a_window_serves_others_only_while_it_is_young(
    store: Store, access: Access, after: After, age: timedelta
) -> None:
    log_orgs(store, access, [1])
    after(Place(0), "orgs")
    log_orgs(store, access, [2])

    assert paths(after(Place(0), "orgs", now=NOW + MAX_AGE / 2)) == [org_ping(1)]
    assert paths(after(Place(0), "orgs", now=NOW + age)) == [org_ping(1), org_ping(2)]


def test_a_window_without_pings_serves_others_only_while_it_is_complete(
    store: Store, access: Access, after: After
) -> None:
    log_orgs(store, access, [1])
    nothing = after(Place(0), "users")
    again = after(Place(0), "users")
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        unit.changes.append(Change("user", 5, "update"))

    assert (nothing.pings, again) == ((), nothing)
    assert paths(after(Place(0), "users")) == ["/users/byID/5/deltaPings"]


def test_only_the_latest_windows_are_held(store: Store, access: Access, after: After) -> None:
    log_orgs(store, access, range(MAX_WINDOWS + 1))
    windows = [after(Place(position), "orgs") for position in range(MAX_WINDOWS + 1)]

    again = [after(Place(position), "orgs") for position in reversed(range(MAX_WINDOWS + 1))]

    assert [one is other for one, other in zip(windows, reversed(again), strict=True)] == [False] + [True] * MAX_WINDOWS
