"""Receipts are of what remaps moved and the app left there: what it took away is none of theirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.replicator.objects import App, articles, quotes
from tests.replicator.replicas import catch_up
from tests.replicator.standin import StandIn
from tests.replicator.test_databases import KINDS, SqlApp, sql_app
from tests.replicator.test_transfer import apply, entry, remap


def test_a_receipt_of_an_object_that_the_app_took_away_is_not_revived_when_a_remap_brings_it_back(app: App) -> None:
    quote = app.add_quote(4)
    apply(app, quotes(), [remap(1, 4, 2)])
    app.pin_quote(quote, 1)

    apply(app, quotes(), [remap(2, 1, 2)])
    apply(app, quotes(), [entry(3, "undo", 4, 1)])

    assert app.quotes() == {quote: 2}
    apply(app, quotes(), [entry(4, "undo", 1, 2)])
    assert app.quotes() == {quote: 1}


def test_the_same_of_one_of_several_values(app: App) -> None:
    article = app.add_article({1, 4})
    apply(app, articles(), [remap(1, 4, 2)])
    app.pin_article(article, {1})

    apply(app, articles(), [remap(2, 1, 2)])
    apply(app, articles(), [entry(3, "undo", 4, 1)])

    assert app.articles() == {article: {2}}


def test_a_value_that_the_app_took_away_is_not_there_beside_one_that_came_and_went(app: App) -> None:
    article = app.add_article({1, 2, 3})
    apply(app, articles(), [remap(1, 1, 2)])
    app.pin_article(article, {3})

    apply(app, articles(), [remap(2, 3, 2)])
    apply(app, articles(), [entry(3, "undo", 3, 2)])

    assert app.articles() == {article: {3}}


def test_a_receipt_of_an_object_that_stayed_outlives_others_that_arrive(app: App) -> None:
    stays, comes = app.add_quote(4), app.add_quote(1)
    apply(app, quotes(), [remap(1, 4, 2)])

    apply(app, quotes(), [remap(2, 1, 2), entry(3, "undo", 4, 1)])

    assert app.quotes() == {stays: 4, comes: 2}


@pytest.fixture(params=KINDS)
def sql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlApp]:
    with sql_app(request.param, request, tmp_path) as app:
        yield app


def test_every_database_and_kind_of_binding_forgets_what_the_app_took_away(sql: SqlApp) -> None:
    quote, article, post = sql.add({4})
    sql.follow([remap(1, 4, 2)])
    sql.run("UPDATE quotes SET value = 1")
    sql.run("UPDATE article_values SET value = 1")
    sql.run("UPDATE posts SET tags = '[1]'")

    sql.follow([remap(2, 1, 2)])
    sql.follow([entry(3, "undo", 4, 1)])

    assert (sql.quotes(), sql.articles(), sql.posts()) == ({quote: 2}, {article: {2}}, {post: [2]})


def test_receipts_are_kept_until_what_undid_their_remaps_is_read(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    quote = app.add_quote(1)
    seq = ats.remap(1, 2)
    catch_up(ats, app)
    ats.undo(seq)
    ats.first_seq = seq + 1

    catch_up(ats, app)

    assert app.quotes() == {quote: 1}
