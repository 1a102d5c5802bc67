"""An app's tables, and the oracle: what each of its objects shall hold, entry by entry."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlite_utils
from sqlite_utils.migrations import Migrations

from catrelay.embedded import EmbeddedDatabase, registry_migrations
from catrelay.models import JournalEntry
from replicator import ColumnBinding, LinkBinding, Policy, ReplicaStore, migrations

CATEGORY = 17
TENANT = 1
TENANTS = {1: "acme", 2: "other"}

app_migrations = Migrations("tests.app")


@app_migrations()
def m001_app(db: sqlite_utils.Database) -> None:
    db.execute(
        "CREATE TABLE quotes (tenant INTEGER NOT NULL, id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT,"
        " category INTEGER NOT NULL, value INTEGER)"
    )
    db.execute("CREATE TABLE articles (tenant INTEGER NOT NULL, id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT)")
    db.execute(
        "CREATE TABLE article_values (tenant INTEGER NOT NULL, article INTEGER NOT NULL REFERENCES articles (id),"
        " category INTEGER NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (tenant, article, category, value))"
    )


def quotes(policy: Policy = "unhook") -> ColumnBinding:
    return ColumnBinding(
        kind="quotes",
        table="quotes",
        key="id",
        column="value",
        category_column="category",
        tenant_column="tenant",
        label_column="text",
        on_inactivation=policy,
    )


def articles(policy: Policy = "unhook") -> LinkBinding:
    return LinkBinding(
        kind="articles",
        table="article_values",
        object_column="article",
        value_column="value",
        objects="articles",
        category_column="category",
        tenant_column="tenant",
        label_column="title",
        on_inactivation=policy,
    )


@contextmanager
def app_database(folder: Path) -> Iterator[EmbeddedDatabase]:
    """A new database with the replica's tables and the app's, and the tenants 1 (acme) and 2 (other)."""
    database = EmbeddedDatabase(f"sqlite:///{folder / 'app.db'}")
    database.migrate(registry_migrations, migrations, app_migrations)
    with database.write() as db:
        db.execute("INSERT INTO tenants (tenant, name) VALUES (1, 'acme'), (2, 'other')")
    try:
        yield database
    finally:
        database.close()


class App:
    """The app's own way with its objects; it tells the replicator nothing."""

    def __init__(self, database: EmbeddedDatabase, tenant: int = TENANT) -> None:
        self.database = database
        self.tenant = tenant
        self.store = ReplicaStore(database, TENANTS[tenant], tenant)

    def add_quote(self, value: int | None, category: int = CATEGORY) -> int:
        with self.database.write() as db:
            row = [self.tenant, f"quote of {value}", category, value]
            return _new_id(db, "INSERT INTO quotes (tenant, text, category, value) VALUES (?, ?, ?, ?)", row)

    def pin_quote(self, quote: int, value: int | None) -> None:
        with self.database.write() as db:
            db.execute("UPDATE quotes SET value = ? WHERE id = ?", [value, quote])

    def quotes(self) -> dict[int, int | None]:
        with self.database.read() as db:
            return dict(db.execute("SELECT id, value FROM quotes WHERE tenant = ?", [self.tenant]).fetchall())

    def add_article(self, values: set[int], category: int = CATEGORY) -> int:
        with self.database.write() as db:
            article = _new_id(db, "INSERT INTO articles (tenant, title) VALUES (?, 'An article')", [self.tenant])
        self.pin_article(article, values, category)
        return article

    def pin_article(self, article: int, values: set[int], category: int = CATEGORY) -> None:
        """As an app does it that changes what differs."""
        with self.database.write() as db:
            rows = db.execute("SELECT value FROM article_values WHERE article = ?", [article]).fetchall()
            for value in {value for (value,) in rows} - values:
                db.execute("DELETE FROM article_values WHERE article = ? AND value = ?", [article, value])
            for value in values - {value for (value,) in rows}:
                db.execute(
                    "INSERT INTO article_values (tenant, article, category, value) VALUES (?, ?, ?, ?)",
                    [self.tenant, article, category, value],
                )

    def articles(self) -> dict[int, set[int]]:
        with self.database.read() as db:
            found: dict[int, set[int]] = {
                article: set()
                for (article,) in db.execute("SELECT id FROM articles WHERE tenant = ?", [self.tenant]).fetchall()
            }
            for article, value in db.execute(
                "SELECT article, value FROM article_values WHERE tenant = ?", [self.tenant]
            ).fetchall():
                found[article].add(value)
            return found


def _new_id(db: sqlite_utils.Database, statement: str, row: list[object]) -> int:
    (id_,) = db.execute(f"{statement} RETURNING id", row).fetchone()
    return int(id_)


@dataclass
class Pin:
    """One object's hold on one value, and the moves that brought it there: (seq, where to)."""

    value: int
    moves: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class ObjectOracle:
    """One object. It reads one entry at a time, as a person would by hand."""

    pins: list[Pin]
    policy: Policy = "unhook"
    is_deleted: bool = False

    @property
    def values(self) -> set[int]:
        return {pin.value for pin in self.pins}

    def repin(self, values: set[int]) -> None:
        added = values - self.values
        self.pins = [pin for pin in self.pins if pin.value in values] + [Pin(value) for value in sorted(added)]

    def read(self, entry: JournalEntry) -> None:
        if entry.operation == "remap":
            assert entry.remapped_to is not None
            for pin in self._at(entry.id):
                pin.value = entry.remapped_to
                pin.moves.append((entry.seq, entry.remapped_to))
        elif entry.operation == "undo":
            for pin in self.pins:
                if pin.moves and pin.moves[-1] == (entry.undoes, pin.value):
                    pin.moves.pop()
                    pin.value = entry.id
        elif entry.operation == "inactivate" and self.policy != "keep":
            lost = self._at(entry.id)
            self.pins = [pin for pin in self.pins if pin not in lost]
            self.is_deleted |= self.policy == "delete" and bool(lost)

    def _at(self, value: int) -> list[Pin]:
        return [pin for pin in self.pins if pin.value == value]
