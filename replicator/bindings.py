"""Which of the app's tables hold values, and what becomes of their rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from replicator.domain.transfers import Policy, Transfer


@dataclass(frozen=True)
class Inactivation:
    """Objects whose value was inactivated without remap. objects: their keys, a thousand at most; others follow."""

    kind: str
    category: int
    value: int
    objects: Sequence[Any]


OnInactivation = Policy | Callable[[Any, Inactivation], None]
"""A `Policy`; or what is called with the transaction (see `CallableBinding`) and the objects, which it pins elsewhere,
changes or leaves. What it leaves keeps the unavailable value."""


class CallableBinding(Protocol):
    """For everything else: called in the transaction that saves the cursor.

    db: an `sqlite_utils.Database`, or an `sqlalchemy.Connection` where the replica lives in such a database; it neither
    commits nor rolls back. transfers: to be carried out in this order. Returns how many objects were moved. An
    exception takes the whole transaction back, and it is tried again later.
    """

    def __call__(self, db: Any, transfers: Sequence[Transfer]) -> int: ...


@dataclass(frozen=True)
class _TableBinding:
    """Where values are pinned to objects of a table.

    kind: what the objects are called, in the plural; singular: the same for one, without it kind without its "s".
    category: the id of the category whose values are pinned; or category_column: the column that says it.
    tenant_column: of the tenant's key in the app; None when the table has one tenant only. label_column: what an object
    is called in summaries.
    """

    kind: str
    table: str
    category: int | None = field(default=None, kw_only=True)
    category_column: str | None = field(default=None, kw_only=True)
    tenant_column: str | None = field(default=None, kw_only=True)
    label_column: str | None = field(default=None, kw_only=True)
    singular: str | None = field(default=None, kw_only=True)
    on_inactivation: OnInactivation = field(default="unhook", kw_only=True)

    def __post_init__(self) -> None:
        if (self.category is None) == (self.category_column is None):
            raise ValueError("a binding has either a category or a category_column")

    def covers(self, category: int) -> bool:
        """Whether objects can be pinned to values of the category."""
        return self.category in (None, category)


@dataclass(frozen=True)
class ColumnBinding(_TableBinding):
    """A column with the one value of each object; null for none.

    key: never given to another object, even after a deletion.
    """

    key: str
    column: str

    @property
    def name(self) -> str:
        """What receipts know the binding by; it must stay the same."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class LinkBinding(_TableBinding):
    """A table of (object, value) pairs for objects with any number of values; each pair stands there once.

    Other columns of the table need defaults: a move removes one row and adds another. objects, key: the table of the
    objects themselves and its key column, for labels and for `delete`.
    """

    object_column: str
    value_column: str
    objects: str
    key: str = "id"

    @property
    def name(self) -> str:
        return f"{self.table}.{self.value_column}"


@dataclass(frozen=True)
class JsonBinding(_TableBinding):
    """A column with a JSON array of the ids of each object's values, as JSON or as text. Other elements stay.

    A remapped value's place in the array is taken by its target. No index leads from a value to its objects: each
    transfer of the category reads the table.
    """

    key: str
    column: str

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


TableBinding = ColumnBinding | LinkBinding | JsonBinding
Binding = TableBinding | CallableBinding


def policy_of(binding: TableBinding) -> Policy | None:
    """What becomes of the binding's objects without remap; None: a callable is told and decides."""
    return None if callable(binding.on_inactivation) else binding.on_inactivation
