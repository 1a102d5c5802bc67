"""The databases that a replica can live in: one set of statements, and what must differ between them.

Statements have named parameters (`:name`). A statement that changes rows returns none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import sqlalchemy as sa
import sqlite_utils

from catrelay.embedded import EmbeddedDatabase

Parameters = Mapping[str, Any]
Row = tuple[Any, ...]
NO_PARAMETERS: Parameters = {}
_MAX_LISTED = 500
_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}


@dataclass(frozen=True)
class Dialect:
    """How one kind of database wants to be spoken to.

    number, name, document, key: types of columns. key: of an app's keys, whatever their type is there.
    """

    kind: str
    quote: str
    number: str
    name: str
    document: str
    key: str
    table_suffix: str

    def quoted(self, identifier: str) -> str:
        """An identifier, whatever characters it has. A dot divides schema and table."""
        return self.quote + identifier.replace(self.quote, self.quote * 2) + self.quote

    def stored_key(self, expression: str) -> str:
        """An app's key as the replica's tables hold it."""
        if self.kind == "sqlite":
            return expression
        return f"CAST({expression} AS {'CHAR' if self.kind == 'mysql' else 'TEXT'})"

    def insert_new(self, table: str, columns: Sequence[str], rows: str) -> str:
        """Insert those of *rows* (a SELECT with a WHERE) that are not there."""
        into = f"INTO {table} ({', '.join(columns)}) {rows}"
        return f"INSERT IGNORE {into}" if self.kind == "mysql" else f"INSERT {into} ON CONFLICT DO NOTHING"

    def upsert(self, table: str, keys: Sequence[str], others: Sequence[str]) -> str:
        """Insert a row of parameters that are named like the columns, or give the one with these keys new values."""
        columns = [*keys, *others]
        insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f':{each}' for each in columns)})"
        if self.kind == "mysql":
            return f"{insert} ON DUPLICATE KEY UPDATE {', '.join(f'{each} = VALUES({each})' for each in others)}"
        changes = ", ".join(f"{each} = excluded.{each}" for each in others)
        return f"{insert} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"

    def update_from(self, table: str, column: str, value: str, source: str, condition: str) -> str:
        """Give *column* of *table*, called `app`, a value from *source*, a list of other tables."""
        if self.kind == "mysql":
            return f"UPDATE {table} AS app, {source} SET app.{column} = {value} WHERE {condition}"
        return f"UPDATE {table} AS app SET {column} = {value} FROM {source} WHERE {condition}"


SQLITE = Dialect("sqlite", '"', "INTEGER", "TEXT", "TEXT", "", " WITHOUT ROWID")
POSTGRESQL = Dialect("postgresql", '"', "BIGINT", "TEXT", "TEXT", "TEXT", "")
MYSQL = Dialect(
    "mysql",
    "`",
    "BIGINT",
    "VARCHAR(255)",
    "LONGTEXT",
    "VARCHAR(255)",
    " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
)
_BY_NAME = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL}


class Connection(Protocol):
    """One transaction. native: the library's own handle, for an app's own statements within it."""

    dialect: Dialect

    @property
    def native(self) -> Any:
        """An `sqlite_utils.Database` or an `sqlalchemy.Connection`."""

    def rows(self, statement: str, parameters: Parameters = NO_PARAMETERS) -> list[Row]:
        """What a SELECT finds."""

    def run(self, statement: str, parameters: Parameters = NO_PARAMETERS) -> int:
        """Run a statement that changes rows. Returns how many."""

    def run_many(self, statement: str, rows: Iterable[Parameters]) -> None:
        """Run a statement for each of *rows*."""

    def column_type(self, table: str, column: str) -> str:
        """The type that the database says the column has, in lower case; "" where any value fits any column."""


class SqliteConnection:
    """Through sqlite-utils."""

    dialect = SQLITE

    def __init__(self, db: sqlite_utils.Database) -> None:
        self.native = db
        self._connection = db.conn

    def rows(self, statement: str, parameters: Parameters = NO_PARAMETERS) -> list[Row]:
        found: list[Row] = self._connection.execute(statement, parameters).fetchall()
        return found

    def run(self, statement: str, parameters: Parameters = NO_PARAMETERS) -> int:
        return int(self._connection.execute(statement, parameters).rowcount)

    def run_many(self, statement: str, rows: Iterable[Parameters]) -> None:
        self._connection.executemany(statement, rows)

    def column_type(self, table: str, column: str) -> str:
        return ""


class Embedded:
    """A SQLite file, as an `EmbeddedDatabase` opens it."""

    dialect = SQLITE

    def __init__(self, database: EmbeddedDatabase) -> None:
        self.database = database

    @contextmanager
    def read(self) -> Iterator[SqliteConnection]:
        with self.database.read() as db:
            yield SqliteConnection(db)

    @contextmanager
    def write(self) -> Iterator[SqliteConnection]:
        with self.database.write() as db:
            yield SqliteConnection(db)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self.database.close()


class SqlConnection:
    """Through SQLAlchemy."""

    def __init__(self, connection: sa.Connection, types: dict[tuple[str, str], str]) -> None:
        self.dialect = _BY_NAME[connection.dialect.name]
        self.native = connection
        self._types = types

    def rows(self, statement: str, parameters: Parameters = NO_PARAMETERS) -> list[Row]:
        return [tuple(row) for row in self.native.execute(_text(statement), parameters)]

    def run(self, statement: str, parameters: Parameters = NO_PARAMETERS) -> int:
        return int(self.native.execute(_text(statement), parameters).rowcount)

    def run_many(self, statement: str, rows: Iterable[Parameters]) -> None:
        batch = list(rows)
        if batch:
            self.native.execute(_text(statement), batch)

    def column_type(self, table: str, column: str) -> str:
        if self.dialect is SQLITE:
            return ""
        if (table, column) not in self._types:
            self._types[table, column] = self._asked_type(table, column)
        return self._types[table, column]

    def _asked_type(self, table: str, column: str) -> str:
        *schema, name = table.split(".")
        of_schema = "DATABASE()" if self.dialect is MYSQL else "CURRENT_SCHEMA()"
        found = self.rows(
            "SELECT data_type FROM information_schema.columns WHERE table_name = :name AND column_name = :column"
            f" AND table_schema = {':schema' if schema else of_schema}",
            {"name": name, "column": column, **({"schema": schema[0]} if schema else {})},
        )
        if not found:
            raise LookupError(f"the database has no column {column!r} in a table {table!r}")
        return str(found[0][0]).lower()


class SqlDatabase:
    """The database of an SQLAlchemy engine: PostgreSQL, MariaDB, MySQL or SQLite."""

    def __init__(self, engine: sa.Engine) -> None:
        if engine.dialect.name not in _BY_NAME:
            raise ValueError(f"a replica lives in {', '.join(sorted(_BY_NAME))}, not in {engine.dialect.name}")
        self.dialect = _BY_NAME[engine.dialect.name]
        self._engine = engine
        self._types: dict[tuple[str, str], str] = {}

    @contextmanager
    def read(self) -> Iterator[SqlConnection]:
        with self._begun("BEGIN", "REPEATABLE READ") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[SqlConnection]:
        with self._begun("BEGIN IMMEDIATE", "READ COMMITTED") as connection:
            yield connection

    @contextmanager
    def _begun(self, begin: str, isolation: str) -> Iterator[SqlConnection]:
        """begin: how, on SQLite, whose driver would begin a transaction too late to keep other writers out."""
        by_hand = self.dialect is SQLITE
        engine = self._engine.execution_options(isolation_level="AUTOCOMMIT" if by_hand else isolation)
        with engine.connect() as connection:
            mine = SqlConnection(connection, self._types)
            if not by_hand:
                with connection.begin():
                    yield mine
                return
            connection.exec_driver_sql(begin)
            try:
                yield mine
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the pool's connections."""
        self._engine.dispose()


def engine_of(url: str, **options: Any) -> sa.Engine:
    """An engine for the database with this URL, by the driver that we use where it names none.

    options: of `sqlalchemy.create_engine`. Raises ValueError for a database that no replica can live in.
    """
    scheme, _, rest = url.partition("://")
    if scheme.partition("+")[0] not in _BY_NAME:
        raise ValueError(f"a replica lives in {', '.join(sorted(_BY_NAME))}, not in {scheme!r}")
    return sa.create_engine(f"{_DRIVERS.get(scheme, scheme)}://{rest}", pool_pre_ping=True, **options)


def database_of(place: "EmbeddedDatabase | sa.Engine") -> "Embedded | SqlDatabase":
    """*place* as replicas need it."""
    return Embedded(place) if isinstance(place, EmbeddedDatabase) else SqlDatabase(place)


@lru_cache(maxsize=1_000)
def _text(statement: str) -> sa.TextClause:
    return sa.text(statement)


def lists(numbers: Iterable[int]) -> Iterator[str]:
    """*numbers* for `IN (...)`, so many at a time as every database takes."""
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _MAX_LISTED):
        yield ", ".join(map(str, ordered[start : start + _MAX_LISTED]))
