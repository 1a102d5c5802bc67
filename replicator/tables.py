"""The app's tables in SQL: which objects are pinned where, and how their rows follow a transfer. Set-based.

`replica_moves` has the moves that are being made (kind, source, target; no target: the value is lost) and
`replica_receipts` the objects (kind, object) that make them; transfer.py fills both. Parameters: :replica, :binding and
:category; :tenant is the tenant's key in the app's own tables.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import orjson

from replicator.bindings import ColumnBinding, JsonBinding, LinkBinding, TableBinding
from replicator.sql import Connection, Dialect, Parameters

PAGE_OBJECTS = 1_000

MOVING = "receipt.replica = :replica AND move.replica = :replica AND receipt.kind = move.kind"
"""Joins the receipts of objects that move to their moves."""

MOVERS = "replica_moves AS move, replica_receipts AS receipt"
_HELD = (
    "SELECT 1 FROM replica_kinds AS held, replica_receipts AS other WHERE held.replica = :replica"
    " AND held.binding = :binding AND held.category = :category AND other.replica = :replica AND other.kind = held.id"
)
_INTEGERS = {"int", "bigint", "smallint", "mediumint", "tinyint"}


class Table(ABC):
    """What the tables of all bindings have in common. Each object's key is as its own table has it."""

    has_many = False

    def __init__(self, binding: TableBinding, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._tenant_column = binding.tenant_column
        self._category_column = binding.category_column
        self._label_column = binding.label_column

    @abstractmethod
    def links(self) -> str:
        """A SELECT of the (object, value) of all pins of the tenant to values of the category."""

    @abstractmethod
    def is_pinned(self, receipt: str, value: str) -> str:
        """A SELECT that finds a row while the object of *receipt* is pinned to *value*."""

    @abstractmethod
    def follow(self, parameters: Parameters, *, by_value: bool) -> None:
        """Bring the rows in line with the moves. The kinds of receipts say already where all ends.

        by_value: all that is pinned to a source goes to one target.
        """

    @abstractmethod
    def delete_lost(self, parameters: Parameters) -> None:
        """Delete the objects that lost their value."""

    def labels(self, parameters: Parameters, *, limit: int) -> list[str]:
        """What the first objects at :value are called."""
        if self._label_column is None:
            return []
        table, key = self._objects()
        label = self._dialect.quoted(self._label_column)
        rows = self._connection.rows(
            f"SELECT {label} FROM {table} WHERE {self._dialect.stored_key(key)} IN"
            f" (SELECT object FROM ({self.links()}) AS link WHERE value = :value) AND {label} IS NOT NULL"
            f"{self._owned('', category=False)} ORDER BY {key} LIMIT :limit",
            {**parameters, "limit": limit},
        )
        return [str(text) for (text,) in rows]

    @abstractmethod
    def _objects(self) -> tuple[str, str]:
        """The table of the objects themselves, and its key."""

    def _owned(self, prefix: str, *, category: bool = True) -> str:
        columns = [(self._tenant_column, ":tenant"), (self._category_column if category else None, ":category")]
        return "".join(
            f" AND {prefix}{self._dialect.quoted(column)} = {parameter}"
            for column, parameter in columns
            if column is not None
        )

    def _app_key(self, table: str, column: str, stored: str) -> str:
        """*stored*, a key of the replica's tables, as the app's column has it, so that its index is used."""
        type_ = self._connection.column_type(table, column)
        if not type_:
            return stored
        if self._dialect.kind == "mysql":
            return f"CAST({stored} AS SIGNED)" if type_ in _INTEGERS else stored
        return f"CAST({stored} AS {type_})"

    def _delete(self, table: str, key: str, column: str) -> str:
        lost = self._app_key(table, column, "receipt.object")
        return (
            f"DELETE FROM {_table(self._dialect, table)} WHERE {key} IN"
            f" (SELECT {lost} FROM {MOVERS} WHERE {MOVING} AND move.target IS NULL){self._owned('', category=False)}"
        )


class KeyedTable(Table):
    """Objects that hold their values in a column of their own row."""

    def __init__(self, binding: ColumnBinding | JsonBinding, connection: Connection) -> None:
        super().__init__(binding, connection)
        self._binding = binding
        self._table = _table(self._dialect, binding.table)
        self._key = self._dialect.quoted(binding.key)
        self._column = self._dialect.quoted(binding.column)

    def delete_lost(self, parameters: Parameters) -> None:
        self._connection.run(self._delete(self._binding.table, self._key, self._binding.key), parameters)

    def _objects(self) -> tuple[str, str]:
        return self._table, self._key

    def _own(self, stored: str) -> str:
        return self._app_key(self._binding.table, self._binding.key, stored)


class ColumnTable(KeyedTable):
    """Of a `ColumnBinding`."""

    def links(self) -> str:
        return (
            f"SELECT {self._dialect.stored_key(self._key)} AS object, {self._column} AS value FROM {self._table}"
            f" WHERE {self._column} IS NOT NULL{self._owned('')}"
        )

    def is_pinned(self, receipt: str, value: str) -> str:
        return f"SELECT 1 FROM {self._table} AS app WHERE {self._is_object(receipt, value)}"

    def follow(self, parameters: Parameters, *, by_value: bool) -> None:
        if by_value:
            source = "replica_moves AS move"
            movers = f"move.replica = :replica AND app.{self._column} = move.source{self._owned('app.')}"
        else:
            # The app may have pinned an object elsewhere this moment: then it stays there.
            source = MOVERS
            movers = f"{MOVING} AND {self._is_object('receipt.object', 'move.source')}"
        self._connection.run(
            self._dialect.update_from(self._table, self._column, "move.target", source, f"{movers}{self._target}"),
            parameters,
        )

    @property
    def _target(self) -> str:
        lost = " OR move.target IS NULL" if self._binding.on_inactivation == "unhook" else ""
        return f" AND (move.target <> move.source{lost})"

    def _is_object(self, receipt: str, value: str) -> str:
        return f"app.{self._key} = {self._own(receipt)} AND app.{self._column} = {value}{self._owned('app.')}"


class LinkTable(Table):
    """Of a `LinkBinding`."""

    has_many = True

    def __init__(self, binding: LinkBinding, connection: Connection) -> None:
        super().__init__(binding, connection)
        self._binding = binding
        self._table = _table(self._dialect, binding.table)
        self._object = self._dialect.quoted(binding.object_column)
        self._value = self._dialect.quoted(binding.value_column)

    def links(self) -> str:
        return (
            f"SELECT {self._dialect.stored_key(self._object)} AS object, {self._value} AS value FROM {self._table}"
            f" WHERE {self._value} IS NOT NULL{self._owned('')}"
        )

    def is_pinned(self, receipt: str, value: str) -> str:
        return (
            f"SELECT 1 FROM {self._table} AS app WHERE app.{self._object} = {self._own(receipt)}"
            f" AND app.{self._value} = {value}{self._owned('app.')}"
        )

    def follow(self, parameters: Parameters, *, by_value: bool) -> None:
        own = self._own("receipt.object")
        leaves = "(move.target IS NULL OR move.target <> move.source)"
        stored = self._dialect.stored_key(f"{self._table}.{self._object}")
        self._connection.run(
            f"DELETE FROM {self._table} WHERE ({self._object}, {self._value}) IN"
            f" (SELECT {own}, move.source FROM {MOVERS} WHERE {MOVING} AND {leaves}){self._owned('')}"
            f" AND NOT EXISTS ({_HELD} AND held.value = {self._table}.{self._value} AND other.object = {stored})",
            parameters,
        )
        given = [
            (self._dialect.quoted(column), parameter)
            for column, parameter in ((self._tenant_column, ":tenant"), (self._category_column, ":category"))
            if column is not None
        ]
        columns = ", ".join([self._object, self._value, *(column for column, _ in given)])
        values = ", ".join([own, "move.target", *(parameter for _, parameter in given)])
        self._connection.run(
            f"INSERT INTO {self._table} ({columns}) SELECT DISTINCT {values} FROM {MOVERS} WHERE {MOVING}"
            f" AND move.target <> move.source AND NOT EXISTS ({self.is_pinned('receipt.object', 'move.target')})",
            parameters,
        )

    def delete_lost(self, parameters: Parameters) -> None:
        binding = self._binding
        self._connection.run(self._delete(binding.table, self._object, binding.object_column), parameters)
        self._connection.run(self._delete(binding.objects, self._objects()[1], binding.key), parameters)

    def _objects(self) -> tuple[str, str]:
        return _table(self._dialect, self._binding.objects), self._dialect.quoted(self._binding.key)

    def _own(self, stored: str) -> str:
        return self._app_key(self._binding.table, self._binding.object_column, stored)


class JsonTable(KeyedTable):
    """Of a `JsonBinding`."""

    has_many = True

    def links(self) -> str:
        key = self._dialect.stored_key(f"app.{self._key}")
        return f"SELECT {key} AS object, element.value AS value FROM {self._elements()}{self._owned('app.')}"

    def is_pinned(self, receipt: str, value: str) -> str:
        own = self._own(receipt)
        return (
            f"SELECT 1 FROM {self._elements()}{self._owned('app.')} AND app.{self._key} = {own}"
            f" AND element.value = {value}"
        )

    def _elements(self) -> str:
        column = f"app.{self._column}"
        if self._dialect.kind == "sqlite":
            return (
                f"{self._table} AS app, json_each(CASE WHEN json_valid({column}) THEN {column} ELSE '[]' END)"
                " AS element WHERE element.type = 'integer'"
            )
        if self._dialect.kind == "mysql":
            listed = f"JSON_TABLE({column}, '$[*]' COLUMNS (value BIGINT PATH '$' NULL ON ERROR))"
            return f"{self._table} AS app, {listed} AS element WHERE element.value IS NOT NULL"
        array = f"CAST({column} AS JSONB)"
        array = f"CASE WHEN jsonb_typeof({array}) = 'array' THEN {array} ELSE '[]' END"
        numbers = f"SELECT CAST(CAST(each AS TEXT) AS BIGINT) AS value FROM jsonb_array_elements({array}) AS each"
        return (
            f"{self._table} AS app CROSS JOIN LATERAL"
            f" ({numbers} WHERE CAST(each AS TEXT) SIMILAR TO '[0-9]{{1,18}}') AS element WHERE TRUE"
        )

    def follow(self, parameters: Parameters, *, by_value: bool) -> None:
        after: object = None
        while page := self._page(parameters, after):
            after = page[-1]
            moves: dict[object, list[tuple[int, int | None]]] = {}
            bounds = {**parameters, "first": page[0], "last": after}
            within = "receipt.object >= :first AND receipt.object <= :last"
            for key, source, target in self._connection.rows(
                f"SELECT receipt.object, move.source, move.target FROM {MOVERS} WHERE {MOVING} AND {within}", bounds
            ):
                moves.setdefault(key, []).append((source, target))
            ends: dict[object, set[int]] = {}
            for key, value in self._connection.rows(
                "SELECT receipt.object, kind.value FROM replica_receipts AS receipt, replica_kinds AS kind"
                " WHERE receipt.replica = :replica AND kind.replica = :replica AND kind.id = receipt.kind"
                f" AND kind.binding = :binding AND kind.category = :category AND kind.value IS NOT NULL AND {within}",
                bounds,
            ):
                ends.setdefault(key, set()).add(value)
            self._rewrite(parameters, {key: (moves[key], ends.get(key, set())) for key in page})

    def _page(self, parameters: Parameters, after: object) -> list[object]:
        beyond = "" if after is None else " AND receipt.object > :after"
        rows = self._connection.rows(
            f"SELECT DISTINCT receipt.object FROM {MOVERS} WHERE {MOVING}{beyond} ORDER BY receipt.object LIMIT :limit",
            {**parameters, "after": after, "limit": PAGE_OBJECTS},
        )
        return [key for (key,) in rows]

    def _rewrite(
        self, parameters: Parameters, changed: Mapping[object, tuple[list[tuple[int, int | None]], set[int]]]
    ) -> None:
        own = self._own(":object")
        where = f"WHERE {self._key} = {own}{self._owned('')}"
        written: list[dict[str, Any]] = []
        for key, (moves, ends) in changed.items():
            for (array,) in self._connection.rows(
                f"SELECT {self._column} FROM {self._table} {where}", {**parameters, "object": key}
            ):
                present = orjson.loads(array) if isinstance(array, str | bytes) else array
                after = moved_elements(present, moves, ends)
                if after != present:
                    written.append({**parameters, "object": key, "array": orjson.dumps(after).decode()})
        type_ = self._connection.column_type(self._binding.table, self._binding.column)
        array = f"CAST(:array AS {type_})" if type_ in ("json", "jsonb") and self._dialect.quote == '"' else ":array"
        self._connection.run_many(f"UPDATE {self._table} SET {self._column} = {array} {where}", written)


def moved_elements(array: list[Any], moves: list[tuple[int, int | None]], ends: set[int]) -> list[Any]:
    """*array* after *moves*, (from, to) each, of its object. ends: the values that its receipts end at, which stay."""
    targets: dict[int, set[int]] = {}
    for source, target in moves:
        targets.setdefault(source, set()).update(() if target is None else (target,))
    found: list[Any] = []
    for element in array:
        leaves = type(element) is int and element in targets
        if not leaves or element in ends:
            found.append(element)
        if leaves:
            found += sorted(targets[element])
    return [each for place, each in enumerate(found) if type(each) is not int or each not in found[:place]]


def table_of(binding: TableBinding, connection: Connection) -> Table:
    """The binding's table, to be asked through *connection*."""
    match binding:
        case ColumnBinding():
            return ColumnTable(binding, connection)
        case LinkBinding():
            return LinkTable(binding, connection)
        case JsonBinding():
            return JsonTable(binding, connection)


def _table(dialect: Dialect, name: str) -> str:
    """A table, after a dot also one of another schema."""
    return dialect.quoted(name) if dialect.kind == "sqlite" else ".".join(map(dialect.quoted, name.split(".")))
