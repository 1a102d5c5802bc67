"""Testimonials and articles, in one file with the replica that they are pinned to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import sqlite_utils
from sqlite_utils.migrations import Migrations

import replicator
from catrelay.embedded import EmbeddedDatabase, EmbeddedRegistry
from catrelay.problems import UnavailableValue, UnknownCategory, UnknownValue
from replicator import ColumnBinding, LinkBinding, ReplicaStore
from replicator.careersite.models import Article, ArticleCreate, Testimonial, TestimonialCreate
from replicator.unit import Unit as ReplicaUnit

migrations = Migrations("replicator.careersite")

BINDINGS = (
    ColumnBinding(
        kind="testimonials",
        table="testimonials",
        key="id",
        column="value",
        category_column="category",
        tenant_column="tenant",
        label_column="author",
    ),
    LinkBinding(
        kind="articles",
        table="article_values",
        object_column="article",
        value_column="value",
        objects="articles",
        category_column="category",
        tenant_column="tenant",
        label_column="title",
    ),
)


# AUTOINCREMENT: an id is never given twice, so that receipts of moves never mean another object.
@migrations()
def m001_testimonials_and_articles(db: sqlite_utils.Database) -> None:
    tenant = "tenant INTEGER NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE"
    db.execute(
        f"CREATE TABLE testimonials ({tenant}, id INTEGER PRIMARY KEY AUTOINCREMENT, author TEXT NOT NULL,"
        " text TEXT NOT NULL, category INTEGER NOT NULL, value INTEGER)"
    )
    db.execute("CREATE INDEX testimonials_by_value ON testimonials (tenant, category, value)")
    db.execute(
        f"CREATE TABLE articles ({tenant}, id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL,"
        " body TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX articles_by_tenant ON articles (tenant, id)")
    db.execute(
        f"CREATE TABLE article_values ({tenant}, article INTEGER NOT NULL REFERENCES articles (id) ON DELETE CASCADE,"
        " category INTEGER NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (tenant, article, category, value))"
        " WITHOUT ROWID"
    )
    db.execute("CREATE INDEX article_values_by_value ON article_values (tenant, category, value)")


@dataclass(frozen=True)
class Held:
    """How many testimonials a value holds; value None: those that lost theirs."""

    category: int
    value: int | None
    testimonials: int


class Store:
    """The career site's database."""

    def __init__(self, database: EmbeddedDatabase) -> None:
        self._database = database
        self.registry = EmbeddedRegistry(database, replicator.migrations, migrations)

    def replica(self, tenant: str) -> ReplicaStore:
        """The tenant's replica. Raises UnknownTenant."""
        return ReplicaStore(self._database, tenant, self.registry.tenant_key(tenant))

    @contextmanager
    def read(self, tenant: str) -> Iterator["Unit"]:
        """One snapshot."""
        with self.replica(tenant).read() as replica:
            yield Unit(replica)

    @contextmanager
    def write(self, tenant: str) -> Iterator["Unit"]:
        """One transaction, committed on a clean exit."""
        with self.replica(tenant).write() as replica:
            yield Unit(replica)


