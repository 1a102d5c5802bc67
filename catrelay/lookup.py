"""A statement that every request needs, outside of any transaction."""

from typing import Any

from catrelay.database import Database
from catrelay.statements import Query, Statement


class Lookup:
    """Runs *statement* on a pooled connection, which sees what was committed before."""

    def __init__(self, database: Database, statement: Query) -> None:
        self._engine = database.engine
        self._compiled = Statement(statement).compiled(database.engine.dialect)

    def rows(self, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows found for *parameters*."""
        # Connections are in autocommit mode until they are told to BEGIN: this is one trip to the server.
        pooled = self._engine.raw_connection()
        try:
            return self._compiled.rows(pooled.driver_connection, parameters)
        finally:
            pooled.close()
