"""The ATS's tenants and tokens."""

import uuid
from pathlib import Path

from sqlalchemy import Connection, insert

from ats_stub.store import schema
from catrelay.database import Database
from catrelay.models import Rules
from catrelay.sql_registry import SqlRegistry

MIGRATIONS = Path(__file__).parent / "migrations"
ORGS_NAME = "Orgs"
_RULES = Rules(mandatory=False, can_multi_select=False, leaf_selection_only=False).to_json().decode()


def open_database(url: str) -> Database:
    """The ATS's database."""
    return Database(url, schema="ats")


def open_registry(url: str) -> SqlRegistry:
    """The registry in the database at *url*."""
    return registry_of(open_database(url))


def registry_of(database: Database) -> SqlRegistry:
    """The registry in *database*. A tenant starts with its counters and with the category of its org tree."""
    return SqlRegistry(database, MIGRATIONS, on_new_tenant=_prepare)


def _prepare(connection: Connection, tenant: int) -> None:
    orgs = 1
    connection.execute(
        insert(schema.counters).values(
            tenant=tenant, next_id=orgs + 1, seq=0, position=0, epoch=str(uuid.uuid4()), orgs_category=orgs
        )
    )
    connection.execute(
        insert(schema.categories).values(
            tenant=tenant, id=orgs, name=ORGS_NAME, job_rules=_RULES, candidate_rules=_RULES
        )
    )
