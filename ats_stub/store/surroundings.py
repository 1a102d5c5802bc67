"""What stands above values, and how much else stands there."""

from collections.abc import Collection

from sqlalchemy import Connection, func, select

from ats_stub.domain.merges import Surroundings
from ats_stub.store import schema

table = schema.category_values


def read_surroundings(connection: Connection, tenant: int, values: Collection[int]) -> Surroundings:
    """What stands above *values*, of any categories."""
    above = table.alias("above")
    chosen = select(table.c.id, table.c.parent).where(table.c.tenant == tenant, table.c.id.in_(values))
    upwards = chosen.cte("upwards", recursive=True)
    upwards = upwards.union(
        select(above.c.id, above.c.parent).join(upwards, above.c.id == upwards.c.parent).where(above.c.tenant == tenant)
    )
    rows = connection.execute(select(upwards.c.id, upwards.c.parent).where(upwards.c.parent.is_not(None)))
    parents: dict[int, int] = {row.id: row.parent for row in rows}
    counts = connection.execute(
        select(table.c.parent, func.count().label("children"))
        .where(table.c.tenant == tenant, table.c.parent.in_(set(parents.values())), table.c.available.is_(True))
        .group_by(table.c.parent)
    )
    return Surroundings(parents, {row.parent: row.children for row in counts})
