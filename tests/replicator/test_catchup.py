"""A replica comes to the ATS's state, and objects to where the journal puts them, whatever happens on the way."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlite_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from catrelay.journal import Place
from catrelay.models import JournalEntry
from catrelay.problems import NotFound, ServiceUnreachable, Unavailable
from replicator import Transfer
from tests.replicator.objects import CATEGORY, App, ObjectOracle, Pin, app_database, quotes
from tests.replicator.replicas import ats_tree, catch_up, ping, ping_of, replicator_of, tree
from tests.replicator.standin import ORGS, StandIn
from tests.strategies import journals

KINDS: dict[str, dict[str, Any]] = {
    "one journal": {},
    "plain": {"plain": True},
    "all": {"digests": True, "versions": True, "branches": True},
}
"""An ATS with one journal for all, one that speaks the plain contract only, and one that can do all there is."""

everywhere = pytest.mark.parametrize("ats", KINDS.values(), indirect=True, ids=KINDS)


def test_install_loads_categories_trees_and_orgs_and_starts_from_the_journals_end(ats: StandIn, app: App) -> None:
    ats.add(90, category=ORGS, name="Eastern region")
    ats.remap(1, 2)

    catch_up(ats, app)

    assert tree(app) == ats_tree(ats) == {2: "Value 2", 3: "Value 3", 4: "Value 4", 5: "Value 5"}
    assert tree(app, ORGS) == {90: "Eastern region"}
    with app.store.read() as unit:
        assert unit.cursors() == {0: 1}
        assert [category.id for category in unit.categories()] == [CATEGORY]


@everywhere
def test_objects_that_were_there_before_the_install_are_moved_from_values_that_are_gone(ats: StandIn, app: App) -> None:
    moved, lost = app.add_quote(1), app.add_quote(4)
    ats.remap(1, 2)
    ats.remap(2, 3)
    ats.inactivate(4)

    catch_up(ats, app)

    assert app.quotes() == {moved: 3, lost: None}


@everywhere
def test_what_was_missed_while_the_app_was_off_is_made_up_for_at_start(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    quote, article = app.add_quote(1), app.add_article({1, 3})
    ats.remap(1, 2)
    ats.remap(2, 3)
    ats.change(4, name="Four")
    ats.add(6, parent=4)

    catch_up(ats, app)

    assert app.quotes() == {quote: 3}
    assert app.articles() == {article: {3}}
    assert tree(app) == ats_tree(ats)


@everywhere
def test_a_long_journal_is_read_page_by_page(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    quote = app.add_quote(1)
    ats.page_entries = 1
    ats.remap(1, 2)
    ats.remap(2, 3)
    ats.remap(3, 4)

    catch_up(ats, app)

    assert app.quotes() == {quote: 4}


@everywhere
def test_an_undo_takes_exactly_the_moved_objects_back(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    moved, native, repinned = app.add_quote(1), app.add_quote(2), app.add_quote(1)
    seq = ats.remap(1, 2)
    catch_up(ats, app)
    app.pin_quote(repinned, 3)
    ats.undo(seq)

    catch_up(ats, app)

    assert app.quotes() == {moved: 1, native: 2, repinned: 3}
    assert tree(app) == ats_tree(ats)


@everywhere
def test_a_restored_value_is_back_in_the_tree_where_the_ats_has_it(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    ats.inactivate(1)
    catch_up(ats, app)
    ats.restore(1)
    ats.change(1, parent=3)

    asyncio.run(replicator_of(ats, app).look_up(CATEGORY, 2))

    with app.store.read() as unit:
        value = unit.value(CATEGORY, 1)
    assert value is not None
    assert (value.available, value.parent) == (True, 3)


@everywhere
def test_the_history_of_a_compacted_journal_is_made_up_for_by_the_values_themselves(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    moved, lost, stays = app.add_quote(1), app.add_quote(4), app.add_quote(5)
    ats.remap(1, 2)
    ats.remap(2, 3)
    ats.inactivate(4)
    ats.compact()

    catch_up(ats, app)

    assert app.quotes() == {moved: 3, lost: None, stays: 5}
    assert tree(app) == ats_tree(ats)


@everywhere
def test_objects_that_keep_their_value_stay_where_their_chain_ended(ats: StandIn, app: App) -> None:
    bindings = [quotes("keep")]
    catch_up(ats, app, bindings)
    quote, stays = app.add_quote(1), app.add_quote(3)
    ats.remap(1, 2)
    ats.inactivate(2)
    ats.inactivate(3)
    ats.compact()

    catch_up(ats, app, bindings)

    assert app.quotes() == {quote: 2, stays: 3}


@everywhere
def test_a_value_that_stands_below_another_keeps_its_place(ats: StandIn, app: App) -> None:
    ats.change(2, parent=1)
    ats.change(3, parent=2, sequence=1)

    catch_up(ats, app)

    with app.store.read() as unit:
        parents = {value.id: value.parent for value in unit.available_values(CATEGORY)}
    assert parents == {1: None, 2: 1, 3: 2, 4: None, 5: None}


def test_a_page_that_another_process_applied_is_not_applied_again(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    quote = app.add_quote(1)
    ats.remap(1, 2)
    applied: list[str] = []

    def be_faster(path: str) -> None:
        if path == "/categories/remapped" and not applied:
            applied.append(path)
            with app.store.write() as unit:
                unit.set_cursor(0, 1)
            app.pin_quote(quote, 1)

    ats.meanwhile = be_faster
    catch_up(ats, app)

    assert app.quotes() == {quote: 1}


@everywhere
def test_a_value_that_cannot_be_fetched_is_asked_for_again_later(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    ats.change(1, name="One")

    def fail(path: str) -> None:
        if path.endswith("/byID/1"):
            raise Unavailable("The stand-in is away")

    ats.meanwhile = fail
    replicator = replicator_of(ats, app)
    with pytest.raises(Unavailable):
        asyncio.run(ping(replicator, 1))
    assert tree(app)[1] == "Value 1"

    ats.meanwhile = lambda path: None
    asyncio.run(replicator_of(ats, app).catch_up())
    assert tree(app)[1] == "One"


def test_an_ats_that_stops_saying_what_it_can_do_is_not_taken_for_a_plain_one(ats: StandIn, app: App) -> None:
    replicator = replicator_of(ats, app)
    asyncio.run(replicator.catch_up())

    def hide(path: str) -> None:
        if path == "":
            raise NotFound("The proxy knows nothing")

    ats.meanwhile = hide

    with pytest.raises(ServiceUnreachable):
        asyncio.run(replicator.catch_up())
    assert replicator.status().cursor == 0


def test_a_resynchronisation_that_changes_nothing_saves_its_cursor(ats: StandIn, app: App) -> None:
    catch_up(ats, app, [])
    ats.restore(1)
    ats.compact()
    catch_up(ats, app, [])
    ats.requests.clear()

    catch_up(ats, app, [])

    assert ats.requests.count("GET /categories/byID/17/values") == 1
    with app.store.read() as unit:
        assert unit.cursors() == {0: 1}


@everywhere
def test_what_the_journal_still_tells_during_a_resynchronisation_can_be_undone(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    early, late = app.add_quote(1), app.add_quote(2)
    ats.remap(1, 2)
    ats.compact()
    seqs: list[int] = []

    def remap_meanwhile(path: str) -> None:
        if path == "/categories/byID/17/values" and not seqs:
            seqs.append(ats.remap(2, 3))

    ats.meanwhile = remap_meanwhile
    catch_up(ats, app)
    assert app.quotes() == {early: 3, late: 3}

    ats.undo(seqs[0])
    catch_up(ats, app)
    assert app.quotes() == {early: 2, late: 2}


def test_another_epoch_means_another_history(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    quote = app.add_quote(1)
    ats.remap(1, 2)
    catch_up(ats, app)
    # Restored from a backup of before the remap; then seq 1 is given to another entry, and taken back.
    ats.epoch = "second"
    ats.journal.clear()
    ats.change(1, available=True, remapped_to=None)
    ats.remap(3, 2)
    ats.undo(1)

    catch_up(ats, app)

    assert app.quotes() == {quote: 2}
    assert tree(app) == ats_tree(ats)
    assert replicator_of(ats, app).status().epoch == "second"


def test_a_journal_that_ends_before_the_cursor_is_another_history_too(ats: StandIn, app: App) -> None:
    ats.remap(1, 2)
    catch_up(ats, app)
    ats.journal.clear()

    catch_up(ats, app)

    assert replicator_of(ats, app).status().cursor == 0


def test_a_plain_ats_is_followed_by_the_journals_of_its_categories(ats: StandIn, app: App) -> None:
    ats.plain = True
    ats.add_category(18)
    ats.add(81, category=18)
    ats.add(82, category=18)
    ats.remap(5, 4)
    catch_up(ats, app)
    quote, other = app.add_quote(1), app.add_quote(81, category=18)
    ats.remap(1, 2)
    ats.remap(81, 82, category=18)
    ats.remap(2, 3)

    catch_up(ats, app)

    assert app.quotes() == {quote: 3, other: 82}
    assert tree(app) == ats_tree(ats)
    with app.store.read() as unit:
        assert unit.cursors() == {17: 4, 18: 3}
    assert replicator_of(ats, app).status().cursor is None


def test_on_a_plain_ats_a_pinged_value_alone_tells_where_objects_belong(ats: StandIn, app: App) -> None:
    ats.plain = True
    catch_up(ats, app)
    quote = app.add_quote(1)
    ats.remap(1, 2)
    ats.remap(2, 3)
    ats.journal.clear()

    asyncio.run(replicator_of(ats, app).look_up(CATEGORY, 1))

    assert app.quotes() == {quote: 3}


@everywhere
def test_a_category_that_is_gone_takes_its_values_with_it(ats: StandIn, app: App) -> None:
    ats.add_category(18)
    ats.add(81, category=18)
    catch_up(ats, app)
    quote = app.add_quote(81, category=18)
    ats.inactivate(81, category=18)
    del ats.categories[18], ats.values[18, 81]

    catch_up(ats, app)

    assert app.quotes() == {quote: None}
    with app.store.read() as unit:
        assert [category.id for category in unit.categories()] == [CATEGORY]


def test_a_category_that_is_gone_from_a_plain_ats_takes_its_values_with_it(ats: StandIn, app: App) -> None:
    ats.plain = True
    ats.add_category(18)
    ats.add(81, category=18)
    catch_up(ats, app)
    quote = app.add_quote(81, category=18)
    del ats.categories[18], ats.values[18, 81]
    ats.compact()

    catch_up(ats, app)

    assert app.quotes() == {quote: None}


def test_a_category_that_went_unread_is_made_up_for_though_its_entries_were_dropped(ats: StandIn, app: App) -> None:
    ats.add_category(18)
    ats.add(81, category=18)
    catch_up(ats, app)
    quote = app.add_quote(81, category=18)
    listed: list[str] = []

    def go_while_categories_are_listed(path: str) -> None:
        listed.append(path)
        if path == "/categories":
            ats.inactivate(81, category=18)
            del ats.categories[18], ats.values[18, 81]
        elif "/categories" in listed and path == "/categories/remapped":
            raise Unavailable("The stand-in is away")

    ats.change(1, name="One")
    ats.meanwhile = go_while_categories_are_listed
    with pytest.raises(Unavailable):
        catch_up(ats, app)
    ats.meanwhile = lambda path: None
    ats.compact()

    catch_up(ats, app)

    assert app.quotes() == {quote: None}


@everywhere
def test_a_category_made_since_is_loaded_when_one_of_its_values_is_pinged(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    ats.add_category(18)
    ats.add(81, category=18)
    ats.add(82, category=18)
    replicator = replicator_of(ats, app)

    async def be_pinged() -> None:
        await replicator.receive([ping_of(81, 18), "/categories/byID/18/deltaPings"])
        await replicator.answer_pings()

    asyncio.run(be_pinged())

    assert tree(app, 18) == {81: "Value 81", 82: "Value 82"}


@everywhere
def test_many_pinged_values_are_fetched_as_one_tree(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    for value in range(100, 300):
        ats.add(value)
    ats.requests.clear()

    asyncio.run(ping(replicator_of(ats, app), *range(100, 300)))

    assert tree(app) == ats_tree(ats)
    assert len(ats.requests) < 10


def test_a_pinged_value_is_fetched_after_the_journal_was_read(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    ats.change(1, name="One")
    ats.requests.clear()

    asyncio.run(ping(replicator_of(ats, app), 1))

    journal, value = "GET /categories/remapped", "GET /categories/byID/17/values/byID/1"
    assert ats.requests.index(journal) < ats.requests.index(value)
    assert tree(app)[1] == "One"


def test_cursor_and_transfer_are_one_transaction(ats: StandIn, app: App) -> None:
    def failing(db: sqlite_utils.Database, transfers: Sequence[Transfer]) -> int:
        raise RuntimeError("the app cannot follow")

    catch_up(ats, app, [quotes(), failing])
    quote = app.add_quote(1)
    ats.remap(1, 2)

    with pytest.raises(RuntimeError, match="cannot follow"):
        catch_up(ats, app, [quotes(), failing])
    assert app.quotes() == {quote: 1}
    assert replicator_of(ats, app).status().cursor == 0

    catch_up(ats, app)
    assert app.quotes() == {quote: 2}


def test_a_callable_is_given_transfers_with_receipts_and_after_a_resynchronisation_without(
    ats: StandIn, app: App
) -> None:
    given: list[dict[int, Place]] = []

    def follow(db: sqlite_utils.Database, transfers: Sequence[Transfer]) -> int:
        given.extend(dict(moves.places) for moves in transfers)
        return 7

    catch_up(ats, app, [follow])
    ats.remap(1, 2)
    catch_up(ats, app, [follow])
    assert given == [{1: Place(2, remaps=(1,))}]

    ats.remap(2, 3)
    ats.compact()
    catch_up(ats, app, [follow])
    assert given[1:] == [{2: Place(3)}]
    assert replicator_of(ats, app).status().moved == 14


@everywhere
def test_while_the_ats_is_away_nothing_is_lost(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    quote = app.add_quote(1)
    ats.remap(1, 2)
    ats.is_away = True

    with pytest.raises(Unavailable):
        catch_up(ats, app)
    assert (tree(app)[1], app.quotes()) == ("Value 1", {quote: 1})

    ats.is_away = False
    catch_up(ats, app)
    assert app.quotes() == {quote: 2}


Step = tuple[str, Any]


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Entries of a journal, with pings and re-pinnings and restarts anywhere between them."""
    steps: list[Step] = []
    between = st.lists(
        st.one_of(
            st.tuples(st.just("ping"), st.lists(st.integers(1, 6), max_size=3)),
            st.tuples(st.just("repin"), st.tuples(st.integers(0, 4), st.integers(1, 5))),
            st.tuples(st.just("start"), st.none()),
            st.tuples(st.just("page"), st.integers(1, 3)),
        ),
        max_size=2,
    )
    for entry in draw(journals(range(1, 6), max_size=10)):
        steps += draw(between)
        steps.append(("entry", entry))
    return steps + draw(between)


