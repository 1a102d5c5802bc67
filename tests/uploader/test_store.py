"""The store's promises, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Semaphore

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from catrelay.problems import Forbidden, NotFound, Unavailable, UploadIncomplete
from tests.receivers import WAIT_SECONDS
from tests.uploader.conftest import START
from uploader.store import (
    Claim,
    ItemOutcome,
    LeaseLost,
    NewItem,
    Store,
    UploadRef,
    open_database,
    registry_of,
)
from uploader.store.schema import metadata

LEASE = timedelta(seconds=15)
CATEGORY = 17
WORKERS = 6
MAX_UPLOADS = 300


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    database = open_database(database_url)
    registry = registry_of(database)
    registry.migrate()
    registry.add_tenant("acme")
    registry.add_tenant("beta")
    yield Store(database)
    database.close()


def accept(
    store: Store, tenant: int = 1, category: int | None = CATEGORY, orgs_category: int | None = None
) -> UploadRef:
    with store.write() as unit:
        return unit.accept(tenant, category, b"{}", orgs_category=orgs_category, confirmed=False, app="hr", now=START)


def claim(store: Store, owner: str, after: timedelta = timedelta()) -> Claim | None:
    with store.write() as unit:
        return unit.claim(owner, now=START + after, lease_until=START + after + LEASE)


def test_each_tenant_counts_its_own_uploads(store: Store) -> None:
    found = [accept(store), accept(store, tenant=2), accept(store, category=None)]

    assert [(ref.tenant_id, ref.upload) for ref in found] == [(1, 1), (2, 1), (1, 2)]


def test_of_many_uploads_sent_at_once_one_is_accepted(store: Store) -> None:
    def attempt(_: int) -> object:
        try:
            return accept(store)
        except UploadIncomplete as problem:
            return problem.members

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(attempt, range(24)))

    assert answers.count(UploadRef(1, 1)) == 1
    assert answers.count({"upload": 1}) == 23


def test_an_upload_is_claimed_by_one_worker_until_its_lease_runs_out(store: Store) -> None:
    accept(store)

    first = claim(store, "first")
    assert first is not None
    assert first.tenant == "acme"
    assert claim(store, "second") is None
    taken_over = claim(store, "second", after=LEASE)
    assert taken_over is not None
    with pytest.raises(LeaseLost), store.write() as unit:
        unit.record(first, {}, START + 2 * LEASE)
    with pytest.raises(LeaseLost), store.write() as unit:
        unit.finish(first)
    with store.write() as unit:
        unit.release(first)
    assert claim(store, "third", after=LEASE) is None


@pytest.mark.parametrize(("first", "second"), [(None, CATEGORY), (CATEGORY, None)])
def test_the_org_tree_has_one_incomplete_upload_whichever_way_it_is_sent(
    store: Store, first: int | None, second: int | None
) -> None:
    ref = accept(store, category=first, orgs_category=CATEGORY)

    with pytest.raises(UploadIncomplete):
        accept(store, category=second, orgs_category=CATEGORY)
    with store.read() as reports:
        assert reports.status(1, first, ref.upload) == reports.status(1, second, ref.upload)
        with pytest.raises(NotFound):
            reports.status(1, CATEGORY + 1, ref.upload)


def test_an_upload_turns_out_to_be_of_the_org_tree_once_no_other_is(store: Store) -> None:
    accept(store, category=None)
    orgs = claim(store, "one")
    accept(store, category=CATEGORY)
    same, other = claim(store, "two"), (accept(store, category=CATEGORY + 1), claim(store, "three"))[1]
    assert orgs is not None
    assert same is not None
    assert other is not None

    with pytest.raises(UploadIncomplete), store.write() as unit:
        unit.unite(same, CATEGORY)
    with store.write() as unit:
        unit.unite(orgs, CATEGORY)
        unit.unite(other, CATEGORY)
        unit.finish(orgs)
        unit.unite(same, CATEGORY)
    with store.read() as reports:
        assert [reports.status(1, None, number).id for number in (1, 2)] == [1, 2]
        assert [reports.status(1, CATEGORY, number).id for number in (1, 2)] == [1, 2]
        assert reports.status(1, CATEGORY + 1, 3).id == 3


def test_many_workers_share_the_uploads_out(store: Store) -> None:
    for number in range(12):
        accept(store, category=number + 1)

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda number: claim(store, f"worker {number}"), range(24)))

    uploads = [one.ref.upload for one in found if one is not None]
    assert len(uploads) == len(set(uploads))
    while (one := claim(store, "rest")) is not None:
        uploads.append(one.ref.upload)
    assert sorted(uploads) == list(range(1, 13))


def test_a_lease_that_is_held_or_released_moves_the_next_time_to_look(store: Store) -> None:
    accept(store)
    claimed = claim(store, "one")
    assert claimed is not None

    with store.write() as unit:
        unit.hold(claimed, START + 2 * LEASE)
    with store.read() as reports:
        assert reports.next_due() == START + 2 * LEASE
    with store.write() as unit:
        unit.release(claimed)
    with store.read() as reports:
        assert reports.next_due() == START
    assert claim(store, "two") is not None


def test_a_postponed_upload_is_not_claimed_before_it_is_due(store: Store) -> None:
    accept(store)
    claimed = claim(store, "one")
    assert claimed is not None

    with store.write() as unit:
        unit.postpone(claimed, Unavailable("It is away"), due=START + LEASE, attempts=1, stuck_since=START)

    assert claim(store, "one", after=LEASE / 2) is None
    again = claim(store, "one", after=LEASE)
    assert again is not None
    assert (again.attempts, again.stuck_since) == (1, START)


def test_uploads_go_with_their_tenant(store: Store) -> None:
    ref = accept(store)
    claimed = claim(store, "one")
    assert claimed is not None

    registry_of(store.database).remove_tenant("acme")

    with store.read() as reports, pytest.raises(NotFound):
        reports.status(ref.tenant_id, CATEGORY, ref.upload)
    with pytest.raises(LeaseLost), store.write() as unit:
        unit.finish(claimed)


def test_a_tenant_goes_while_its_uploads_are_worked_off(store: Store) -> None:
    worked = Semaphore(0)

    def work_off(category: int) -> None:
        accept(store, category=category)
        claimed = claim(store, f"worker of {category}")
        if claimed is not None:
            items = [NewItem(ItemOutcome(f"/{n}", "pending"), "create", "Newtown", "{}") for n in range(3)]
            with store.write() as unit:
                unit.save_plan(claimed, "{}", [], items)
            with store.write() as unit:
                unit.record(claimed, {n: ItemOutcome(f"/{n - 1}", "done", n) for n in (3, 1, 2)}, START + LEASE)
            with store.write() as unit:
                unit.finish(claimed)
        worked.release()

    def work(first: int) -> Exception | None:
        try:
            for category in range(first, first + MAX_UPLOADS):
                work_off(category)
        except (Forbidden, LeaseLost, IntegrityError) as refusal:
            return refusal
        return None

    with ThreadPoolExecutor(WORKERS) as threads:
        ended = [threads.submit(work, 1 + number * MAX_UPLOADS) for number in range(WORKERS)]
        for _ in range(WORKERS):
            assert worked.acquire(timeout=WAIT_SECONDS)
        registry_of(store.database).remove_tenant("acme")

    assert None not in [each.result() for each in ended]


def test_an_upload_for_a_tenant_that_was_removed_is_refused(store: Store) -> None:
    registry_of(store.database).remove_tenant("acme")

    with pytest.raises(Forbidden, match="no longer there"):
        accept(store)


def test_the_migrations_make_the_tables_that_the_statements_are_about(store: Store) -> None:
    with store.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)

    assert [found for found in differences if found[1].name != "alembic_version"] == []
