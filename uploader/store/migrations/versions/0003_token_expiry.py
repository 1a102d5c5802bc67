"""Tokens expire, and show when they were last used."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("tokens", sa.Column("expires", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tokens", sa.Column("last_used", sa.DateTime(timezone=True), nullable=True))
