"""Categories, without their values."""

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from ats_stub.store import schema
from catrelay.models import Category, Rules

table = schema.categories

_BY_ID = select(table).where(table.c.tenant == bindparam("tenant"), table.c.id == bindparam("id"))
_VERSION = _BY_ID.with_only_columns(table.c.version)


class CategoryStore:
    """The categories of a tenant, its org tree's included."""

    def __init__(self, connection: Connection, tenant: int) -> None:
        self._connection = connection
        self._tenant = tenant

    def listed(self, *, orgs_category: int) -> list[Category]:
        """All but the org tree's, by id."""
        statement = (
            select(table).where(table.c.tenant == self._tenant, table.c.id != orgs_category).order_by(table.c.id)
        )
        return [_category(row) for row in self._connection.execute(statement)]

    def get(self, category: int) -> Category | None:
        """One category."""
        row = self._connection.execute(_BY_ID, {"tenant": self._tenant, "id": category}).one_or_none()
        return None if row is None else _category(row)

    def with_key(self, key: str) -> Category | None:
        """The category with a well-known key."""
        statement = select(table).where(table.c.tenant == self._tenant, table.c.key == key)
        row = self._connection.execute(statement).one_or_none()
        return None if row is None else _category(row)

    def insert(self, category: Category) -> None:
        """Add a category."""
        row = {"tenant": self._tenant, "id": category.id, "key": category.key} | _columns(category)
        self._connection.execute(insert(table).values(row))

    def update(self, category: Category) -> None:
        """Store a category's new state."""
        known = (table.c.tenant == self._tenant) & (table.c.id == category.id)
        self._connection.execute(update(table).where(known).values(_columns(category)))

    def version(self, category: int) -> int | None:
        """Grows with every change of the category or of a value of it; None: there is no such category."""
        return self._connection.scalar(_VERSION, {"tenant": self._tenant, "id": category})

    def delete(self, category: int) -> None:
        """Remove a category and its values, which no object references any more."""
        values = schema.category_values
        self._connection.execute(delete(values).where(values.c.tenant == self._tenant, values.c.category == category))
        self._connection.execute(delete(table).where(table.c.tenant == self._tenant, table.c.id == category))


def _columns(category: Category) -> dict[str, object]:
    return {
        "name": category.name,
        "code": category.code,
        "job_rules": category.job_rules.to_json().decode(),
        "candidate_rules": category.candidate_rules.to_json().decode(),
    }


def _category(row: Row[tuple[object, ...]]) -> Category:
    return Category(
        id=row.id,
        key=row.key,
        name=row.name,
        code=row.code,
        job_rules=Rules.model_validate_json(row.job_rules),
        candidate_rules=Rules.model_validate_json(row.candidate_rules),
    )
