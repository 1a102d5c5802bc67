"""Writers in several processes whose commits take their time, and a reader who follows the journal."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from threading import Event

import pytest
from sqlalchemy import event

from ats_stub.operations import journal
from ats_stub.operations.categories import create_category
from ats_stub.operations.undo import undo
from ats_stub.operations.values import write_value
from ats_stub.store import Store, WriteUnit, open_database
from ats_stub.store.journal_pages import JournalPages
from ats_stub.store.moves import PieceSizes
from catrelay.models import CategoryValueWrite, CategoryWrite, JournalEntry, JournalPage
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
WRITERS = 4
ROUNDS = 6


@pytest.fixture
def stores(database_url: str, access: Access) -> Iterator[list[Store]]:
    """Each as if in a process of its own, and slow to commit."""
    dice = random.Random(7)

    def commit_late(_: object) -> None:
        time.sleep(dice.random() / 100)  # a reader looks between a number and its commit

    with ExitStack() as stack:
        databases = [stack.enter_context(closing(open_database(database_url))) for _ in range(WRITERS)]
        for database in databases:
            event.listen(database.engine, "commit", commit_late)
        yield [Store(database, sizes=PieceSizes(at_once=1, following=2)) for database in databases]


def test_a_reader_who_follows_the_journal_misses_nothing(store: Store, stores: list[Store], access: Access) -> None:
    tenant, pages, written = access.tenant_id, JournalPages(store.database), Event()
    seen: list[JournalEntry] = []

    def follow() -> None:
        while True:
            is_last_look = written.is_set()
            page = JournalPage.model_validate_json(pages.of_tenant(tenant, after=seen[-1].seq if seen else 0, limit=3))
            seen.extend(page.results)
            if is_last_look and not page.results:
                return

    def write(number: int) -> None:
        mine = stores[number]

        def prepare(unit: WriteUnit) -> tuple[int, int, int]:
            category = create_category(unit, CategoryWrite(name=f"Category {number}")).id
            old, new = (write_value(unit, category, CategoryValueWrite(name=name))[0].id for name in "AB")
            for each in range(5):
                unit.links.replace("candidate", 1_000 * (number + 1) + each, {category: {old}})
            return category, old, new

        with mine.write(tenant, app="tests", now=NOW) as unit:
            category, old, new = prepare(unit)
        for _ in range(ROUNDS):
            with mine.write(tenant, app="tests", now=NOW) as unit:
                write_value(unit, category, CategoryValueWrite(id=old, available=False, remapped_to=new))
                seq = unit.counters.seq
            with mine.write(tenant, app="ats", now=NOW) as unit:
                journal.move_on(unit, 0, journal.BEGINNING)
            with mine.write(tenant, app="tests", now=NOW) as unit:
                undo(unit, category, seq)

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reader = pool.submit(follow)
        try:
            list(pool.map(write, range(WRITERS)))
        finally:
            written.set()
        reader.result()

    assert [entry.seq for entry in seen] == list(range(1, 2 * WRITERS * ROUNDS + 1))
    assert {entry.operation for entry in seen} == {"remap", "undo"}
