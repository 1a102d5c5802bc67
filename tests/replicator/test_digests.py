"""A replica is compared with the ATS by digests, and repaired where it differs."""

import asyncio

import pytest

from tests.replicator.objects import CATEGORY, App
from tests.replicator.replicas import ats_tree, catch_up, replicator_of, tree
from tests.replicator.standin import ORGS, StandIn


@pytest.fixture
def ats() -> StandIn:
    ats = StandIn(digests=True)
    ats.add_category(18)
    ats.add(80, category=18)
    ats.add(90, category=ORGS)
    return ats


def trees_fetched(ats: StandIn) -> list[str]:
    """The paths of the trees that were asked for since this was called last."""
    found = [each.removeprefix("GET ") for each in ats.requests if each.endswith("/values")]
    ats.requests.clear()
    return sorted(found)


def test_no_tree_is_fetched_while_its_digest_is_the_same(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    trees_fetched(ats)

    catch_up(ats, app)

    assert trees_fetched(ats) == []
    assert tree(app) == ats_tree(ats)


def test_only_what_changed_is_fetched(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    trees_fetched(ats)
    ats.change(80, category=18, name="Eighty")

    catch_up(ats, app)

    assert trees_fetched(ats) == ["/categories/byID/18/values"]
    assert tree(app, 18) == {80: "Eighty"}


def test_a_replica_that_drifted_is_repaired(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    trees_fetched(ats)
    with app.store.write() as unit:
        unit.remove_values(CATEGORY, [3])
        unit.connection.run("UPDATE replica_values SET document = replace(document, 'Value 90', 'Drifted')")

    catch_up(ats, app)

    assert trees_fetched(ats) == [f"/categories/byID/{CATEGORY}/values", "/orgs/values"]
    assert (tree(app), tree(app, ORGS)) == (ats_tree(ats), ats_tree(ats, ORGS))


def test_objects_follow_also_when_the_journal_moves_on_between_journal_and_digest(ats: StandIn, app: App) -> None:
    quote = app.add_quote(1)
    catch_up(ats, app)

    def meanwhile(path: str) -> None:
        if path.endswith("/digest"):
            ats.meanwhile = lambda path: None
            seq = ats.remap(1, 2)
            ats.undo(seq)  # the tree is the same again
            ats.remap(3, 2)
            ats.add(3)

    ats.meanwhile = meanwhile
    catch_up(ats, app)

    assert app.quotes() == {quote: 1}
    with app.store.read() as unit:
        assert unit.cursors() == {0: 3}


def test_what_became_of_a_value_is_known_though_no_tree_is_fetched(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    ats.remap(1, 2)
    ats.restore(1)
    ats.add(7)
    ats.inactivate(7)

    catch_up(ats, app)

    with app.store.read() as unit:
        seven = unit.value(CATEGORY, 7)
    assert seven is not None
    assert not seven.available
    assert tree(app) == ats_tree(ats)


def test_a_category_that_goes_is_dropped(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    del ats.categories[18], ats.values[18, 80]

    catch_up(ats, app)

    with app.store.read() as unit:
        assert [category.id for category in unit.categories()] == [CATEGORY]
    assert tree(app, 18) == {}


@pytest.fixture
def fast() -> StandIn:
    return StandIn(digests=True, versions=True, branches=True)


def test_a_start_with_nothing_new_takes_three_requests(fast: StandIn, app: App) -> None:
    for category in range(100, 150):
        fast.add_category(category)
        fast.add(category * 10, category=category)
    catch_up(fast, app)
    fast.requests.clear()

    catch_up(fast, app)

    assert fast.requests == ["GET ", "GET /subscriptions/byID/1", "GET /categories/versions"]


def test_a_replica_that_drifted_is_repaired_when_it_is_verified(fast: StandIn, app: App) -> None:
    catch_up(fast, app)
    with app.store.write() as unit:
        unit.remove_values(CATEGORY, [3])

    asyncio.run(replicator_of(fast, app).catch_up(verify=True))

    assert tree(app) == ats_tree(fast)


def test_of_fifty_categories_only_the_one_that_changed_is_asked_for(fast: StandIn, app: App) -> None:
    for category in range(100, 150):
        fast.add_category(category)
        fast.add(category * 10, category=category)
    catch_up(fast, app)
    fast.requests.clear()
    fast.change(1010, category=101, name="Renamed")

    catch_up(fast, app)

    assert trees_fetched(fast) == ["/categories/byID/101/values"]
    assert tree(app, 101) == {1010: "Renamed"}


def test_only_the_branches_that_differ_are_fetched(fast: StandIn, app: App) -> None:
    fast.change(2, parent=1)
    catch_up(fast, app)
    fast.change(2, name="Two")
    fast.add(6)

    catch_up(fast, app)

    assert fast.branches_given == ["1,6"]
    assert tree(app) == ats_tree(fast)


def test_a_value_that_moved_between_branches_is_where_it_is_now(fast: StandIn, app: App) -> None:
    fast.change(2, parent=1)
    fast.change(4, parent=3)
    catch_up(fast, app)
    fast.change(2, parent=4)

    catch_up(fast, app)

    assert fast.branches_given == ["1,3"]
    assert parents(app) == {1: None, 2: 4, 3: None, 4: 3, 5: None}


def test_a_branch_that_went_below_another_is_one_no_more(fast: StandIn, app: App) -> None:
    fast.change(2, parent=1)
    catch_up(fast, app)
    fast.change(1, parent=3)

    catch_up(fast, app)

    assert fast.branches_given == ["3"]
    assert parents(app) == {1: 3, 2: 1, 3: None, 4: None, 5: None}


def test_a_branch_that_is_gone_leaves_what_became_of_its_values(fast: StandIn, app: App) -> None:
    fast.change(2, parent=1)
    fast.change(3, parent=1)
    catch_up(fast, app)
    quote = app.add_quote(2)
    fast.remap(2, 4)
    fast.change(3, parent=5)
    del fast.values[CATEGORY, 1]  # as no contract allows it, and no entry tells

    catch_up(fast, app)

    assert fast.branches_given == ["5"]
    assert parents(app) == {3: 5, 4: None, 5: None}
    assert app.quotes() == {quote: 4}
    with app.store.read() as unit:
        assert unit.value(CATEGORY, 1) is None
        assert unit.value(CATEGORY, 2) == fast.values[CATEGORY, 2]


def test_a_tree_without_branches_leaves_none(fast: StandIn, app: App) -> None:
    catch_up(fast, app)
    for value in range(1, 6):
        fast.inactivate(value)

    catch_up(fast, app)

    assert tree(app) == {}


def test_a_tree_that_changed_in_many_branches_is_fetched_whole(fast: StandIn, app: App) -> None:
    catch_up(fast, app)
    for value in range(100, 301):
        fast.add(value)

    catch_up(fast, app)

    assert fast.branches_given == []
    assert tree(app) == ats_tree(fast)


def test_a_category_that_goes_while_its_branches_are_asked_for_is_dropped(fast: StandIn, app: App) -> None:
    fast.add_category(18)
    fast.add(80, category=18)
    catch_up(fast, app)
    quote = app.add_quote(80, category=18)
    fast.change(80, category=18, name="Eighty")

    def delete(path: str) -> None:
        if path == "/categories/byID/18/values" and 18 in fast.categories:
            fast.inactivate(80, category=18)
            del fast.categories[18], fast.values[18, 80]

    fast.meanwhile = delete
    catch_up(fast, app)
    fast.meanwhile = lambda path: None
    catch_up(fast, app)

    assert tree(app, 18) == {}
    assert app.quotes() == {quote: None}


@pytest.mark.parametrize("restored", [1, 7])
def test_a_value_whose_state_no_entry_tells_is_asked_for_though_its_category_is_the_same(
    fast: StandIn, app: App, restored: int
) -> None:
    fast.add_category(18)
    fast.add(80, category=18)
    fast.add(7, name="Seven, not yet seen")
    fast.change(7, available=False)
    catch_up(fast, app)
    fast.change(80, category=18, name="Eighty")
    trees_fetched(fast)

    def restore(path: str) -> None:
        if path == "/categories/remapped" and not fast.journal:
            fast.inactivate(restored)
            fast.restore(restored)
            fast.change(restored, name="Restored", parent=2)

    fast.meanwhile = restore
    catch_up(fast, app)

    assert trees_fetched(fast) == ["/categories/byID/18/values"]
    with app.store.read() as unit:
        assert unit.value(CATEGORY, restored) == fast.values[CATEGORY, restored]


def test_versions_of_another_history_say_nothing(fast: StandIn, app: App) -> None:
    catch_up(fast, app)
    quote = app.add_quote(1)
    fast.epoch = "second"
    fast.change(1, available=False, remapped_to=2)

    catch_up(fast, app)

    assert app.quotes() == {quote: 2}
    assert tree(app) == ats_tree(fast)


def parents(app: App) -> dict[int, int | None]:
    with app.store.read() as unit:
        return {value.id: value.parent for value in unit.available_values(CATEGORY)}