@settings(max_examples=50)
@given(histories(), st.booleans(), st.sampled_from(list(KINDS.values())))
def test_a_replica_converges_however_pings_are_lost_doubled_or_reordered(
    history: list[Step], restarts: bool, kind: dict[str, Any]
) -> None:
    with TemporaryDirectory() as folder, app_database(Path(folder)) as database:
        asyncio.run(play(history, App(database), StandIn(**kind), restarts=restarts))


async def play(history: list[Step], app: App, ats: StandIn, *, restarts: bool) -> None:
    """The oracle reads an entry when the replica could have, at the latest; both are asked only at the end."""
    replicator = replicator_of(ats, app)
    await replicator.catch_up()
    oracles = {app.add_quote(value): ObjectOracle([Pin(value)]) for value in range(1, 6)}
    unread: list[JournalEntry] = []

    def read() -> None:
        for oracle in oracles.values():
            for entry in unread:
                oracle.read(entry)
        unread.clear()

    for kind, what in history:
        if kind == "entry":
            ats.follow(what)
            unread.append(what)
        elif kind == "page":
            ats.page_entries = what
        elif kind == "repin":
            quote, value = sorted(oracles)[what[0]], what[1]
            if ats.plain and not ats.values[CATEGORY, value].available:
                continue  # there the value's own state says where its objects belong
            app.pin_quote(quote, value)
            oracles[quote].repin({value})
        elif kind == "ping":
            await ping(replicator, *what)
            if what:
                read()
        else:
            if restarts:
                replicator = replicator_of(ats, app)
            await replicator.catch_up()
            read()

    await replicator.catch_up()
    read()
    assert app.quotes() == {quote: min(oracle.values, default=None) for quote, oracle in oracles.items()}
    assert tree(app) == ats_tree(ats)
    with app.store.read() as unit:
        for (category, id_), value in ats.values.items():
            known = unit.value(category, id_)
            assert known is not None
            assert (known.available, known.remapped_to) == (value.available, value.remapped_to)
