"""A table of a service's own."""

import sqlalchemy as sa
from alembic import op

from catrelay.database import UtcDateTime

revision = "second"
down_revision = "first"


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("tenant", sa.Integer(), sa.ForeignKey("tenants.tenant", ondelete="CASCADE"), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("at", UtcDateTime(), nullable=True),
    )
