"""Since when nothing brings an upload forward."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("uploads", sa.Column("stuck_since", sa.DateTime(timezone=True), nullable=True))
