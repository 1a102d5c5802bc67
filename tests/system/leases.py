"""Leases of processes that were killed, ended before their time; by themselves they run out some seconds later."""

from contextlib import closing

from sqlalchemy import update

from ats_stub.store import open_database, schema
from replicator.careersite.store import open_store


def end_deliverers_leases(ats_database: str) -> None:
    """Let a new process of the ATS deliver to all subscribers."""
    with closing(open_database(ats_database)) as database, database.write() as connection:
        connection.execute(update(schema.subscriptions).values(leased_until=schema.subscriptions.c.created))


def end_replicators_lease(careersite_database: str, tenant: str) -> None:
    """Let a new process of the career site follow the ATS."""
    store = open_store(careersite_database)
    try:
        with store.write(tenant) as unit:
            unit.replica.take_lease(None)
    finally:
        store.registry.close()
