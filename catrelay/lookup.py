"""A statement that every request needs, at the price of the driver.

SQLAlchemy's own way to the same row costs about ten times as much: a transaction, and a result object.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Select

from catrelay.database import Database


class Lookup:
    """*statement* made into text once. It runs outside of any transaction, on a pooled connection, and sees what was
    committed before.
    """

    def __init__(self, database: Database, statement: Select[*tuple[Any, ...]]) -> None:
        self._engine, dialect = database.engine, database.engine.dialect
        self._connection = _as_it_is if database.is_sqlite else _in_autocommit
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        self._order = compiled.positiontup
        self._given = dict(compiled.params)
        types = [column.type.dialect_impl(dialect) for column in statement.selected_columns]
        self._readers = [type_.result_processor(dialect, None) for type_ in types]

    def rows(self, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows found for *parameters*."""
        given = self._given | parameters
        sent = given if self._order is None else [given[name] for name in self._order]
        with self._connection(self._engine) as connection:
            found = connection.execute(self._sql, sent).fetchall()
        return [
            tuple(cell if read is None else read(cell) for cell, read in zip(row, self._readers, strict=True))
            for row in found
        ]


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
