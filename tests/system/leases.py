"""Leases of processes that were killed, ended before their time; by themselves they run out some seconds later."""

from contextlib import closing

from sqlalchemy import update

from ats_stub.store import open_database, schema


def end_deliverers_leases(ats_database: str) -> None:
    """Let a new process of the ATS deliver to all subscribers."""
    with closing(open_database(ats_database)) as database, database.write() as connection:
        connection.execute(update(schema.subscriptions).values(leased_until=schema.subscriptions.c.created))
