"""Values of categories."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, insert, select, update

from ats_stub.domain.values import Value
from ats_stub.store import schema
from ats_stub.store.among import among
from ats_stub.store.gathered import Gathered
from catrelay.models import Location
from catrelay.statements import Statement

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
_BY_IDS = Statement(select(*_FIELDS).where(table.c.tenant == bindparam("tenant"), among(table.c.id)))
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
_CHANGEABLE = [column.name for column in table.columns if not column.primary_key]
_UPDATE = Statement(
    update(table)
    .where(table.c.tenant == bindparam("of_tenant"), table.c.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in _CHANGEABLE})
)


class ValueStore:
    """The values of a tenant. Remembers what it read, so that the rules ask the database once."""

    def __init__(self, connection: Connection, tenant: int, gathered: Gathered | None = None) -> None:
        self._connection = connection
        self._tenant = tenant
        self._gathered = gathered or Gathered()

    def value(self, value_id: int) -> Value | None:
        """One value of any category, available or not."""
        known = self._gathered.by_id
        if value_id not in known:
            row = _BY_ID.row(self._connection, tenant=self._tenant, id=value_id)
            known[value_id] = None if row is None else _value(row)
        return known[value_id]

    def read_all(self, ids: Collection[int]) -> None:
        """Read all these at once: they will be asked for."""
        known = self._gathered
        new_ids = [each for each in ids if each not in known.by_id]
        if new_ids:
            known.by_id.update(dict.fromkeys(new_ids))
            for row in _BY_IDS.rows(self._connection, tenant=self._tenant, ids=orjson.dumps(new_ids).decode()):
                known.note(_value(row))

    def by_external_id(self, category: int, external_id: str) -> Value | None:
        """The value of the category with this externalId, available or not."""
        known, key = self._gathered.by_external_id, (category, external_id)
        if key not in known:
            row = _BY_EXTERNAL_ID.row(self._connection, tenant=self._tenant, category=category, external_id=external_id)
            known[key] = None if row is None else _value(row)
        return known[key]

    def children(self, value_id: int) -> Sequence[int]:
        """The ids of the value's children."""
        return [child for (child,) in _CHILDREN.rows(self._connection, tenant=self._tenant, parent=value_id)]

    def available(self, category: int) -> list[Value]:
        """All available values of the category, in no order."""
        statement = select(*_FIELDS).where(
            table.c.tenant == self._tenant, table.c.category == category, table.c.available.is_(True)
        )
        return [_value(row) for row in self._connection.execute(statement)]

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


class WriteValueStore(ValueStore):
    """The values of a tenant, to be written.

    What is written is gathered; *settle* has to see to it that it is in the database, and is called before a statement
    for which that matters.
    """

    def __init__(self, connection: Connection, tenant: int, gathered: Gathered, settle: Callable[[], object]) -> None:
        super().__init__(connection, tenant, gathered)
        self._settle = settle

    def children(self, value_id: int) -> Sequence[int]:
        """The ids of the value's children."""
        self._settle()
        return super().children(value_id)

    def available(self, category: int) -> list[Value]:
        """All available values of the category, in no order."""
        self._settle()
        return super().available(category)

    def look_up(self, category: int, ids: Collection[int], external_ids: Collection[str]) -> None:
        """Read all these at once: the rules will ask for them."""
        self.read_all(ids)
        known = self._gathered
        new_names = [each for each in external_ids if (category, each) not in known.by_external_id]
        if new_names:
            known.by_external_id.update(dict.fromkeys((category, each) for each in new_names))
            of_category = select(*_FIELDS).where(table.c.tenant == self._tenant, table.c.category == category)
            for row in self._connection.execute(of_category.where(table.c.external_id.in_(new_names))):
                known.note(_value(row))

    def insert(self, value: Value) -> None:
        """Add a value."""
        self._gather(value, _INSERT, {"tenant": self._tenant, "id": value.id})

    def update(self, value: Value) -> None:
        """Store a value's new state."""
        self._gather(value, _UPDATE, {"of_tenant": self._tenant, "of_id": value.id})

    def forget(self) -> None:
        """Know nothing of what was read or written before: values were removed."""
        self._settle()
        self._gathered.forget()

    def _gather(self, value: Value, statement: Statement, key: dict[str, object]) -> None:
        self._gathered.rows.append((statement, key | _columns(value)))
        self._gathered.note(value)


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
