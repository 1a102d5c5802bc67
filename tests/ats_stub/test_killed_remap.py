"""A process that is killed within a remap of very many objects: all of the remap holds, or nothing of it."""

import itertools
import os
import signal
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, insert

from ats_stub.operations import journal
from ats_stub.operations.categories import create_category
from ats_stub.operations.values import write_value
from ats_stub.store import Store, WriteUnit, open_database, schema
from ats_stub.store.moves import Place
from catrelay.database import Database
from catrelay.models import CategoryValueWrite, CategoryWrite, JournalEntry
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
OBJECTS = 100_000
WITH_BOTH = 10_000
FIRST = 1_000


class Remapped:
    """A value that so many candidates reference, and its target, which some of them reference, too."""

    def __init__(self, store: Store, tenant: int) -> None:
        self.tenant = tenant
        with store.write(tenant, app="tests", now=NOW) as unit:
            self.category = create_category(unit, CategoryWrite(name="Stage")).id
            self.old, self.new = (
                write_value(unit, self.category, CategoryValueWrite(name=name))[0].id for name in ("Old", "New")
            )
            self._link(unit)

    def _link(self, unit: WriteUnit) -> None:
        at = [self.old] * OBJECTS + [self.new] * WITH_BOTH
        rows = [
            {
                "tenant": self.tenant,
                "kind": "candidate",
                "object": FIRST + number % OBJECTS,
                "link": number + 1,
                "category": self.category,
                "value": value,
                "trail": "",
                "moved_by": 0,
            }
            for number, value in enumerate(at)
        ]
        unit.connection.execute(insert(schema.links), rows)
        unit.counters.next_link = len(rows) + 1

    def remap(self, store: Store) -> None:
        """Remap, unless that was done, and go on until all have followed."""
        if self.entry(store) is None:
            with store.write(self.tenant, app="tests", now=NOW) as unit:
                write = CategoryValueWrite(id=self.old, available=False, remapped_to=self.new)
                write_value(unit, self.category, write)
        reached: tuple[int, Place] | None = (0, journal.BEGINNING)
        while reached is not None:
            with store.write(self.tenant, app="ats", now=NOW) as unit:
                reached = journal.move_on(unit, *reached)

    def entry(self, store: Store) -> JournalEntry | None:
        with store.read(self.tenant) as unit:
            found = unit.journal.find(1)
        return None if found is None else found.entry

    def check(self, store: Store) -> None:
        """All of the remap holds, or nothing of it."""
        with store.read(self.tenant) as unit:
            value = unit.values.value(self.old)
            at_old, at_new = unit.links.count("candidate", self.old), unit.links.count("candidate", self.new)
            held = unit.links.of("candidate", range(FIRST, FIRST + OBJECTS, 9_973))
        assert value is not None
        if self.entry(store) is None:
            assert (value.available, value.remapped_to) == (True, None)
            assert (at_old, at_new) == (OBJECTS, WITH_BOTH)
        else:
            assert (value.available, value.remapped_to) == (False, self.new)
            assert (at_old, at_new) == (0, OBJECTS)
            assert {frozenset(each.references[self.category]) for each in held.values()} == {frozenset({self.new})}


def kill_at(database: Database, statement: int) -> None:
    """Let the process be killed before its so-many-th statement, commits counted."""
    numbers = itertools.count(1)

    def count(*_: object) -> None:
        if next(numbers) == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "before_cursor_execute", count)
    event.listen(database.engine, "commit", count)


def run_and_be_killed(database_url: str, remapped: Remapped, statement: int) -> bool:
    """Remap in a process of its own. Returns whether it was done before it could be killed."""
    child = os.fork()
    if child == 0:
        try:
            database = open_database(database_url)
            kill_at(database, statement)
            remapped.remap(Store(database))
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == 0


@pytest.fixture
def remapped(store: Store, access: Access) -> Remapped:
    made = Remapped(store, access.tenant_id)
    store.database.close()  # a child must not use this process's connections
    return made


def test_a_remap_is_all_or_nothing_wherever_its_process_is_killed(
    store: Store, database_url: str, remapped: Remapped
) -> None:
    # The first statements are the switch, which has to be run through once; then pieces follow, each from where the
    # one before was killed.
    kills = 0
    for statement in itertools.chain(range(1, 19), itertools.repeat(50)):
        done = run_and_be_killed(database_url, remapped, statement)
        remapped.check(store)
        store.database.close()
        if done:
            break
        kills += 1

    assert kills >= 15
    entry = remapped.entry(store)
    assert entry is not None
    assert entry.moved == OBJECTS
