"""Objects of real tables end where reading the journal entry by entry puts them."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catrelay.models import JournalEntry, Operation
from replicator import ColumnBinding, LinkBinding, Policy
from replicator.moving import Mover
from tests.replicator.objects import CATEGORY, App, ObjectOracle, Pin, app_database, articles, quotes
from tests.strategies import journals

POLICIES: list[Policy] = ["unhook", "delete", "keep"]
VALUES = range(1, 6)


def apply(app: App, binding: ColumnBinding | LinkBinding, entries: list[JournalEntry]) -> int:
    with app.store.write() as unit:
        before = unit.state().moved
        mover = Mover([binding])
        reading = mover.reading()
        reading.read(entries)
        mover.follow(unit, reading)
        return unit.state().moved - before


@st.composite
def pages(draw: st.DrawFn) -> list[list[JournalEntry]]:
    """Any journal, split anyhow."""
    journal = draw(journals(VALUES, max_size=14))
    cuts = sorted(draw(st.sets(st.integers(1, max(len(journal) - 1, 1)), max_size=5)))
    return [journal[start:end] for start, end in zip([0, *cuts], [*cuts, len(journal)], strict=True)]


repins = st.dictionaries(st.integers(1, 5), st.tuples(st.integers(0, 9), st.sets(st.sampled_from(VALUES))))


@settings(max_examples=60)
@given(pages(), repins, st.sampled_from(POLICIES))
def test_objects_with_one_value_end_where_entry_by_entry_application_puts_them(
    split: list[list[JournalEntry]], repinned: dict[int, tuple[int, set[int]]], policy: Policy
) -> None:
    with TemporaryDirectory() as folder, app_database(Path(folder)) as database:
        app = App(database)
        oracles = {app.add_quote(value): ObjectOracle([Pin(value)], policy) for value in [*VALUES, *VALUES]}

        for number, page in enumerate(split):
            apply(app, quotes(policy), page)
            for oracle in oracles.values():
                for entry in page:
                    oracle.read(entry)
            for quote, (after, values) in repinned.items():
                if after == number and values and not oracles[quote].is_deleted:
                    app.pin_quote(quote, min(values))
                    oracles[quote].repin({min(values)})

        expected = {
            quote: min(oracle.values, default=None) for quote, oracle in oracles.items() if not oracle.is_deleted
        }
        assert app.quotes() == expected


@settings(max_examples=60)
@given(pages(), repins, st.sampled_from(POLICIES), st.lists(st.sets(st.sampled_from(VALUES)), min_size=5, max_size=9))
def test_objects_with_many_values_end_where_entry_by_entry_application_puts_them(
    split: list[list[JournalEntry]],
    repinned: dict[int, tuple[int, set[int]]],
    policy: Policy,
    pinned: list[set[int]],
) -> None:
    with TemporaryDirectory() as folder, app_database(Path(folder)) as database:
        app = App(database)
        oracles = {app.add_article(values): ObjectOracle([Pin(v) for v in values], policy) for values in pinned}

        for number, page in enumerate(split):
            apply(app, articles(policy), page)
            for oracle in oracles.values():
                for entry in page:
                    oracle.read(entry)
            for article, (after, values) in repinned.items():
                oracle = oracles[article]
                if after == number and not oracle.is_deleted:
                    # What was taken off and put on again looks as if nothing had happened: only take off here.
                    kept = oracle.values & values
                    app.pin_article(article, kept)
                    oracle.repin(kept)

        assert app.articles() == {a: oracle.values for a, oracle in oracles.items() if not oracle.is_deleted}


def entry(seq: int, operation: Operation, id_: int, other: int | None = None) -> JournalEntry:
    return JournalEntry(
        seq=seq,
        category=CATEGORY,
        id=id_,
        operation=operation,
        remapped_to=other if operation == "remap" else None,
        undoes=other if operation == "undo" else None,
        at=datetime(2026, 11, 22, 9, tzinfo=UTC),
    )


def remap(seq: int, id_: int, to: int) -> JournalEntry:
    return entry(seq, "remap", id_, to)


def test_a_swap_is_one_assignment(app: App) -> None:
    at_1, at_2 = app.add_quote(1), app.add_quote(2)

    # Values that swap: 1 to 3, 2 to 1, 3 to 2, each restored before it is a target.
    apply(
        app,
        quotes(),
        [remap(1, 1, 3), entry(2, "restore", 1), remap(3, 2, 1), entry(4, "restore", 2), remap(5, 3, 2)],
    )

    assert app.quotes() == {at_1: 2, at_2: 1}


def test_a_chain_ends_at_its_end_for_objects_from_every_link(app: App) -> None:
    quoted = [app.add_quote(value) for value in (1, 2, 3)]

    moved = apply(app, quotes(), [remap(1, 1, 2), remap(2, 2, 3)])

    assert app.quotes() == dict.fromkeys(quoted, 3)
    assert moved == 2


def test_an_object_that_already_has_the_target_keeps_it_once_and_gets_both_back(app: App) -> None:
    both, only_target = app.add_article({1, 2}), app.add_article({2})

    apply(app, articles(), [remap(1, 1, 2)])
    assert app.articles() == {both: {2}, only_target: {2}}

    apply(app, articles(), [entry(2, "undo", 1, 1)])
    assert app.articles() == {both: {1, 2}, only_target: {2}}


def test_an_undo_leaves_alone_what_the_app_pinned_elsewhere_since(app: App) -> None:
    stayed, repinned = app.add_quote(1), app.add_quote(1)
    apply(app, quotes(), [remap(1, 1, 2)])
    app.pin_quote(repinned, 3)

    apply(app, quotes(), [entry(2, "undo", 1, 1)])

    assert app.quotes() == {stayed: 1, repinned: 3}


def test_an_undo_leaves_alone_what_is_at_the_target_when_all_that_it_moved_is_elsewhere(app: App) -> None:
    moved, native = app.add_quote(1), app.add_quote(2)
    elsewhere = app.add_quote(4)
    apply(app, quotes(), [remap(1, 1, 2)])
    app.pin_quote(moved, 3)

    apply(app, quotes(), [entry(2, "undo", 1, 1), remap(3, 4, 5)])

    assert app.quotes() == {moved: 3, native: 2, elsewhere: 5}


def test_an_undo_leaves_alone_what_was_at_the_target_before(app: App) -> None:
    moved, native = app.add_quote(1), app.add_quote(2)
    apply(app, quotes(), [remap(1, 1, 2)])

    apply(app, quotes(), [entry(2, "undo", 1, 1)])

    assert app.quotes() == {moved: 1, native: 2}


def test_what_was_restored_without_undo_brings_no_object_back(app: App) -> None:
    quote = app.add_quote(1)

    apply(app, quotes(), [remap(1, 1, 2), entry(2, "restore", 1)])

    assert app.quotes() == {quote: 2}


@pytest.mark.parametrize(
    ("policy", "expected"), [("unhook", {1: None, 2: 2}), ("delete", {2: 2}), ("keep", {1: 1, 2: 2})]
)
def test_an_inactivation_without_remap_follows_the_policy(
    app: App, policy: Policy, expected: dict[int, int | None]
) -> None:
    app.add_quote(1)
    app.add_quote(2)

    apply(app, quotes(policy), [entry(1, "inactivate", 1)])

    assert app.quotes() == expected


def test_an_article_that_loses_a_value_keeps_its_others_unless_it_is_deleted(app: App) -> None:
    article = app.add_article({1, 2})

    apply(app, articles("unhook"), [entry(1, "inactivate", 1)])
    assert app.articles() == {article: {2}}

    apply(app, articles("delete"), [entry(2, "inactivate", 2)])
    assert app.articles() == {}


def test_other_tenants_and_other_categories_stay_as_they_are(app: App) -> None:
    other_tenant = App(app.database, tenant=2)
    theirs, elsewhere = other_tenant.add_quote(1), app.add_quote(1, category=18)

    apply(app, quotes(), [remap(1, 1, 2)])

    assert other_tenant.quotes() == {theirs: 1}
    assert app.quotes() == {elsewhere: 1}


def test_a_binding_of_one_category_leaves_the_others_to_others() -> None:
    binding = ColumnBinding(kind="jobs", table="jobs", key="id", column="stage", category=17)

    assert binding.covers(17)
    assert not binding.covers(18)


def test_a_binding_needs_a_category_or_a_column_that_says_it() -> None:
    with pytest.raises(ValueError, match="either a category or a category_column"):
        ColumnBinding(kind="jobs", table="jobs", key="id", column="stage")


def test_names_of_tables_and_columns_may_be_any(tmp_path: Path) -> None:
    with app_database(tmp_path) as database:
        app = App(database)
        with database.write() as db:
            db.execute('CREATE TABLE "order ""x""" ("group" TEXT PRIMARY KEY, "select" INTEGER)')
            db.execute('INSERT INTO "order ""x""" VALUES (\'a\', 1)')
        binding = ColumnBinding(
            kind="orders", table='order "x"', key="group", column="select", category=17, tenant_column=None
        )

        apply(app, binding, [remap(1, 1, 2)])

        with database.read() as db:
            assert db.execute('SELECT "group", "select" FROM "order ""x"""').fetchall() == [("a", 2)]
