"""The ATS's tenants and tokens."""

import uuid
from pathlib import Path

from sqlalchemy import Connection, insert, select

from ats_stub.store import schema
from catrelay.database import Database
from catrelay.models import Rules
from catrelay.sql_registry import SqlRegistry

MIGRATIONS = Path(__file__).parent / "migrations"
ORGS_NAME = "Orgs"
# Several: a user may have them. A job has one org whatever the rules are.
_RULES = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False).to_json().decode()


def open_database(url: str) -> Database:
    """The ATS's database."""
    return Database(url, schema="ats")


def open_registry(url: str) -> SqlRegistry:
    """The registry in the database at *url*."""
    return registry_of(open_database(url))


def registry_of(database: Database) -> SqlRegistry:
    """The registry in *database*. A tenant starts with its counters and with the category of its org tree."""
    return SqlRegistry(database, MIGRATIONS, on_new_tenant=_prepare, before_removal=_hold)


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


def _hold(connection: Connection, tenant: int) -> None:
    # What writes to a tenant locks its counters first, what delivers its pings the subscription; both then insert rows
    # that refer to the tenant. Once the removal has these locks, whoever comes later waits without holding anything.
    counters, subscriptions = schema.counters.c, schema.subscriptions.c
    connection.execute(select(counters.seq).where(counters.tenant == tenant).with_for_update())
    of_tenant = select(subscriptions.id).where(subscriptions.tenant == tenant).order_by(subscriptions.id)
    connection.execute(of_tenant.with_for_update())
