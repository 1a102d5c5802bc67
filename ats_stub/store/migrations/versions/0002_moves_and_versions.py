"""Moves of links in pieces, versions of categories, answers kept for repeats."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    pass
