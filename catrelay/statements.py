"""Statements at the price of the driver, for what every request runs.

Compiling, executing and reading one row by SQLAlchemy costs several times what the database needs for it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import orjson
from sqlalchemy import CompoundSelect, Connection, Delete, Dialect, Insert, LargeBinary, Select, Table, Update

Cell = Callable[[Any], Any]
Query = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]


class Statement:
    """*statement* made into text once per kind of database. Its parameters are its named bindparams.

    Runs within the transaction that its connection is in. Errors are the driver's own. Who listens to the engine's
    `before_cursor_execute` hears of it, without a cursor and a context.
    """

    def __init__(self, statement: "Query | Insert | Update | Delete") -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows found for *parameters*."""
        compiled = self.compiled(connection.dialect)
        compiled.announce(connection, parameters)
        return compiled.rows(_driver(connection), parameters)

    def row(self, connection: Connection, **parameters: object) -> tuple[Any, ...] | None:
        """The first row found for *parameters*."""
        found = self.rows(connection, **parameters)
        return found[0] if found else None

    def run(self, connection: Connection, *parameters: Mapping[str, object]) -> None:
        """Once for each of *parameters*."""
        compiled = self.compiled(connection.dialect)
        if parameters:
            compiled.announce(connection, parameters)
        compiled.run(_driver(connection), parameters)

    def compiled(self, dialect: Dialect) -> "_Compiled":
        """What the driver of *dialect* takes."""
        known = self._compiled.get(dialect.name)
        return known or self._compiled.setdefault(dialect.name, _Compiled(self._statement, dialect))


class _Compiled:
    """What a driver takes. many: of an insert, what takes all rows at once, as JSON."""

    def __init__(self, statement: "Query | Insert | Update | Delete", dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        self._order: Sequence[str] | None = getattr(compiled, "positiontup", None)
        self._given = {"".join(name): given for name, given in compiled.params.items()}  # names may be more than text
        binds = [(name, bind.type.dialect_impl(dialect)) for name, bind in getattr(compiled, "binds", {}).items()]
        self._writers = _needed({name: type_.bind_processor(dialect) for name, type_ in binds})
        columns = list(statement.selected_columns) if isinstance(statement, Select | CompoundSelect) else []
        self._types = [column.type.dialect_impl(dialect) for column in columns]
        self._dialect = dialect
        self._many = _insert_of_json(statement, dialect) if isinstance(statement, Insert) else None
        self._readers: dict[int, Cell] | None = None

    def announce(self, connection: Connection, parameters: object) -> None:
        listeners: Any = connection.dispatch.before_cursor_execute
        for listen in listeners:
            listen(connection, None, self._sql, parameters, None, isinstance(parameters, tuple))

    def rows(self, driver: Any, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
        cursor = driver.execute(self._sql, self._sent(parameters))
        if self._readers is None:
            self._readers = self._readers_of(cursor.description)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return [_read(row, self._readers) for row in found] if self._readers else found

    def _readers_of(self, description: Sequence[Sequence[Any]]) -> dict[int, Cell]:
        # How a column is read may depend on the type that the database itself gives it.
        return _needed(
            {
                place: type_.result_processor(self._dialect, described[1])
                for place, (type_, described) in enumerate(zip(self._types, description, strict=True))
            }
        )

    def run(self, driver: Any, parameters: Sequence[Mapping[str, object]]) -> None:
        if len(parameters) == 1:
            driver.execute(self._sql, self._sent(parameters[0]))
        elif parameters and self._many is not None:
            driver.execute(self._many, [orjson.dumps(list(map(self._filled, parameters))).decode()])
        elif parameters:
            driver.cursor().executemany(self._sql, list(map(self._sent, parameters)))

    def _sent(self, parameters: Mapping[str, object]) -> Any:
        given = self._filled(parameters)
        return given if self._order is None else [given[name] for name in self._order]

    def _filled(self, parameters: Mapping[str, object]) -> dict[str, object]:
        given = {**self._given, **parameters}
        for name, write in self._writers.items():
            given[name] = write(given[name])
        return given


def _insert_of_json(statement: Insert, dialect: Dialect) -> str | None:
    """The insert of any number of rows in one statement; None where a statement for each costs no more.

    psycopg writes a row, or a list for each column, in Python, many times slower than orjson writes them all.
    """
    columns = statement.table.columns
    if dialect.name != "postgresql" or any(isinstance(column.type, LargeBinary) for column in columns):
        return None
    names = [dialect.identifier_preparer.format_column(column) for column in columns]
    typed = [f"{name} {column.type.compile(dialect)}" for name, column in zip(names, columns, strict=True)]
    table = dialect.identifier_preparer.format_table(cast(Table, statement.table))
    return (
        f"INSERT INTO {table} ({', '.join(names)})"
        f" SELECT {', '.join(names)} FROM json_to_recordset(%s) AS given ({', '.join(typed)})"
    )


def _read(row: tuple[Any, ...], readers: Mapping[int, Cell]) -> tuple[Any, ...]:
    cells = list(row)
    for place, read in readers.items():
        cells[place] = read(cells[place])
    return tuple(cells)


def _needed(processors: Mapping[Any, Cell | None]) -> dict[Any, Cell]:
    return {place: processor for place, processor in processors.items() if processor is not None}


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection
