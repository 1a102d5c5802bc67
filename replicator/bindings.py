"""Which of the app's tables hold values, and how their rows follow a transfer: set-based, never row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlite_utils

from catrelay.models import JournalEntry
from replicator.domain.transfers import Policy, Transfer

Parameters = dict[str, int | str]

# Objects whose pins moved; `replica_pins` and `moving_left` are explained in transfer.py.
_MOVED = (
    "pin.tenant = :tenant AND pin.binding = :binding AND pin.category = :category"
    " AND pin.object IN (SELECT object FROM moving_left)"
)


class CallableBinding(Protocol):
    """For everything else: called with each page of entries, in the transaction that saves the cursor.

    A replica without a journal to read (it was compacted) gives *settled* instead: where objects belong now.
    Returns how many objects were moved. An exception takes the whole page back, and it is tried again later.
    """

    def __call__(
        self, db: sqlite_utils.Database, entries: Sequence[JournalEntry], settled: Sequence[Transfer]
    ) -> int: ...


@dataclass(frozen=True)
class ColumnBinding:
    """A column with the one value of each object; null for none.

    kind: what the objects are called, in the plural; singular: the same for one, without it kind without its "s".
    key: never given to another object, even after a deletion.
    category: the id of the category whose values the column holds; or category_column: the column that says it.
    tenant_column: of the tenant's number; None when the table has one tenant only. label_column: what an object is
    called in summaries.
    """

    kind: str
    table: str
    key: str
    column: str
    category: int | None = None
    category_column: str | None = None
    tenant_column: str | None = "tenant"
    label_column: str | None = None
    singular: str | None = None
    on_inactivation: Policy = "unhook"

    def __post_init__(self) -> None:
        _one_category(self.category, self.category_column)

    @property
    def name(self) -> str:
        """What receipts know the binding by; it must stay the same."""
        return f"{self.table}.{self.column}"

    def covers(self, category: int) -> bool:
        """Whether objects can be pinned to values of the category."""
        return self.category in (None, category)

    def links(self) -> str:
        """A SELECT of the (object, value) of all pins of tenant :tenant to values of :category."""
        conditions = [f"{quoted(self.column)} IS NOT NULL", *_ownership(self.tenant_column, self.category_column)]
        return (
            f"SELECT {quoted(self.key)} AS object, {quoted(self.column)} AS value FROM {quoted(self.table)}"
            f" WHERE {' AND '.join(conditions)}"
        )

    def labels(self) -> str | None:
        """A SELECT of what to call :object of tenant :tenant."""
        return _labels(self.table, self.key, self.label_column, self.tenant_column)

    def follow_receipts(self, db: sqlite_utils.Database, parameters: Parameters) -> None:
        """Bring the objects' rows in line with their pins."""
        owned = [
            f"app.{quoted(self.key)} = pin.object",
            *_ownership(self.tenant_column, self.category_column, prefix="app."),
        ]
        db.execute(
            f"UPDATE {quoted(self.table)} AS app SET {quoted(self.column)} = pin.value"
            f" FROM replica_pins AS pin WHERE {' AND '.join(owned)} AND {_MOVED}",
            parameters,
        )
        if self.on_inactivation == "delete":
            _delete_objects(db, self.table, self.key, self.tenant_column, parameters)


@dataclass(frozen=True)
class LinkBinding:
    """A table of (object, value) pairs for objects with any number of values; each pair stands there once.

    Other columns of the table need defaults: a move removes one row and adds another. objects, key: the table of the
    objects themselves and its key column, for labels and for `delete`.
    """

    kind: str
    table: str
    object_column: str
    value_column: str
    objects: str
    key: str = "id"
    category: int | None = None
    category_column: str | None = None
    tenant_column: str | None = "tenant"
    label_column: str | None = None
    singular: str | None = None
    on_inactivation: Policy = "unhook"

    def __post_init__(self) -> None:
        _one_category(self.category, self.category_column)

    @property
    def name(self) -> str:
        return f"{self.table}.{self.value_column}"

    def covers(self, category: int) -> bool:
        return self.category in (None, category)

    def links(self) -> str:
        conditions = _ownership(self.tenant_column, self.category_column) or ["TRUE"]
        return (
            f"SELECT {quoted(self.object_column)} AS object, {quoted(self.value_column)} AS value"
            f" FROM {quoted(self.table)} WHERE {' AND '.join(conditions)}"
        )

    def labels(self) -> str | None:
        return _labels(self.objects, self.key, self.label_column, self.tenant_column)

    def follow_receipts(self, db: sqlite_utils.Database, parameters: Parameters) -> None:
        link = f"({quoted(self.object_column)}, {quoted(self.value_column)})"
        abandoned = [
            f"{link} IN (SELECT object, value FROM moving_left)",
            *_ownership(self.tenant_column, self.category_column),
            f"{link} NOT IN (SELECT pin.object, pin.value FROM replica_pins AS pin"
            f" WHERE {_MOVED} AND pin.value IS NOT NULL)",
        ]
        db.execute(f"DELETE FROM {quoted(self.table)} WHERE {' AND '.join(abandoned)}", parameters)
        given = [
            (column, parameter)
            for column, parameter in ((self.tenant_column, ":tenant"), (self.category_column, ":category"))
            if column is not None
        ]
        columns = ", ".join(map(quoted, [self.object_column, self.value_column, *(column for column, _ in given)]))
        values = ", ".join(["pin.object", "pin.value", *(parameter for _, parameter in given)])
        db.execute(
            f"INSERT INTO {quoted(self.table)} ({columns}) SELECT DISTINCT {values} FROM replica_pins AS pin"
            f" WHERE {_MOVED} AND pin.value IS NOT NULL"
            f" AND NOT EXISTS (SELECT 1 FROM ({self.links()}) AS link"
            " WHERE link.object = pin.object AND link.value = pin.value)",
            parameters,
        )
        if self.on_inactivation == "delete":
            _delete_objects(db, self.table, self.object_column, self.tenant_column, parameters)
            _delete_objects(db, self.objects, self.key, self.tenant_column, parameters)


TableBinding = ColumnBinding | LinkBinding
Binding = TableBinding | CallableBinding


def quoted(identifier: str) -> str:
    """An SQL identifier, whatever characters it has."""
    return '"' + identifier.replace('"', '""') + '"'


def _one_category(category: int | None, category_column: str | None) -> None:
    if (category is None) == (category_column is None):
        raise ValueError("a binding has either a category or a category_column")


def _ownership(tenant_column: str | None, category_column: str | None, *, prefix: str = "") -> list[str]:
    columns = ((tenant_column, ":tenant"), (category_column, ":category"))
    return [f"{prefix}{quoted(column)} = {parameter}" for column, parameter in columns if column is not None]


def _labels(table: str, key: str, label_column: str | None, tenant_column: str | None) -> str | None:
    if label_column is None:
        return None
    conditions = [f"{quoted(key)} = :object", *_ownership(tenant_column, None)]
    return f"SELECT {quoted(label_column)} FROM {quoted(table)} WHERE {' AND '.join(conditions)}"


def _delete_objects(
    db: sqlite_utils.Database, table: str, key: str, tenant_column: str | None, parameters: Parameters
) -> None:
    conditions = [
        f"{quoted(key)} IN (SELECT pin.object FROM replica_pins AS pin WHERE {_MOVED} AND pin.value IS NULL)",
        *_ownership(tenant_column, None),
    ]
    db.execute(f"DELETE FROM {quoted(table)} WHERE {' AND '.join(conditions)}", parameters)
