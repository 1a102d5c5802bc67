"""Replica and objects in any database that an app may have: the same tables, the same end."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from catrelay.embedded import EmbeddedDatabase
from catrelay.models import JournalEntry
from catrelay.tokens import SchemaMismatch
from replicator import Binding, ColumnBinding, Inactivation, JsonBinding, LinkBinding, ReplicaStore, migrations
from replicator.bindings import OnInactivation, policy_of
from replicator.moving import Mover
from replicator.sql import engine_of
from tests.replicator.objects import CATEGORY, ObjectOracle, Pin
from tests.replicator.test_transfer import entry, remap
from tests.strategies import journals

VALUES = range(1, 6)
KINDS = ["embedded", "sqlite", "postgresql", "mariadb"]
COLUMN_TYPES = {"sqlite": "TEXT", "postgresql": "JSONB", "mysql": "JSON"}


class SqlApp:
    """An app with objects in a column (by number), in a link table (by name) and in arrays (by number)."""

    def __init__(self, url: str, *, is_embedded: bool) -> None:
        self.engine = engine_of(url)
        self.embedded = EmbeddedDatabase(url) if is_embedded else None
        self.store = ReplicaStore(self.embedded or self.engine, "acme")
        self.store.migrate()
        self.run("CREATE TABLE quotes (id INTEGER PRIMARY KEY, text VARCHAR(50), value BIGINT)")
        self.run("CREATE INDEX quotes_by_value ON quotes (value)")
        self.run("CREATE TABLE articles (slug VARCHAR(50) PRIMARY KEY, title VARCHAR(50))")
        self.run(
            "CREATE TABLE article_values (article VARCHAR(50) NOT NULL, value BIGINT, PRIMARY KEY (article, value))"
        )
        type_ = COLUMN_TYPES.get(self.engine.dialect.name, "JSON")
        self.run(f"CREATE TABLE posts (id BIGINT PRIMARY KEY, tags {type_})")
        self._last = 0

    def bindings(self, policy: OnInactivation = "unhook") -> tuple[Binding, Binding, Binding]:
        return (
            ColumnBinding("quotes", "quotes", "id", "value", category=CATEGORY, on_inactivation=policy),
            LinkBinding(
                "articles",
                "article_values",
                "article",
                "value",
                objects="articles",
                key="slug",
                category=CATEGORY,
                label_column="title",
                on_inactivation=policy,
            ),
            JsonBinding("posts", "posts", "id", "tags", category=CATEGORY, on_inactivation=policy),
        )

    def run(self, statement: str, **parameters: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), parameters)

    def rows(self, statement: str) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(statement)))

    def clear(self) -> None:
        for table in ("quotes", "article_values", "articles", "posts"):
            self.run(f"DELETE FROM {table}")
        with self.store.write() as unit:
            unit.forget_receipts()

    def add(self, values: set[int]) -> tuple[int, str, int]:
        """One object of each kind; the quote at the least of *values*."""
        self._last += 1
        number = self._last
        self.run(
            "INSERT INTO quotes VALUES (:id, :text, :value)", id=number, text="Well", value=min(values, default=None)
        )
        self.run("INSERT INTO articles VALUES (:slug, :slug)", slug=f"article {number}")
        array = "CAST(:tags AS JSONB)" if self.engine.dialect.name == "postgresql" else ":tags"
        self.run(f"INSERT INTO posts VALUES (:id, {array})", id=number, tags=json.dumps(sorted(values)))
        self.pin(number, values, is_new=True)
        return number, f"article {number}", number

    def pin(self, number: int, values: set[int], *, is_new: bool = False) -> None:
        """Leave an article with *values* alone, as an app does that changes what differs; or give it its first."""
        kept = ", ".join(map(str, [0, *values]))
        name = f"article {number}"
        self.run(f"DELETE FROM article_values WHERE article = :name AND value NOT IN ({kept})", name=name)
        for value in values if is_new else ():
            self.run("INSERT INTO article_values VALUES (:name, :value)", name=name, value=value)

    def follow(self, entries: list[JournalEntry], *bindings: Binding) -> int:
        with self.store.write() as unit:
            before = unit.state().moved
            mover = Mover(bindings or self.bindings())
            reading = mover.reading()
            reading.read(entries)
            mover.follow(unit, reading)
            return unit.state().moved - before

    def quotes(self) -> dict[int, int | None]:
        return dict(self.rows("SELECT id, value FROM quotes"))

    def articles(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {slug: set() for (slug,) in self.rows("SELECT slug FROM articles")}
        for slug, value in self.rows("SELECT article, value FROM article_values"):
            found[slug].add(value)
        return found

    def posts(self) -> dict[int, list[int]]:
        rows = self.rows("SELECT id, tags FROM posts")
        return {id_: json.loads(tags) if isinstance(tags, str) else tags for id_, tags in rows}

    def close(self) -> None:
        self.engine.dispose()
        if self.embedded is not None:
            self.embedded.close()


@contextmanager
def sql_app(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[SqlApp]:
    fixtures = {"postgresql": "postgres_database", "mariadb": "mariadb_url"}
    url = request.getfixturevalue(fixtures[kind]) if kind in fixtures else f"sqlite:///{folder / 'app.db'}"
    app = SqlApp(url, is_embedded=kind == "embedded")
    try:
        yield app
    finally:
        app.close()


@pytest.fixture(params=KINDS)
def sql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlApp]:
    with sql_app(request.param, request, tmp_path) as app:
        yield app


@settings(
    max_examples=15, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    journals(VALUES, max_size=14),
    st.sampled_from(["unhook", "delete", "keep"]),
    st.lists(st.sets(st.sampled_from(VALUES), min_size=1), min_size=3, max_size=6),
    st.integers(),
)
def test_objects_end_where_entry_by_entry_application_puts_them(
    sql: SqlApp, journal: list[JournalEntry], policy: Any, pinned: list[set[int]], seed: int
) -> None:
    sql.clear()
    random = Random(seed)
    quotes, articles, posts = {}, {}, {}
    for values in pinned:
        quote, article, post = sql.add(values)
        quotes[quote] = ObjectOracle([Pin(min(values))], policy)
        articles[article] = ObjectOracle([Pin(value) for value in sorted(values)], policy)
        posts[post] = ObjectOracle([Pin(value) for value in sorted(values)], policy)

    cut = random.randint(0, len(journal))
    for page in (journal[:cut], journal[cut:]):
        sql.follow(page, *sql.bindings(policy))
        for oracle in (*quotes.values(), *articles.values(), *posts.values()):
            for each in page:
                oracle.read(each)
        name = random.choice(sorted(articles))
        if not articles[name].is_deleted:
            kept = {value for value in articles[name].values if random.random() < 0.5}
            sql.pin(int(name.removeprefix("article ")), kept)
            articles[name].repin(kept)

    assert sql.quotes() == {key: min(o.values, default=None) for key, o in quotes.items() if not o.is_deleted}
    assert sql.articles() == {key: o.values for key, o in articles.items() if not o.is_deleted}
    arrays = sql.posts()
    assert {key: set(array) for key, array in arrays.items()} == {
        key: o.values for key, o in posts.items() if not o.is_deleted
    }
    assert all(len(set(array)) == len(array) for array in arrays.values())


def test_what_was_moved_comes_back_and_what_was_at_the_target_stays(sql: SqlApp) -> None:
    number, name, _ = sql.add({1, 2})
    native, other, _ = sql.add({2})

    moved = sql.follow([remap(5, 1, 2)])
    assert moved == 3
    assert (sql.quotes(), sql.articles()) == ({number: 2, native: 2}, {name: {2}, other: {2}})
    assert sql.posts() == {number: [2], native: [2]}

    sql.follow([entry(6, "undo", 1, 5)])
    assert (sql.quotes(), sql.articles()) == ({number: 1, native: 2}, {name: {1, 2}, other: {2}})
    assert {key: set(array) for key, array in sql.posts().items()} == {number: {1, 2}, native: {2}}


def test_receipts_of_entries_that_cannot_be_undone_are_forgotten(sql: SqlApp) -> None:
    sql.add({1, 2})
    sql.add({3})
    sql.follow([remap(5, 1, 2)])
    sql.follow([remap(6, 3, 2)])

    with sql.store.write() as unit:
        unit.forget_receipts_before(6)
    sql.follow([entry(7, "undo", 3, 6)])

    assert (sql.quotes(), sql.articles()) == ({1: 2, 2: 3}, {"article 1": {2}, "article 2": {3}})
    with sql.store.write() as unit:
        unit.forget_receipts_before(7)
        assert unit.connection.rows("SELECT * FROM replica_receipts") == []
        assert unit.connection.rows("SELECT * FROM replica_kinds") == []


def test_what_fails_is_taken_back_whole(sql: SqlApp) -> None:
    number, name, _ = sql.add({1})

    def failing(db: Any, transfers: object) -> int:
        raise RuntimeError("the app cannot follow")

    with pytest.raises(RuntimeError, match="cannot follow"):
        sql.follow([remap(5, 1, 2)], *sql.bindings(), failing)

    assert (sql.quotes(), sql.articles(), sql.posts()) == ({number: 1}, {name: {1}}, {number: [1]})


def test_an_app_may_decide_itself_what_becomes_of_objects_that_lose_their_value(sql: SqlApp) -> None:
    told: list[Inactivation] = []

    def archive(db: Any, lost: Inactivation) -> None:
        told.append(lost)

    first, _, _ = sql.add({1})
    second, _, _ = sql.add({2})
    binding = sql.bindings(archive)[0]

    sql.follow([remap(5, 1, 2), entry(6, "inactivate", 2), entry(7, "restore", 2), remap(8, 2, 3)], binding)

    keys = [key for lost in told for key in lost.objects]
    assert {(lost.kind, lost.category, lost.value) for lost in told} == {("quotes", CATEGORY, 2)}
    assert sorted(map(int, keys)) == [first, second]
    assert sql.quotes() == {first: 3, second: 3}
    assert policy_of(binding) is None  # type: ignore[arg-type]  # all of the app's bindings are of tables


def test_what_is_held_on_a_value_is_counted_and_named(sql: SqlApp) -> None:
    sql.add({1})
    sql.add({1, 2})
    binding = sql.bindings()[1]

    with sql.store.read() as unit:
        counted = unit.pinned_objects(binding, CATEGORY, 1)  # type: ignore[arg-type]  # it is of a table
        labels = unit.labels(binding, CATEGORY, 1, limit=1)  # type: ignore[arg-type]

    assert (counted, labels) == (2, ["article 1"])


def test_the_state_of_a_replica_is_kept(sql: SqlApp) -> None:
    with sql.store.write() as unit:
        unit.note_history("an epoch", 2)
        unit.set_cursor(0, 5)
        unit.set_cursor(0, 6)
        unit.save_values(CATEGORY, [{"id": 1, "available": True, "name": "Zürich"}])
        unit.save_values(CATEGORY, [{"id": 1, "available": True, "name": "Züri 🏔"}])
        unit.save_versions({CATEGORY: "7"})
    ReplicaStore(sql.embedded or sql.engine, "acme").migrate()

    with ReplicaStore(sql.embedded or sql.engine, "acme").read() as unit:
        assert (unit.state().epoch, unit.cursors(), unit.versions()) == ("an epoch", {0: 6}, {CATEGORY: "7"})
        assert unit.documents(CATEGORY) == {1: {"id": 1, "available": True, "name": "Züri 🏔"}}
    with ReplicaStore(sql.embedded or sql.engine, "other").read() as unit:
        assert (unit.cursors(), unit.documents(CATEGORY)) == ({}, {})


def test_tables_of_a_newer_version_are_left_alone(sql: SqlApp) -> None:
    if sql.embedded is not None:
        sql.run("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('replicator', 'm999', 'now')")
        with pytest.raises(SchemaMismatch, match="newer version"):
            sql.embedded.check_schema(migrations)
        return
    sql.run("INSERT INTO replica_schema VALUES (999)")

    with pytest.raises(SchemaMismatch, match="newer version"):
        sql.store.migrate()


def _sets() -> list[Any]:
    from replicator import migrations

    return [migrations]
