"""The database without us: the driver and one statement."""

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

SCHEMA = "ats"
MEGABYTE = 1_048_576
DATABASE_BYTES = "SELECT pg_database_size(current_database())"
_SQLITE = "sqlite:///"


def kind_of(database: str) -> str:
    """`sqlite` or `postgresql`."""
    return database.partition(":")[0]


@dataclass(frozen=True)
class Megabytes:
    """used: without the room that the database would fill before it grows. allotted: with it, after a plain VACUUM."""

    used: float
    allotted: float


class Bare:
    """A plain connection. Statements have `?` for their parameters and are committed one by one, durably."""

    def __init__(self, connection: "sqlite3.Connection | psycopg.Connection[Any]") -> None:
        self._connection = connection

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """All rows of a query, as the driver gives them."""
        if isinstance(self._connection, sqlite3.Connection):
            return self._connection.execute(statement, parameters).fetchall()
        return self._connection.execute(statement.replace("?", "%s"), parameters).fetchall()

    def one(self, statement: str, *parameters: object) -> Any:
        """The first column of a query's only row."""
        ((found,),) = self.rows(statement, *parameters)
        return found

    def seconds_of(self, statement: str, *parameters: object) -> float:
        """How long a statement takes, its commit included."""
        began = time.perf_counter()
        if isinstance(self._connection, sqlite3.Connection):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(statement, parameters)
            self._connection.execute("COMMIT")
        else:
            self._connection.execute(statement.replace("?", "%s"), parameters)
        return time.perf_counter() - began

    def insert_each(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Insert *rows* as the driver's `executemany` does, in one transaction."""
        if isinstance(self._connection, sqlite3.Connection):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        else:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.executemany(statement.replace("?", "%s"), rows)

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Insert *rows* the fast way."""
        if isinstance(self._connection, sqlite3.Connection):
            marks = ", ".join("?" for _ in columns)
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
            self._connection.execute("COMMIT")
            return
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        with self._connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(row)

    def settle(self, *tables: str) -> None:
        """Have earlier work behind us: nothing of it shall fall into what is measured next."""
        if isinstance(self._connection, sqlite3.Connection):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        for table in tables:
            self._connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
        self._connection.execute("CHECKPOINT")

    def sizes(self) -> "Megabytes":
        """How large the database is now."""
        if isinstance(self._connection, sqlite3.Connection):
            self.settle()
            pages, free, page_bytes = (
                self.one(f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size")
            )
            return Megabytes((pages - free) * page_bytes / MEGABYTE, pages * page_bytes / MEGABYTE)
        self._connection.execute("VACUUM")
        allotted: int = self.one(DATABASE_BYTES)
        self._connection.execute("VACUUM (FULL)")
        return Megabytes(self.one(DATABASE_BYTES) / MEGABYTE, allotted / MEGABYTE)

    def moment(self) -> str:
        """Now, as the ATS's tables keep it."""
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
        return now if isinstance(self._connection, sqlite3.Connection) else f"{now}+00"


@contextmanager
def bare(database: str, schema: str = SCHEMA) -> Iterator[Bare]:
    """A plain connection to *database*; on SQLite with the settings that our services have.

    schema: where PostgreSQL looks for tables; those of the ATS, unless another is named.
    """
    if kind_of(database) == "sqlite":
        connection = sqlite3.connect(database.removeprefix(_SQLITE), isolation_level=None, timeout=60)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        try:
            yield Bare(connection)
        finally:
            connection.close()
    else:
        with psycopg.connect(database, autocommit=True, options=f"-c search_path={schema}") as server:
            yield Bare(server)
