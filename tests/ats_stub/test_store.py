"""Units of work under failure and concurrency, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from sqlalchemy import select

from ats_stub.operations.categories import create_category
from ats_stub.store import Store, WriteUnit, open_registry, schema
from ats_stub.store.journal_pages import JournalPages
from catrelay.models import CategoryValueWrite, CategoryWrite, JournalEntry, JournalPage
from catrelay.tokens import Access
from tests.ats_stub.crashes import Crash, crash_at
from tests.ats_stub.writing import NOW, add, remap, write, written


def new_category(store: Store, access: Access) -> int:
    return written(store, access, lambda unit: create_category(unit, CategoryWrite(name="Expertise"))).id


def link(store: Store, access: Access, category: int, value: int, objects: range) -> None:
    """References of jobs that nobody else knows of."""

    def act(unit: WriteUnit) -> None:
        for each in objects:
            present = unit.links.of("job", [each])[each].references.get(category, set())
            unit.links.replace("job", each, {category: present | {value}})

    written(store, access, act)


def held(store: Store, access: Access, category: int, objects: range) -> list[set[int]]:
    with store.read(access.tenant_id) as unit:
        return [each.references.get(category, set()) for each in unit.links.of("job", objects).values()]


def everything(store: Store) -> dict[str, list[Any]]:
    with store.database.read() as connection:
        return {
            table.name: sorted(connection.execute(select(table)).all())
            for table in (schema.counters, schema.category_values, schema.links, schema.journal, schema.move_dates)
        } | {"changes": [tuple(row) for row in connection.execute(select(schema.changes))]}


def test_a_remap_is_all_or_nothing_wherever_it_crashes(store: Store, access: Access) -> None:
    category = new_category(store, access)
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
    assert held(store, access, category, range(1, 41)) == [{new}] * 40
    assert [JournalEntry.model_validate_json(row.entry) for row in after["journal"]] == [
        JournalEntry(seq=1, category=category, id=old, operation="remap", remapped_to=new, moved=30, at=NOW, by="tests")
    ]


def test_the_journal_has_no_gaps_for_a_reader_who_follows_many_writers(store: Store, access: Access) -> None:
    category = new_category(store, access)
    values = [add(store, access, category, str(number)) for number in range(60)]
    pages, written = JournalPages(store.database), Event()
    seen: list[int] = []

    def follow() -> None:
        while True:
            last_round = written.is_set()
            page = pages.of_tenant(access.tenant_id, after=seen[-1] if seen else 0, limit=7)
            entries = JournalPage.model_validate_json(page).results
            seen.extend(entry.seq for entry in entries)
            if last_round and not entries:
                return

    def inactivate(value: int) -> None:
        write(store, access, category, CategoryValueWrite(id=value, available=False))

    with ThreadPoolExecutor(9) as pool:
        reader = pool.submit(follow)
        list(pool.map(inactivate, values))
        written.set()
        reader.result()

    assert seen == list(range(1, 61))


def test_a_swap_over_a_third_value_leaves_every_object_where_it_was_sent(store: Store, access: Access) -> None:
    category = new_category(store, access)
    a, b, c = (add(store, access, category, name) for name in "ABC")
    link(store, access, category, a, range(1, 4))
    link(store, access, category, b, range(4, 7))

    remap(store, access, category, a, c)
    write(store, access, category, CategoryValueWrite(id=a, available=True))
    remap(store, access, category, b, a)
    write(store, access, category, CategoryValueWrite(id=b, available=True))
    remap(store, access, category, c, b)

    assert held(store, access, category, range(1, 7)) == [{b}] * 3 + [{a}] * 3


def test_an_inactivation_without_remap_takes_the_references_away(store: Store, access: Access) -> None:
    category = new_category(store, access)
    a, b = add(store, access, category, "A"), add(store, access, category, "B")
    link(store, access, category, a, range(1, 4))
    link(store, access, category, b, range(3, 5))

    write(store, access, category, CategoryValueWrite(id=a, available=False))

    assert held(store, access, category, range(1, 5)) == [set(), set(), {b}, {b}]
    page = JournalPages(store.database).of_tenant(access.tenant_id, after=0, limit=5)
    assert JournalPage.model_validate_json(page).results[0].moved == 3


def test_removing_a_tenant_leaves_nothing_of_it(store: Store, access: Access, database_url: str) -> None:
    category = new_category(store, access)
    a, b = add(store, access, category, "A"), add(store, access, category, "B")
    link(store, access, category, a, range(1, 4))
    remap(store, access, category, a, b)
    registry = open_registry(database_url)

    registry.remove_tenant("acme")
    registry.close()

    with store.database.read() as connection:
        for table in schema.metadata.sorted_tables:
            assert connection.execute(select(table)).all() == [], table.name
