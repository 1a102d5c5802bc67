"""What deliverers read and record, on both databases."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, update

from ats_stub.domain.delivery import LEASE, MAX_FAILING_PINGS, Health
from ats_stub.domain.pings import Ping, Place, Subject
from ats_stub.operations import subscriptions
from ats_stub.store import Store, schema
from ats_stub.store.attempts import MadeAttempt
from ats_stub.store.changes import Change
from ats_stub.store.deliveries import DeliveryStore, Job, Result
from ats_stub.store.messages import read_bodies
from ats_stub.store.pruning import prune
from ats_stub.store.subscription_rows import Failure, Key
from ats_stub.store.windows import MAX_MOVED_OBJECTS
from catrelay.models import CategoryValueWrite, SubscriptionCreate, Topic
from catrelay.tokens import Access
from tests.ats_stub.writing import NOW, add, write, written

ORGS = 1


@pytest.fixture
def first(store: Store) -> DeliveryStore:
    return DeliveryStore(store.database, "first")


@pytest.fixture
def second(store: Store) -> DeliveryStore:
    return DeliveryStore(store.database, "second")


def subscribe(store: Store, access: Access, *topics: Topic) -> Key:
    wanted = SubscriptionCreate(url="http://192.0.2.7/", topics=topics)
    made = written(store, access, lambda unit: subscriptions.subscribe(unit, access, wanted))
    return Key(access.tenant_id, made.id)


def add_org(store: Store, access: Access, name: str = "Sales") -> int:
    return add(store, access, ORGS, name)


def paths(job: Job) -> list[str]:
    return [ping.path for ping in job.work.pings]


def all_settled(job: Job) -> Result:
    return Result(job.key, job.work.end, Health(), settled=job.work.pings)


def failed(job: Job, *, until: datetime) -> Result:
    failures = [Failure(ping, NOW, until) for ping in job.work.pings]
    return Result(job.key, job.work.end, Health(), failures=failures)


def take(deliveries: DeliveryStore, key: Key, now: datetime = NOW) -> Job | None:
    return deliveries.take([key], now).get(key)


def taken(deliveries: DeliveryStore, key: Key, now: datetime = NOW) -> Job:
    job = take(deliveries, key, now)
    assert job is not None
    return job


def record(deliveries: DeliveryStore, result: Result, now: datetime = NOW) -> bool:
    return deliveries.record([result], now) == {result.key}


def stored(store: Store, key: Key) -> tuple[int, str | None]:
    with store.database.read() as connection:
        row = connection.execute(
            select(schema.subscriptions).where(schema.subscriptions.c.id == key.subscription)
        ).one()
        return row.cursor, row.leased_by


def attempts_of(store: Store) -> list[int]:
    """The subscriptions of which attempts are stored."""
    with store.database.read() as connection:
        table = schema.attempts
        return list(connection.scalars(select(table.c.subscription).order_by(table.c.subscription)))


def test_a_subscription_is_ready_when_something_changed_and_not_once_it_is_recorded(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    nothing = first.ready(NOW)
    org = add_org(store, access)

    changed = first.ready(NOW)
    work = taken(first, key)

    assert (nothing, changed) == (([], None), ([key], None))
    assert paths(work) == [f"/orgs/values/byID/{org}/deltaPings"]
    assert record(first, all_settled(work))
    assert (first.ready(NOW), take(first, key, NOW)) == (([], None), None)


def test_work_that_was_never_recorded_is_done_again_by_whoever_holds_the_next_lease(
    store: Store, access: Access, first: DeliveryStore, second: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    work = taken(first, key)

    while_leased = (second.ready(NOW), take(second, key, NOW))
    after = taken(second, key, NOW + LEASE)

    assert while_leased == (([], NOW + LEASE), None)
    assert after == work
    assert not record(first, all_settled(work), NOW + LEASE)
    assert stored(store, key) == (work.work.cursor.position, "second")


def test_a_deliverer_that_stops_leaves_its_subscriptions_to_others(
    store: Store, access: Access, first: DeliveryStore, second: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    taken(first, key)

    first.release_all()

    assert second.ready(NOW) == ([key], None)
    assert not record(first, all_settled(taken(second, key)))


def test_a_subscription_that_was_removed_meanwhile_records_nothing(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    work = taken(first, key)
    written(store, access, lambda unit: subscriptions.unsubscribe(unit, access, key.subscription))

    assert not record(first, failed(work, until=NOW))


def test_a_failed_ping_is_kept_until_it_is_due_while_others_go_on(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    org = add_org(store, access)
    due = NOW + timedelta(seconds=2)
    record(first, failed(taken(first, key), until=due))
    other = add_org(store, access, "Support")

    now, later = taken(first, key), taken(first, key, due)

    assert paths(now) == [f"/orgs/values/byID/{other}/deltaPings"]
    assert paths(later) == [f"/orgs/values/byID/{other}/deltaPings", f"/orgs/values/byID/{org}/deltaPings"]
    record(first, all_settled(now))
    assert first.ready(NOW) == ([], due)
    assert first.ready(due) == ([key], None)
    assert written(store, access, lambda unit: subscriptions.resume(unit, access, key.subscription)).lag == 1
    assert paths(taken(first, key)) == [f"/orgs/values/byID/{org}/deltaPings"]


def test_of_several_that_are_recorded_at_once_one_that_was_lost_meanwhile_is_left_out(
    store: Store, access: Access, first: DeliveryStore, second: DeliveryStore
) -> None:
    well, failing, steered, removed = (subscribe(store, access, "orgs") for _ in range(4))
    org = add_org(store, access)
    jobs = first.take([well, failing, steered, removed], NOW)
    written(store, access, lambda unit: subscriptions.resume(unit, access, steered.subscription))
    written(store, access, lambda unit: subscriptions.unsubscribe(unit, access, removed.subscription))
    due = NOW + timedelta(minutes=1)
    attempt = MadeAttempt(1, "msg", "/", 1, NOW, 7, 204, None, None)

    results = [failed(job, until=due) if key in (failing, removed) else all_settled(job) for key, job in jobs.items()]
    kept = first.record([replace(result, attempts=[attempt], attempted=1) for result in results], NOW)

    assert kept == {well, failing}
    assert [stored(store, key) for key in (well, failing, steered)] == [(1, "first"), (1, "first"), (0, None)]
    assert second.ready(NOW) == ([steered], min(due, NOW + LEASE))
    assert attempts_of(store) == [well.subscription, failing.subscription]
    assert paths(taken(first, failing, due)) == [f"/orgs/values/byID/{org}/deltaPings"]


def test_of_several_that_are_taken_at_once_those_held_by_others_are_left_out(
    store: Store, access: Access, first: DeliveryStore, second: DeliveryStore
) -> None:
    known, new, held, lost, removed = keys = [subscribe(store, access, "orgs") for _ in range(5)]
    add_org(store, access)
    first.record(list(map(all_settled, first.take([known, lost], NOW).values())), NOW)
    written(store, access, lambda unit: subscriptions.resume(unit, access, lost.subscription))
    written(store, access, lambda unit: subscriptions.unsubscribe(unit, access, removed.subscription))
    add_org(store, access, "Support")
    second.take([held, lost], NOW)
    up_to_date = subscribe(store, access, "orgs")

    jobs = first.take([*keys, up_to_date], NOW + timedelta(seconds=1))

    assert {key: len(job.work.pings) for key, job in jobs.items()} == {known: 1, new: 2}
    assert [stored(store, key)[1] for key in (known, new, held, lost)] == ["first", "first", "second", "second"]


def test_an_attempt_that_was_under_way_does_not_undo_that_all_is_tried_at_once(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    work = taken(first, key)
    written(store, access, lambda unit: subscriptions.resume(unit, access, key.subscription))

    first.renew([key], NOW)
    assert not record(first, failed(work, until=NOW + timedelta(days=1)))
    assert first.ready(NOW) == ([key], None)


def test_a_newer_change_takes_the_place_of_a_failed_ping(store: Store, access: Access, first: DeliveryStore) -> None:
    key = subscribe(store, access, "orgs")
    org = add_org(store, access)
    record(first, failed(taken(first, key), until=NOW + timedelta(days=1)))
    write(store, access, ORGS, CategoryValueWrite(id=org, name="Selling"))

    (ping,) = taken(first, key).work.pings

    assert (ping.operation, ping.position, ping.before, ping.attempts) == ("insert", 2, Place(1), 1)
    record(first, all_settled(taken(first, key)))
    assert take(first, key, NOW + timedelta(days=2)) is None


def test_a_subscription_with_very_many_failed_pings_gets_nothing_new(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    work = taken(first, key)
    pings = [work.work.pings[0]._replace(path=f"/{number}") for number in range(MAX_FAILING_PINGS)]
    record(first, failed(replace(work, work=replace(work.work, pings=pings)), until=NOW + timedelta(days=1)))
    add_org(store, access, "Support")

    assert take(first, key, NOW) is None
    assert set(paths(taken(first, key, NOW + timedelta(days=1)))) == {ping.path for ping in pings}


def test_an_ended_subscription_keeps_no_failed_pings_and_is_never_ready(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    record(first, failed(taken(first, key), until=NOW))
    work = taken(first, key)

    record(first, replace(failed(work, until=NOW), health=Health(state="ended")))

    assert first.ready(NOW) == ([], None)
    with store.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.failing_pings)) == 0


def test_a_subscription_that_is_down_is_ready_when_its_next_attempt_is_due(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    key = subscribe(store, access, "orgs")
    add_org(store, access)
    due = NOW + timedelta(minutes=5)
    down = Health(state="backing-off", attempts=3, next_attempt=due, failing_since=NOW, last_error="no answer")
    work = taken(first, key)
    record(first, Result(key, work.work.cursor, down))

    assert (first.ready(NOW), take(first, key, NOW)) == (([], due), None)
    assert first.ready(due) == ([key], None)
    assert taken(first, key, due).work.health == down


def add_moved_jobs(store: Store, access: Access, count: int) -> None:
    """A `moved-jobs` row for so many jobs, all of them open and every third one externally, and as many closed ones."""
    jobs = [
        {
            "tenant": access.tenant_id,
            "id": 1_000 + number,
            "document": "{}",
            "template": False,
            "active": number < count,
            "available_externally": number % 3 == 0,
            "date_last_updated": NOW,
        }
        for number in range(2 * count)
    ]
    links = [
        {
            "tenant": access.tenant_id,
            "kind": "job",
            "object": job["id"],
            "link": number,
            "category": 17,
            "value": 4,
            "trail": ",1",
            "moved_by": 1,
        }
        for number, job in enumerate(jobs)
    ]
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        unit.connection.execute(insert(schema.jobs), jobs)
        unit.connection.execute(insert(schema.links), links)
        unit.changes.append(Change("moved-jobs", 4, "update", 17, moved_by=1))


def test_the_jobs_that_a_remap_moved_are_read_page_by_page(store: Store, access: Access, first: DeliveryStore) -> None:
    key = subscribe(store, access, "jobs/open", "orgs")
    before = add_org(store, access)
    add_moved_jobs(store, access, MAX_MOVED_OBJECTS + 500)
    after = add_org(store, access, "Support")

    works = []
    while (work := take(first, key, NOW)) is not None:
        works.append(work)
        record(first, all_settled(work))

    jobs = [f"/jobs/open/byID/{1_000 + number}/deltaPings" for number in range(MAX_MOVED_OBJECTS + 500)]
    assert [path for work in works for path in paths(work)] == [
        f"/orgs/values/byID/{before}/deltaPings",
        *jobs,
        f"/orgs/values/byID/{after}/deltaPings",
    ]
    assert [work.work.end for work in works] == [Place(1, 1_000 + MAX_MOVED_OBJECTS - 1), Place(3)]


def test_jobs_that_are_open_externally_are_told_apart(store: Store, access: Access, first: DeliveryStore) -> None:
    key = subscribe(store, access, "jobs/open/externally")
    add_moved_jobs(store, access, 9)

    assert paths(taken(first, key)) == [f"/jobs/open/externally/byID/{job}/deltaPings" for job in (1_000, 1_003, 1_006)]


def test_changes_of_no_interest_move_the_cursor_on(store: Store, access: Access, first: DeliveryStore) -> None:
    key = subscribe(store, access, "categories")
    add_org(store, access)

    work = taken(first, key)

    assert (work.work.pings, work.work.end) == ((), Place(1))


def test_a_ping_about_something_that_is_gone_has_no_body(store: Store, access: Access) -> None:
    org = add_org(store, access)

    def ping(subject: Subject, number: int) -> Ping:
        return Ping("/", subject, number, "update", 1)

    there = [ping("value", org), ping("category", ORGS), ping("categories", 0), ping("job", 5)]
    gone = [ping("value", 99), ping("category", 99)]

    assert list(read_bodies(store.database, access.tenant_id, [*gone, *there])) == there


def test_changes_are_dropped_when_they_are_old_and_every_subscription_is_past_them(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    slow = subscribe(store, access, "orgs")
    for number in range(5):
        add_org(store, access, f"Org {number}")
    with store.database.write() as connection:
        connection.execute(update(schema.subscriptions).values(cursor=3))
    later = NOW + timedelta(days=14)
    long_ago = NOW - timedelta(days=90)

    too_young = prune(store.database, NOW, long_ago, limit=100)
    pieces = [prune(store.database, later, long_ago, limit=2) for _ in range(3)]
    written(store, access, lambda unit: subscriptions.unsubscribe(unit, access, slow.subscription))
    without_subscriptions = prune(store.database, later, long_ago, limit=100)

    assert (too_young, pieces, without_subscriptions) == (0, [2, 1, 0], 2)


def test_changes_older_than_any_are_kept_for_are_dropped_though_not_all_were_told(
    store: Store, access: Access, first: DeliveryStore
) -> None:
    slow = subscribe(store, access, "orgs")
    for number in range(3):
        add_org(store, access, f"Org {number}")

    kept = prune(store.database, NOW + timedelta(days=14), NOW, limit=100)
    pieces = [prune(store.database, NOW, NOW + timedelta(seconds=1), limit=2) for _ in range(3)]

    assert (kept, pieces) == (0, [2, 1, 0])
    assert paths(taken(first, slow)) == ["/categories/deltaPings"]
