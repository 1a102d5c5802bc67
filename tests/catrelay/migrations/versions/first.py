"""The registry's tables."""

from alembic import op
from sqlalchemy import MetaData

from catrelay.sql_registry import registry_tables

revision = "first"
down_revision = None


def upgrade() -> None:
    metadata = MetaData()
    registry_tables(metadata)
    metadata.create_all(op.get_bind())
