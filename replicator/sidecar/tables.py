"""The app's tables as they are: what a binding names is there, and is of a kind that can be kept right."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from catrelay.cli.failure import Failure
from catrelay.embedded import URL_PREFIX
from replicator.bindings import ColumnBinding, JsonBinding, LinkBinding, TableBinding
from replicator.sidecar.grammar import Told
from replicator.sql import engine_of

SLOW = "each transfer reads all of it"


@contextmanager
def looked_into(database: str) -> Iterator["AppTables"]:
    """The tables in the database with this address. Raises Failure when there is none that could be used."""
    path = Path(database.removeprefix(URL_PREFIX))
    if database.startswith(URL_PREFIX) and not path.is_file():
        raise Failure(f"--database: there is no file {path}")
    scheme = database.partition("://")[0]
    try:
        engine = engine_of(database, poolclass=sa.NullPool)
    except ModuleNotFoundError as error:
        raise Failure(f"--database: {scheme} needs the package {error.name}: install catrelay[mysql]") from error
    except (sa.exc.ArgumentError, ValueError) as error:
        urls = "sqlite:///path, postgresql://user:pass@host/db or mysql://user:pass@host/db"
        raise Failure(f"--database: it is {urls}") from error
    with engine.connect() as connection:
        yield AppTables(connection)


class AppTables:
    """What the database says of its tables. warnings: what works, but not well."""

    def __init__(self, connection: sa.Connection) -> None:
        self._inspector = sa.inspect(connection)
        self._kind = connection.dialect.name
        self.warnings: list[str] = []

    def binding(self, told: Told) -> TableBinding:
        """What *told* says. Raises Failure when the tables are not so."""
        columns = self._columns(told.table)
        self._need(told.table, columns, told.column, told.category_column, told.object_column)
        kind = told.table.rpartition(".")[2]
        if told.is_array:
            self._check_array(told, columns[told.column])
            key = self._key(told, columns)
            return JsonBinding(
                kind,
                told.table,
                key,
                told.column,
                category=told.category,
                category_column=told.category_column,
                on_inactivation=told.policy,
            )
        self._check_column(told, columns[told.column])
        self._check_index(told.table, told.column)
        if told.object_column is None:
            key = self._key(told, columns)
            return ColumnBinding(
                kind,
                told.table,
                key,
                told.column,
                category=told.category,
                category_column=told.category_column,
                on_inactivation=told.policy,
            )
        if told.objects is not None:
            self._need(told.objects, self._columns(told.objects), told.objects_key)
        # Without a table of the objects, nothing needs it.
        objects, key = told.objects or told.table, told.objects_key or told.object_column
        return LinkBinding(
            kind,
            told.table,
            told.object_column,
            told.column,
            objects,
            key,
            category=told.category,
            category_column=told.category_column,
            on_inactivation=told.policy,
        )

    def _columns(self, table: str) -> dict[str, sa.engine.interfaces.ReflectedColumn]:
        name, schema = _split(table)
        try:
            found = self._inspector.get_columns(name, schema)
        except sa.exc.NoSuchTableError as error:
            raise Failure(f"--binding: the database has no table {table}") from error
        return {column["name"]: column for column in found}

    def _need(self, table: str, columns: dict[str, sa.engine.interfaces.ReflectedColumn], *names: str | None) -> None:
        for name in names:
            if name is not None and name not in columns:
                raise Failure(f"--binding: the table {table} has no column {name}; it has {', '.join(columns)}")

    def _key(self, told: Told, columns: dict[str, sa.engine.interfaces.ReflectedColumn]) -> str:
        name, schema = _split(told.table)
        primary = self._inspector.get_pk_constraint(name, schema)["constrained_columns"]
        if told.key is not None:
            self._need(told.table, columns, told.key)
            if [told.key] not in (primary, *self._unique(told.table)):
                raise Failure(f"--binding: {told.table}.{told.key} is not unique, so it tells no rows apart")
            return told.key
        if len(primary) != 1:
            found = f"a primary key of {len(primary)} columns" if primary else "no primary key"
            raise Failure(
                f"--binding: the table {told.table} has {found}: name a unique column, {told.table}(KEY).{told.column}"
            )
        return primary[0]

    def _check_column(self, told: Told, column: sa.engine.interfaces.ReflectedColumn) -> None:
        where = f"{told.table}.{told.column}"
        # Any SQLite column holds any value.
        if self._kind != "sqlite" and not isinstance(column["type"], sa.Integer):
            raise Failure(f"--binding: {where} is of type {column['type']}; ids of values are whole numbers")
        if told.policy == "unhook" and told.object_column is None and not column["nullable"]:
            raise Failure(f"--binding: {where} cannot be null, as it would be without a value: add :keep or :delete")

    def _check_array(self, told: Told, column: sa.engine.interfaces.ReflectedColumn) -> None:
        if not isinstance(column["type"], sa.JSON | sa.String | sa.types.NullType):
            raise Failure(f"--binding: {told.table}.{told.column} is of type {column['type']}, and no JSON")

    def _check_index(self, table: str, column: str) -> None:
        name, schema = _split(table)
        indexed: list[Sequence[str | None]] = [
            self._inspector.get_pk_constraint(name, schema)["constrained_columns"],
            *(index["column_names"] for index in self._inspector.get_indexes(name, schema)),
            *self._unique(table),
        ]
        if not any(columns[:1] == [column] for columns in indexed):
            self.warnings.append(f"{table}.{column} has no index: {SLOW}")

    def _unique(self, table: str) -> list[Sequence[str | None]]:
        name, schema = _split(table)
        indexes = [each["column_names"] for each in self._inspector.get_indexes(name, schema) if each["unique"]]
        return [*indexes, *(each["column_names"] for each in self._inspector.get_unique_constraints(name, schema))]


def _split(table: str) -> tuple[str, str | None]:
    """Name and schema."""
    schema, _, name = table.rpartition(".")
    return name, schema or None
