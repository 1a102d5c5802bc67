"""Subscriptions that are paused, change their secret, and show the latest attempts to reach them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("subscriptions", sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("subscriptions", sa.Column("replays", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("subscriptions", sa.Column("attempted", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("subscriptions", sa.Column("old_secret", sa.Text(), nullable=True))
    op.add_column("subscriptions", sa.Column("old_secret_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("subscriptions", sa.Column("next_retry", sa.DateTime(timezone=True), nullable=True))
    op.add_column("failing_pings", sa.Column("since", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE failing_pings SET since = next_attempt")
    op.execute(
        "UPDATE subscriptions SET next_retry = (SELECT min(next_attempt) FROM failing_pings AS f"
        " WHERE f.tenant = subscriptions.tenant AND f.subscription = subscriptions.id)"
    )
    op.create_table(
        "attempts",
        sa.Column("tenant", sa.Integer(), nullable=False),
        sa.Column("subscription", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("pings", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("next_attempt", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.tenant"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["tenant", "subscription"], ["subscriptions.tenant", "subscriptions.id"], ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant", "subscription", "place"),
    )
