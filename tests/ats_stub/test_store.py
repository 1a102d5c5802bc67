"""Units of work under failure and concurrency, on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import Any

from sqlalchemy import event, insert, select

from ats_stub.operations import categories as operations
from ats_stub.store import Store, open_registry, schema
from catrelay.database import Database
from catrelay.models import CategoryValueWrite, CategoryWrite
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def add(store: Store, access: Access, category: int, name: str) -> int:
    value, _ = operations.write_value(store, access, category, CategoryValueWrite(name=name), now=NOW)
    return value.id


def remap(store: Store, access: Access, category: int, value: int, to: int) -> None:
    write = CategoryValueWrite(id=value, available=False, remapped_to=to)
    operations.write_value(store, access, category, write, now=NOW)


def link(store: Store, access: Access, category: int, value: int, objects: range) -> None:
    rows = [
        {"tenant": access.tenant_id, "kind": "job", "object": number, "category": category, "value": value}
        for number in objects
    ]
    with store.database.write() as connection:
        connection.execute(insert(schema.links), rows)


def everything(store: Store) -> dict[str, list[Any]]:
    with store.database.read() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in (schema.counters, schema.category_values, schema.links, schema.journal, schema.receipts)
        } | {"changes": [tuple(row) for row in connection.execute(select(schema.changes))]}


class Crash(Exception):
    """Stands for whatever may happen between two statements."""


@contextmanager
def crash_at(database: Database, statement_number: int) -> Iterator[None]:
    executed = 0

    def count(*_: object) -> None:
        nonlocal executed
        executed += 1
        if executed == statement_number:
            raise Crash

    event.listen(database.engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", count)


def test_a_remap_is_all_or_nothing_wherever_it_crashes(store: Store, access: Access) -> None:
    category = operations.create_category(store, access, CategoryWrite(name="Expertise"), now=NOW).id
    old, new = add(store, access, category, "Data Sciences"), add(store, access, category, "IT")
    link(store, access, category, old, range(1, 31))
    link(store, access, category, new, range(21, 41))
    before = everything(store)

    crashes = 0
    while True:
        try:
            with crash_at(store.database, crashes + 1):
                remap(store, access, category, old, new)
            break
        except Crash:
            crashes += 1
            assert everything(store) == before

    after = everything(store)
    assert crashes >= 8
    assert [(row[2], row[4]) for row in after["links"]] == [(number, new) for number in range(1, 41)]
    assert len(after["receipts"]) == 30
    assert [tuple(row[1:7]) for row in after["journal"]] == [(1, category, old, "remap", new, 30)]


def test_the_journal_has_no_gaps_for_a_reader_who_follows_many_writers(store: Store, access: Access) -> None:
    category = operations.create_category(store, access, CategoryWrite(name="Expertise"), now=NOW).id
    values = [add(store, access, category, str(number)) for number in range(60)]
    written = Event()
    seen: list[int] = []

    def follow() -> None:
        while True:
            last_round = written.is_set()
            with store.read(access.tenant_id) as unit:
                page = unit.journal.after(seen[-1] if seen else 0, limit=7)
            seen.extend(entry.seq for entry in page.results)
            if last_round and not page.results:
                return

    def inactivate(value: int) -> None:
        operations.write_value(store, access, category, CategoryValueWrite(id=value, available=False), now=NOW)

    with ThreadPoolExecutor(9) as pool:
        reader = pool.submit(follow)
        list(pool.map(inactivate, values))
        written.set()
        reader.result()

    assert seen == list(range(1, 61))


def test_a_swap_over_a_third_value_leaves_every_object_where_it_was_sent(store: Store, access: Access) -> None:
    category = operations.create_category(store, access, CategoryWrite(name="Expertise"), now=NOW).id
    a, b, c = (add(store, access, category, name) for name in "ABC")
    link(store, access, category, a, range(1, 4))
    link(store, access, category, b, range(4, 7))

    remap(store, access, category, a, c)
    operations.write_value(store, access, category, CategoryValueWrite(id=a, available=True), now=NOW)
    remap(store, access, category, b, a)
    operations.write_value(store, access, category, CategoryValueWrite(id=b, available=True), now=NOW)
    remap(store, access, category, c, b)

    assert [(row[2], row[4]) for row in everything(store)["links"]] == [(n, b) for n in (1, 2, 3)] + [
        (n, a) for n in (4, 5, 6)
    ]


def test_an_inactivation_without_remap_takes_the_references_away(store: Store, access: Access) -> None:
    category = operations.create_category(store, access, CategoryWrite(name="Expertise"), now=NOW).id
    a, b = add(store, access, category, "A"), add(store, access, category, "B")
    link(store, access, category, a, range(1, 4))
    link(store, access, category, b, range(3, 5))

    operations.write_value(store, access, category, CategoryValueWrite(id=a, available=False), now=NOW)

    after = everything(store)
    assert [(row[2], row[4]) for row in after["links"]] == [(3, b), (4, b)]
    with store.read(access.tenant_id) as unit:
        assert unit.journal.after(0, limit=5).results[0].moved == 3


def test_removing_a_tenant_leaves_nothing_of_it(store: Store, access: Access, database_url: str) -> None:
    category = operations.create_category(store, access, CategoryWrite(name="Expertise"), now=NOW).id
    a, b = add(store, access, category, "A"), add(store, access, category, "B")
    link(store, access, category, a, range(1, 4))
    remap(store, access, category, a, b)
    registry = open_registry(database_url)

    registry.remove_tenant("acme")
    registry.close()

    with store.database.read() as connection:
        for table in schema.metadata.sorted_tables:
            assert connection.execute(select(table)).all() == [], table.name
