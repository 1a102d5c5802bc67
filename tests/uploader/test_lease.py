"""Leases: renewed in time, through trouble with the database, and known to be lost."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import event, text

from catrelay.database import Database
from tests.uploader.conftest import Clock, Suite
from uploader.lease import Lease
from uploader.store import Claim, LeaseLost, Store, open_database

SECONDS = 15.0
PATIENCE_SECONDS = 30


@pytest.fixture
def database(suite: Suite) -> Iterator[Database]:
    opened = open_database(suite.database_url)
    yield opened
    opened.close()


@pytest.fixture
def clock(suite: Suite) -> Clock:
    return suite.clock


def claimed(database: Database, clock: Clock) -> Claim:
    with Store(database).write() as unit:
        unit.accept(1, None, b"{}", orgs_category=None, confirmed=False, app="hr", now=clock())
    return taken(database, clock, "one")


def taken(database: Database, clock: Clock, owner: str) -> Claim:
    with Store(database).write() as unit:
        claim = unit.claim(owner, now=clock(), lease_until=clock())
    assert claim is not None
    return claim


def rename(database: Database, before: str, after: str) -> None:
    with database.write() as connection:
        connection.execute(text(f"ALTER TABLE {before} RENAME TO {after}"))


def test_a_lease_is_renewed_again_after_the_database_was_away(database: Database, clock: Clock) -> None:
    lease = Lease(claimed(database, clock), Store(database), clock, 0.003)
    failed, renewed = threading.Event(), threading.Event()

    async def run() -> None:
        rename(database, "uploads", "away")
        event.listen(database.engine, "handle_error", lambda _: failed.set())
        keeping = asyncio.create_task(lease.keep())
        await asyncio.to_thread(failed.wait)
        rename(database, "away", "uploads")
        database.on_commit(renewed.set)
        assert await asyncio.to_thread(renewed.wait, PATIENCE_SECONDS)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(run())


def test_a_lease_that_ran_out_is_renewed_when_nobody_took_it(database: Database, clock: Clock) -> None:
    lease = Lease(claimed(database, clock), Store(database), clock, SECONDS)
    clock.pass_by(3600)

    asyncio.run(lease.check())

    with Store(database).write() as unit:
        assert unit.claim("other", now=clock(), lease_until=clock()) is None


def test_a_lease_that_was_taken_is_lost_for_good(database: Database, clock: Clock) -> None:
    lease = Lease(claimed(database, clock), Store(database), clock, 0.003)
    lease_of_other = Lease(taken(database, clock, "other"), Store(database), clock, SECONDS)

    asyncio.run(lease.keep())

    with pytest.raises(LeaseLost):
        asyncio.run(lease.check())
    asyncio.run(lease_of_other.check())


def test_a_lease_that_ran_out_counts_as_lost_while_the_database_is_away(database: Database, clock: Clock) -> None:
    lease = Lease(claimed(database, clock), Store(database), clock, SECONDS)
    rename(database, "uploads", "away")

    with pytest.raises(LeaseLost):
        asyncio.run(lease.check())
