"""Objects of real tables end where reading the journal entry by entry puts them."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catrelay.models import JournalEntry, Operation
from replicator import ColumnBinding, LinkBinding, Policy
from replicator.domain.transfers import transfers
from tests.replicator.objects import CATEGORY, App, ObjectOracle, Pin, app_database, articles, quotes
from tests.strategies import journals

POLICIES: list[Policy] = ["unhook", "delete", "keep"]
VALUES = range(1, 6)


def apply(app: App, binding: ColumnBinding | LinkBinding, entries: list[JournalEntry]) -> int:
    with app.store.write() as unit:
        return sum(unit.transfer(binding, moves) for moves in transfers(entries, binding.on_inactivation))


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


@pytest.fixture
def app(tmp_path: Path) -> object:
    with app_database(tmp_path) as database:
        yield App(database)
