"""Values of categories, and the references of objects to them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, literal, select, update

from ats_stub.domain.values import Value
from ats_stub.store import schema
from catrelay.models import Location

table = schema.category_values
links = schema.links
receipts = schema.receipts

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
_BY_ID = select(*_FIELDS).where(table.c.tenant == bindparam("tenant"), table.c.id == bindparam("id"))
_BY_EXTERNAL_ID = select(*_FIELDS).where(
    table.c.tenant == bindparam("tenant"),
    table.c.category == bindparam("category"),
    table.c.external_id == bindparam("external_id"),
)
_CHILDREN = select(table.c.id).where(table.c.tenant == bindparam("tenant"), table.c.parent == bindparam("parent"))


class ValueStore:
    """The values of a tenant. Remembers what it read, so that the rules of a batch ask the database once."""

    def __init__(self, connection: Connection, tenant: int) -> None:
        self._connection = connection
        self._tenant = tenant
        self._known: dict[int, Value | None] = {}

    def value(self, value_id: int) -> Value | None:
        """One value of any category, available or not."""
        if value_id not in self._known:
            row = self._connection.execute(_BY_ID, {"tenant": self._tenant, "id": value_id}).one_or_none()
            self._known[value_id] = None if row is None else _value(row)
        return self._known[value_id]

    def by_external_id(self, category: int, external_id: str) -> Value | None:
        """The value of the category with this externalId, available or not."""
        given = {"tenant": self._tenant, "category": category, "external_id": external_id}
        row = self._connection.execute(_BY_EXTERNAL_ID, given).one_or_none()
        return None if row is None else _value(row)

    def children(self, value_id: int) -> Sequence[int]:
        """The ids of the value's children."""
        return list(self._connection.scalars(_CHILDREN, {"tenant": self._tenant, "parent": value_id}))

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

    def insert(self, value: Value) -> None:
        """Add a value."""
        self._connection.execute(insert(table), {"tenant": self._tenant, "id": value.id} | _columns(value))
        self._known[value.id] = value

    def update(self, value: Value) -> None:
        """Store a value's new state."""
        known = and_(table.c.tenant == self._tenant, table.c.id == value.id)
        self._connection.execute(update(table).where(known).values(_columns(value)))
        self._known[value.id] = value

    def take_away(self, value_id: int, *, seq: int) -> int:
        """Remove every reference to the value, with a receipt each for *seq*. Returns how many objects had one."""
        count = self._write_receipts(value_id, seq=seq, target=None)
        self._connection.execute(delete(links).where(links.c.tenant == self._tenant, links.c.value == value_id))
        return count

    def move(self, value_id: int, *, to: int, seq: int) -> int:
        """Point every reference to the value at *to* instead, with a receipt each for *seq*.

        An object that has *to* already keeps it once. Returns how many objects had a reference.
        """
        count = self._write_receipts(value_id, seq=seq, target=to)
        moved_by_seq = and_(
            receipts.c.tenant == links.c.tenant,
            receipts.c.seq == seq,
            receipts.c.kind == links.c.kind,
            receipts.c.object == links.c.object,
            receipts.c.kept.is_(False),
        )
        from_value = and_(links.c.tenant == self._tenant, links.c.value == value_id)
        self._connection.execute(update(links).where(from_value, exists().where(moved_by_seq)).values(value=to))
        self._connection.execute(delete(links).where(from_value))
        return count

    def _write_receipts(self, value_id: int, *, seq: int, target: int | None) -> int:
        has_target = links.alias("has_target")
        kept = exists().where(
            has_target.c.tenant == links.c.tenant,
            has_target.c.kind == links.c.kind,
            has_target.c.object == links.c.object,
            has_target.c.category == links.c.category,
            has_target.c.value == target,
        )
        moving = select(
            links.c.tenant, literal(seq), links.c.kind, links.c.object, literal(False) if target is None else kept
        ).where(links.c.tenant == self._tenant, links.c.value == value_id)
        written = self._connection.execute(
            insert(receipts).from_select(["tenant", "seq", "kind", "object", "kept"], moving),
            execution_options={"preserve_rowcount": True},
        )
        return written.rowcount

    def touch_moved_jobs(self, *, seq: int, at: object) -> int:
        """Bump dateLastUpdated of the jobs that *seq* moved. Returns how many."""
        jobs = schema.jobs
        moved = select(receipts.c.object).where(
            receipts.c.tenant == self._tenant, receipts.c.seq == seq, receipts.c.kind == "job"
        )
        statement = update(jobs).where(jobs.c.tenant == self._tenant, jobs.c.id.in_(moved))
        return self._connection.execute(statement.values(date_last_updated=at)).rowcount


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