class Unit:
    """What can be read and done within one transaction."""

    def __init__(self, replica: ReplicaUnit) -> None:
        self.replica = replica
        self._db = replica.native
        self._tenant = replica.tenant_key

    def testimonials(
        self, values: set[int] | None = None, *, after: int = 0, limit: int | None = None
    ) -> tuple[Testimonial, ...]:
        """By id. values: only those pinned to one of them."""
        self._db.execute("CREATE TEMPORARY TABLE IF NOT EXISTS wanted_values (value INTEGER PRIMARY KEY)")
        self._db.execute("DELETE FROM wanted_values")
        self._db.conn.executemany("INSERT INTO wanted_values VALUES (?)", [(value,) for value in values or ()])
        rows = self._db.execute(
            "SELECT id, author, text, category, value FROM testimonials WHERE tenant = :tenant AND id > :after"
            " AND (:every OR value IN (SELECT value FROM wanted_values)) ORDER BY id LIMIT :limit",
            {
                "tenant": self._tenant,
                "after": after,
                "every": values is None,
                "limit": -1 if limit is None else limit,
            },
        )
        return tuple(_testimonial(row) for row in rows)

    def testimonial(self, id_: int) -> Testimonial | None:
        row = self._db.execute(
            "SELECT id, author, text, category, value FROM testimonials WHERE tenant = ? AND id = ?",
            [self._tenant, id_],
        ).fetchone()
        return None if row is None else _testimonial(row)

    def add_testimonial(self, new: TestimonialCreate) -> Testimonial:
        """Raises UnknownCategory, UnknownValue or UnavailableValue."""
        self.check_pin(new.category, new.value)
        (id_,) = self._db.execute(
            "INSERT INTO testimonials (tenant, author, text, category, value) VALUES (?, ?, ?, ?, ?) RETURNING id",
            [self._tenant, new.author, new.text, new.category, new.value],
        ).fetchone()
        return Testimonial(id=id_, **dict(new))

    def change_testimonial(self, present: Testimonial, changes: Mapping[str, object]) -> Testimonial:
        """Raises UnknownCategory, UnknownValue or UnavailableValue where it is pinned anew."""
        changed = present.model_copy(update=dict(changes))
        is_repinned = (changed.category, changed.value) != (present.category, present.value)
        if is_repinned and changed.value is not None:
            self.check_pin(changed.category, changed.value)
        elif changed.category != present.category:
            self._check_category(changed.category)
        self._db.execute(
            "UPDATE testimonials SET author = ?, text = ?, category = ?, value = ? WHERE tenant = ? AND id = ?",
            [changed.author, changed.text, changed.category, changed.value, self._tenant, changed.id],
        )
        return changed

    def check_pin(self, category: int, value: int) -> None:
        """Raises UnknownCategory, UnknownValue or UnavailableValue unless objects may be pinned to the value."""
        found = self.replica.value(category, value)
        if found is None:
            self._check_category(category)
            raise UnknownValue(f"Category {category} has no value {value}")
        if not found.available:
            raise UnavailableValue(f"The value {value} of category {category} is not available")

    def _check_category(self, category: int) -> None:
        known = {self.replica.state().orgs_category, *(each.id for each in self.replica.categories())}
        if category not in known:
            raise UnknownCategory(f"There is no category {category}")

    def held(self) -> list[Held]:
        """How many testimonials each value holds."""
        rows = self._db.execute(
            "SELECT category, value, count(*) FROM testimonials WHERE tenant = ? GROUP BY category, value",
            [self._tenant],
        )
        return [Held(*row) for row in rows]

    def articles(self) -> tuple[Article, ...]:
        """By id."""
        values: dict[int, list[int]] = {}
        for article, value in self._db.execute(
            "SELECT article, value FROM article_values WHERE tenant = ? ORDER BY value", [self._tenant]
        ):
            values.setdefault(article, []).append(value)
        rows = self._db.execute("SELECT id, title, body FROM articles WHERE tenant = ? ORDER BY id", [self._tenant])
        return tuple(
            Article(id=id_, title=title, body=body, values=tuple(values.get(id_, []))) for id_, title, body in rows
        )

    def add_article(self, new: ArticleCreate) -> Article:
        """Raises UnknownValue or UnavailableValue."""
        pins = {value: self._category_of(value) for value in new.values}
        (id_,) = self._db.execute(
            "INSERT INTO articles (tenant, title, body) VALUES (?, ?, ?) RETURNING id",
            [self._tenant, new.title, new.body],
        ).fetchone()
        self._db.conn.executemany(
            "INSERT INTO article_values (tenant, article, category, value) VALUES (?, ?, ?, ?)",
            [(self._tenant, id_, category, value) for value, category in pins.items()],
        )
        return Article(id=id_, title=new.title, body=new.body, values=tuple(sorted(pins)))

    def _category_of(self, value: int) -> int:
        for category in self.replica.categories_of(value):
            self.check_pin(category, value)
            return category
        raise UnknownValue(f"There is no value {value}")


def open_store(database: str) -> Store:
    """The store in the database with this URL."""
    return Store(EmbeddedDatabase(database))


def _testimonial(row: tuple[int, str, str, int, int | None]) -> Testimonial:
    id_, author, text, category, value = row
    return Testimonial(id=id_, author=author, text=text, category=category, value=value)
