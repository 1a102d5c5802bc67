"""A statement that every request needs, outside of any transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine

from catrelay.database import Database
from catrelay.statements import Query, Statement


class Lookup:
    """Runs *statement* on a pooled connection, which sees what was committed before."""

    def __init__(self, database: Database, statement: Query) -> None:
        self._engine = database.engine
        self._connection = _as_it_is if database.is_sqlite else _in_autocommit
        self._compiled = Statement(statement).compiled(database.engine.dialect)

    def rows(self, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows found for *parameters*."""
        with self._connection(self._engine) as connection:
            return self._compiled.rows(connection, parameters)


@contextmanager
def _as_it_is(engine: Engine) -> Iterator[Any]:
    # Our connections to SQLite are in autocommit mode until they are told to BEGIN.
    pooled = engine.raw_connection()
    try:
        yield pooled.driver_connection
    finally:
        pooled.close()


@contextmanager
def _in_autocommit(engine: Engine) -> Iterator[Any]:
    # Else psycopg would send a BEGIN before and the pool a ROLLBACK after: three trips to the server instead of one.
    with _as_it_is(engine) as connection:
        connection.autocommit = True
        try:
            yield connection
        finally:
            if not connection.closed:
                connection.autocommit = False
