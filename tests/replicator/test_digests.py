"""A replica is compared with the ATS by digests, and repaired where it differs."""

import pytest

from tests.replicator.objects import CATEGORY, App
from tests.replicator.replicas import ats_tree, catch_up, tree
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
