"""Values of categories."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, and_, bindparam, insert, select, update

from ats_stub.domain.values import Value
from ats_stub.store import schema
from catrelay.models import Location
from catrelay.statements import Statement
from catrelay.trees import nested_json

table = schema.category_values

_MAX_EXACT = 2**53

# In the order of Value's fields.
_FIELDS = (
    table.c.id,
    table.c.category,
    table.c.name,
    table.c.available,
    table.c.code,
    table.c.external_id,
    table.c.sequence,
    table.c.parent,
    table.c.remapped_to,
    table.c.location,
)

# Built once: the rules of a batch run them per node.
_BY_ID = Statement(select(*_FIELDS).where(table.c.tenant == bindparam("tenant"), table.c.id == bindparam("id")))
_BY_EXTERNAL_ID = Statement(
    select(*_FIELDS).where(
        table.c.tenant == bindparam("tenant"),
        table.c.category == bindparam("category"),
        table.c.external_id == bindparam("external_id"),
    )
)
_CHILDREN = Statement(
    select(table.c.id).where(table.c.tenant == bindparam("tenant"), table.c.parent == bindparam("parent"))
)
_INSERT = Statement(insert(table))
_NODES = select(table.c.id, table.c.parent, table.c.sequence, table.c.name, table.c.node).where(
    table.c.tenant == bindparam("tenant"), table.c.category == bindparam("category"), table.c.available.is_(True)
)


class ValueStore:
    """The values of a tenant. Remembers what it read, so that the rules of a batch ask the database once."""

    def __init__(self, connection: Connection, tenant: int) -> None:
        self._connection = connection
        self._tenant = tenant
        self._known: dict[int, Value | None] = {}

    def value(self, value_id: int) -> Value | None:
        """One value of any category, available or not."""
        if value_id not in self._known:
            row = _BY_ID.row(self._connection, tenant=self._tenant, id=value_id)
            self._known[value_id] = None if row is None else _value(row)
        return self._known[value_id]

    def by_external_id(self, category: int, external_id: str) -> Value | None:
        """The value of the category with this externalId, available or not."""
        row = _BY_EXTERNAL_ID.row(self._connection, tenant=self._tenant, category=category, external_id=external_id)
        return None if row is None else _value(row)

    def children(self, value_id: int) -> Sequence[int]:
        """The ids of the value's children."""
        return [child for (child,) in _CHILDREN.rows(self._connection, tenant=self._tenant, parent=value_id)]

    def available(self, category: int) -> list[Value]:
        """All available values of the category, in no order."""
        statement = select(*_FIELDS).where(
            table.c.tenant == self._tenant, table.c.category == category, table.c.available.is_(True)
        )
        return [_value(row) for row in self._connection.execute(statement)]

    def tree(self, category: int) -> bytes:
        """The available values of the category, nested and in order: JSON of CategoryValues."""
        rows = self._connection.execute(_NODES, {"tenant": self._tenant, "category": category})
        return nested_json(rows.all())  # at once: row by row, fetching costs half of it all

    def documents(self, category: int) -> list[dict[str, Any]]:
        """The available values of the category as answered, in no order."""
        rows = self._connection.execute(_NODES, {"tenant": self._tenant, "category": category})
        return [orjson.loads(document) for *_, document in rows]

    def unavailable(self, category: int, *, after: int, limit: int) -> list[Value]:
        """Unavailable values of the category with an id above *after*, by id."""
        statement = (
            select(*_FIELDS)
            .where(
                table.c.tenant == self._tenant,
                table.c.category == category,
                table.c.available.is_(False),
                table.c.id > after,
            )
            .order_by(table.c.id)
            .limit(limit)
        )
        return [_value(row) for row in self._connection.execute(statement)]

    def insert(self, value: Value) -> None:
        """Add a value."""
        _INSERT.run(self._connection, {"tenant": self._tenant, "id": value.id} | _columns(value))
        self._known[value.id] = value

    def update(self, value: Value) -> None:
        """Store a value's new state."""
        known = and_(table.c.tenant == self._tenant, table.c.id == value.id)
        self._connection.execute(update(table).where(known).values(_columns(value)))
        self._known[value.id] = value


def _columns(value: Value) -> dict[str, object]:
    return {
        "category": value.category,
        "name": value.name,
        "code": value.code,
        "external_id": value.external_id,
        "sequence": value.sequence,
        "parent": value.parent,
        "available": value.available,
        "remapped_to": value.remapped_to,
        "location": None if value.location is None else value.location.to_json().decode(),
        "node": orjson.dumps(value.document()).decode(),
    }


def _value(row: Sequence[Any]) -> Value:
    # By position: attribute access on rows costs more than all the rest of reading a large tree.
    value_id, category, name, available, code, external_id, sequence, parent, remapped_to, location = row
    return Value(
        value_id,
        category,
        name,
        available,
        code,
        external_id,
        _number(sequence),
        parent,
        remapped_to,
        None if location is None else Location.model_validate_json(location),
    )


def _number(stored: float | None) -> int | float | None:
    """A whole number is answered as one: 1, not 1.0."""
    if stored is not None and abs(stored) < _MAX_EXACT and stored == int(stored):
        return int(stored)
    return stored
