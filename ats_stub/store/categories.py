"""Categories, without their values."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, delete, insert, select, update

from ats_stub.store import schema
from catrelay.models import Category, Rules
from catrelay.statements import Statement

table = schema.categories

_CATEGORY = select(table.c.id, table.c.key, table.c.name, table.c.code, table.c.job_rules, table.c.candidate_rules)
_OF_ID = _CATEGORY.where(table.c.tenant == bindparam("tenant"), table.c.id == bindparam("id"))
_BY_ID = Statement(_OF_ID)
_VERSION = Statement(_OF_ID.with_only_columns(table.c.version))


def has_category(connection: Connection, tenant: int, category: int) -> bool:
    """Whether there is such a category."""
    return _BY_ID.row(connection, tenant=tenant, id=category) is not None


class CategoryStore:
    """The categories of a tenant, its org tree's included.

    known: those that were read before in the same transaction. Emptied by any change, also by one that fails later.
    to_write: the connection, once it may be written to.
    """

    def __init__(
        self, connection: Connection, tenant: int, known: dict[int, Category], to_write: Callable[[], Connection]
    ) -> None:
        self._connection = connection
        self._tenant = tenant
        self._known = known
        self._to_write = to_write

    def listed(self, *, orgs_category: int) -> list[Category]:
        """All but the org tree's, by id."""
        statement = _CATEGORY.where(table.c.tenant == self._tenant, table.c.id != orgs_category).order_by(table.c.id)
        return [_category(row) for row in self._connection.execute(statement)]

    def get(self, category: int) -> Category | None:
        """One category."""
        if category not in self._known:
            row = _BY_ID.row(self._connection, tenant=self._tenant, id=category)
            if row is None:
                return None
            self._known[category] = _category(row)
        return self._known[category]

    def with_key(self, key: str) -> Category | None:
        """The category with a well-known key."""
        statement = _CATEGORY.where(table.c.tenant == self._tenant, table.c.key == key)
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _category(row)

    def insert(self, category: Category) -> None:
        """Add a category."""
        row = {"tenant": self._tenant, "id": category.id, "key": category.key} | _columns(category)
        self._change(insert(table).values(row))

    def update(self, category: Category) -> None:
        """Store a category's new state."""
        known = (table.c.tenant == self._tenant) & (table.c.id == category.id)
        self._change(update(table).where(known).values(_columns(category)))

    def version(self, category: int) -> int | None:
        """Grows with every change of the category or of a value of it; None: there is no such category."""
        row = _VERSION.row(self._connection, tenant=self._tenant, id=category)
        return None if row is None else row[0]

    def delete(self, category: int) -> None:
        """Remove a category and its values, which no object references any more."""
        values = schema.category_values
        self._change(delete(values).where(values.c.tenant == self._tenant, values.c.category == category))
        self._change(delete(table).where(table.c.tenant == self._tenant, table.c.id == category))

    def _change(self, statement: Executable) -> None:
        self._known.clear()
        # What this part of the transaction reads from now on is not for the next one: it may yet be rolled back.
        self._known = {}
        self._to_write().execute(statement)


def _columns(category: Category) -> dict[str, object]:
    return {
        "name": category.name,
        "code": category.code,
        "job_rules": category.job_rules.to_json().decode(),
        "candidate_rules": category.candidate_rules.to_json().decode(),
    }


def _category(row: Sequence[Any]) -> Category:
    category, key, name, code, job_rules, candidate_rules = row
    return Category(
        id=category,
        key=key,
        name=name,
        code=code,
        job_rules=Rules.model_validate_json(job_rules),
        candidate_rules=Rules.model_validate_json(candidate_rules),
    )
