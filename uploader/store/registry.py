"""The uploader's tenants, tokens and connections."""

from pathlib import Path

from catrelay.database import Database
from catrelay.sql_registry import SqlRegistry

MIGRATIONS = Path(__file__).parent / "migrations"
SCHEMA = "uploader"


def open_database(url: str) -> Database:
    """The uploader's database at *url*; on PostgreSQL other services may share it."""
    return Database(url, schema=SCHEMA)


def open_registry(url: str) -> SqlRegistry:
    """The registry in the database at *url*."""
    return registry_of(open_database(url))


def registry_of(database: Database) -> SqlRegistry:
    """The registry in *database*."""
    return SqlRegistry(database, MIGRATIONS)
