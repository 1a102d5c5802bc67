"""Moves of links in pieces, versions of categories, ready JSON, answers kept for repeats."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ROWS = 1_000
UNKNOWN_PARENT = 0

# Lost links are kept from here on, as those at -seq.
_FOLLOWED = """
    INSERT INTO links (tenant, kind, object, category, value, link, trail, moved_by)
    SELECT tenant, kind, object, category, value,
        row_number() OVER (PARTITION BY tenant ORDER BY kind, object, value), '', moved_by
    FROM (
        SELECT o.tenant, o.kind, o.object, o.category, o.value, coalesce(m.seq, 0) AS moved_by
        FROM old_links AS o LEFT JOIN (
            SELECT r.tenant, r.kind, r.object, j.remapped_to AS value, max(r.seq) AS seq
            FROM receipts AS r JOIN journal AS j ON j.tenant = r.tenant AND j.seq = r.seq
            WHERE j.remapped_to IS NOT NULL GROUP BY r.tenant, r.kind, r.object, j.remapped_to
        ) AS m ON m.tenant = o.tenant AND m.kind = o.kind AND m.object = o.object AND m.value = o.value
        UNION ALL
        SELECT r.tenant, r.kind, r.object, j.category, -r.seq, r.seq
        FROM receipts AS r JOIN journal AS j ON j.tenant = r.tenant AND j.seq = r.seq WHERE j.remapped_to IS NULL
    ) AS followed
"""
_MOVED = """
    UPDATE changes SET kind = 'moved-jobs', moved_by = object, object = coalesce(
        (SELECT j.remapped_to FROM journal AS j WHERE j.tenant = changes.tenant AND j.seq = changes.object), -object
    ) WHERE kind = 'moved'
"""


def upgrade() -> None:
    op.add_column("counters", sa.Column("next_link", sa.BigInteger(), nullable=False, server_default="1"))
    op.add_column("categories", sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("changes", sa.Column("moved_by", sa.BigInteger(), nullable=True))
    _replace_links()
    _make_nodes()
    _make_entries()
    op.create_table(
        "move_dates",
        _tenant(),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "seq"),
    )
    op.create_table(
        "pending_moves",
        _tenant(),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("seq", "category", "source", "target", "before_link")
        ),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("jobs", "users", "candidates")),
        sa.PrimaryKeyConstraint("tenant", "seq"),
    )
    op.create_table(
        "answers",
        _tenant(),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("app", "key", "fingerprint")),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "app", "key"),
    )
    op.create_index("answers_at", "answers", ["tenant", "at"])


def _tenant() -> sa.Column[int]:
    return sa.Column("tenant", sa.Integer(), sa.ForeignKey("tenants.tenant", ondelete="CASCADE"), nullable=False)


def _replace_links() -> None:
    """Each link gets an id of its own. Receipts go: from here on, the links are their own.

    They say what moved a link last, so that undelivered changes are still told of. But not that nobody set it anew
    since: trails stay empty, and what happened before is not taken back.
    """
    op.rename_table("links", "old_links")
    op.drop_index("links_value", "old_links")
    links = op.create_table(
        "links",
        _tenant(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("object", sa.BigInteger(), nullable=False),
        sa.Column("link", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("trail", sa.Text(), nullable=False),
        sa.Column("moved_by", sa.BigInteger(), nullable=False),
        # Not links_pkey: on PostgreSQL the old table still has that name.
        sa.PrimaryKeyConstraint("tenant", "kind", "object", "link", name="links_key"),
        sqlite_with_rowid=False,
    )
    op.execute(_FOLLOWED)
    op.execute(_MOVED)
    counters = sa.table("counters", sa.column("tenant"), sa.column("next_link"))
    last = sa.select(sa.func.coalesce(sa.func.max(links.c.link), 0)).where(links.c.tenant == counters.c.tenant)
    op.execute(sa.update(counters).values(next_link=last.scalar_subquery() + 1))
    op.drop_table("old_links")
    op.drop_table("receipts")
    op.create_index("links_value", "links", ["tenant", "value", "kind", "object", "moved_by"])


def _make_nodes() -> None:
    op.add_column("category_values", sa.Column("node", sa.Text(), nullable=False, server_default="{}"))
    names = ("id", "available", "name", "code", "external_id", "sequence", "parent", "remapped_to", "location")
    _fill("category_values", "id", "node", names, _node)


def _make_entries() -> None:
    op.add_column("journal", sa.Column("parent", sa.BigInteger(), nullable=True))
    op.execute(f"UPDATE journal SET parent = {UNKNOWN_PARENT} WHERE operation = 'remap'")
    op.add_column("journal", sa.Column("entry", sa.Text(), nullable=False, server_default=""))
    names = ("seq", "category", "value", "operation", "remapped_to", "moved", "undoes", "at", "app")
    _fill("journal", "seq", "entry", names, _entry)
    with op.batch_alter_table("journal") as journal:
        journal.alter_column("entry", server_default=None)
        for gone in ("remapped_to", "moved", "app"):
            journal.drop_column(gone)
    op.create_index("journal_value", "journal", ["tenant", "value", "seq"])
    op.create_index("journal_undoes", "journal", ["tenant", "undoes"])


def _fill(
    name: str, key: str, filled: str, names: tuple[str, ...], made: Callable[[sa.RowMapping], dict[str, Any]]
) -> None:
    """Fill the column *filled* of every row with JSON of what *made* returns of the row."""
    table = sa.table(name, sa.column("tenant"), *(sa.column(each) for each in dict.fromkeys((*names, key, filled))))
    connection = op.get_bind()
    keys = connection.execute(sa.select(table.c.tenant, table.c[key])).all()
    for start in range(0, len(keys), ROWS):
        for tenant, number in keys[start : start + ROWS]:
            known = (table.c.tenant == tenant) & (table.c[key] == number)
            row = connection.execute(sa.select(*(table.c[each] for each in names)).where(known)).mappings().one()
            document = {member: value for member, value in made(row).items() if value is not None}
            connection.execute(sa.update(table).where(known).values({filled: orjson.dumps(document).decode()}))


def _node(row: sa.RowMapping) -> dict[str, Any]:
    sequence = row["sequence"]
    return {
        "id": row["id"],
        "available": bool(row["available"]),
        "name": row["name"],
        "code": row["code"],
        "externalId": row["external_id"],
        "sequence": int(sequence) if sequence is not None and sequence == int(sequence) else sequence,
        "parent": row["parent"],
        "remappedTo": row["remapped_to"],
        "location": None if row["location"] is None else orjson.loads(row["location"]),
    }


def _entry(row: sa.RowMapping) -> dict[str, Any]:
    return {
        "seq": row["seq"],
        "category": row["category"],
        "id": row["value"],
        "operation": row["operation"],
        "remappedTo": row["remapped_to"],
        "moved": row["moved"],
        "undoes": row["undoes"],
        "at": _moment(row["at"]),
        "by": row["app"],
    }


def _moment(stored: Any) -> str:
    at = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return str(at.isoformat()).replace("+00:00", "Z")
