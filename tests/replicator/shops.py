"""An app that knows nothing of categories' changes, in any database, beside an ATS with an address."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from replicator.sql import engine_of
from tests.catman.stage import serving
from tests.replicator.objects import CATEGORY
from tests.replicator.standin import StandIn

TABLES = (
    "CREATE TABLE books (id INTEGER PRIMARY KEY, topic BIGINT)",
    "CREATE INDEX books_by_topic ON books (topic)",
    "CREATE TABLE authors (name VARCHAR(50) PRIMARY KEY)",
    "CREATE TABLE author_topics (author VARCHAR(50) NOT NULL, topic BIGINT NOT NULL, PRIMARY KEY (topic, author))",
    "CREATE TABLE shelves (id INTEGER PRIMARY KEY, topics {json})",
    "CREATE TABLE quotes (number INTEGER NOT NULL UNIQUE, category BIGINT, value BIGINT, PRIMARY KEY (value, number))",
)
ROWS = (
    "INSERT INTO books (id, topic) VALUES (1, 1), (2, 1), (3, 3)",
    "INSERT INTO authors (name) VALUES ('Ann'), ('Bob')",
    "INSERT INTO author_topics (author, topic) VALUES ('Ann', 1), ('Ann', 3), ('Bob', 1)",
    "INSERT INTO shelves (id, topics) VALUES (1, '[1, 3]')",
    f"INSERT INTO quotes (number, category, value) VALUES (1, {CATEGORY}, 1), (2, 99, 1)",
)
BINDINGS = (
    f"books.topic={CATEGORY}",
    f"author_topics.topic@author->authors.name={CATEGORY}:delete",
    f"shelves.topics[]={CATEGORY}",
    "quotes(number).value=category:keep",
)


class Shop:
    """The app's database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = engine_of(url, poolclass=sa.NullPool)
        json = {"postgresql": "JSONB", "mysql": "JSON"}.get(self._engine.dialect.name, "TEXT")
        self.run(*(statement.format(json=json) for statement in TABLES), *ROWS)

    def run(self, *statements: str) -> None:
        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    def column(self, statement: str) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.scalars(sa.text(statement)))

    @property
    def topics(self) -> list[int | None]:
        return self.column("SELECT topic FROM books ORDER BY id")


@dataclass(frozen=True)
class Beside:
    """A shop beside an ATS. options: what the sidecar needs to know of both."""

    shop: Shop
    ats: StandIn
    options: tuple[str, ...]


@contextmanager
def beside(url: str) -> Iterator[Beside]:
    ats = StandIn()
    with serving(ats.app()) as address:
        known = ("--database", url, "--ats", address, "--token", "secret-of-the-ats", "--tenant", "acme")
        yield Beside(Shop(url), ats, known)
