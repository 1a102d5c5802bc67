"""Stored secrets, brought under the first of the keys that there are."""

from sqlalchemy import select, update

from ats_stub.store import schema
from ats_stub.store.unit import Store

table = schema.subscriptions
SECRETS = (table.c.secret, table.c.old_secret)


def seal_all(store: Store) -> int:
    """Seal by the first key what is stored in clear, or sealed by another. Returns how many secrets that were.

    Harmless while others serve, or do the same. Raises SecretKeyMissing, with nothing changed.
    """
    # In the order in which the removal of a tenant locks them: or each could wait for the other.
    in_order = select(table.c.tenant, table.c.id, *SECRETS).order_by(table.c.tenant, table.c.id)
    with store.database.read() as connection:
        rows = connection.execute(in_order).mappings().all()
    changed = [
        (row, column, renewed)
        for row in rows
        for column in SECRETS
        if row[column] is not None and (renewed := store.vault.renew(row[column])) != row[column]
    ]
    if not changed:
        return 0
    with store.database.write() as connection:
        for row, column, renewed in changed:
            # What somebody exchanged meanwhile is not found.
            is_that = (table.c.tenant == row["tenant"]) & (table.c.id == row["id"]) & (column == row[column])
            connection.execute(update(table).where(is_that).values({column: renewed}))
    return len(changed)
