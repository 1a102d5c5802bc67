"""The mover of one process, and the remaps of another."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ats_stub import moving
from ats_stub.moving import Mover
from ats_stub.operations.categories import create_category
from ats_stub.operations.values import write_value
from ats_stub.store import Store, open_database
from ats_stub.store.moves import PieceSizes
from catrelay.models import CategoryValueWrite, CategoryWrite
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
OBJECTS = range(1_000, 1_010)
WAIT_SECONDS = 60
"""Far longer than it takes: a test that waits so long has failed."""


@pytest.fixture
def remapping(store: Store) -> Store:
    """A store as if in a process without a mover, where no link follows with its remap."""
    return Store(store.database, sizes=PieceSizes(at_once=0, following=3))


@pytest.fixture
def other(database_url: str) -> Iterator[Store]:
    """As if in another process."""
    store = Store(open_database(database_url), sizes=PieceSizes(at_once=0, following=3))
    yield store
    store.database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_remap_wakes_the_movers_of_other_processes(
    remapping: Store, other: Store, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "POLL_SECONDS", 3_600.0)
    tenant, followed = access.tenant_id, threading.Event()

    def remap() -> None:
        with remapping.write(tenant, app="tests", now=NOW) as unit:
            category = create_category(unit, CategoryWrite(name="Expertise")).id
            old, new = (write_value(unit, category, CategoryValueWrite(name=name))[0].id for name in "AB")
            for each in OBJECTS:
                unit.links.replace("candidate", each, {category: {old}})
        with remapping.write(tenant, app="tests", now=NOW) as unit:
            write_value(unit, category, CategoryValueWrite(id=old, available=False, remapped_to=new))
            assert unit.leaves_links_behind

    def look() -> None:
        with other.read(tenant) as unit:
            if not unit.moves.pending:
                followed.set()

    async def flow() -> None:
        async with remapping.waker.running(), other.waker.running(), Mover(other).running():
            await asyncio.to_thread(remap)
            other.database.on_commit(look)
            look()
            assert await asyncio.to_thread(followed.wait, WAIT_SECONDS)

    asyncio.run(flow())
