"""A database from before there was full text search."""

import orjson
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from ats_stub.store import open_database, open_registry
from ats_stub.store.registry import MIGRATIONS
from ats_stub.store.search import search_index

JOB = (
    "INSERT INTO jobs (tenant, id, document, words, template, active, available_externally, date_last_updated)"
    " VALUES (:tenant, :id, :document, '', false, true, true, '2026-11-22 09:00:00')"
)


def test_jobs_that_are_there_can_be_found(empty_database_url: str) -> None:
    documents = {5: {"title": "Straße"}, 6: {"title": "...", "company": "x"}, 7: {"description": "Café", "code": "c9"}}
    database = open_database(empty_database_url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("CREATE SCHEMA ats"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        tenant = connection.scalar(text("INSERT INTO tenants (name) VALUES ('acme') RETURNING tenant"))
        for job, document in documents.items():
            row = {"tenant": tenant, "id": job, "document": orjson.dumps(document).decode()}
            connection.execute(text(JOB), row)

    registry = open_registry(empty_database_url)
    registry.migrate()
    registry.close()

    with database.write() as connection:
        index = search_index(connection, tenant or 0)
        for keywords, expected in {"strasse": [5], "cafe C9": [7], "x": []}.items():
            matching = index.matching("job", keywords)
            assert matching is not None
            assert list(connection.scalars(matching)) == expected
        index.put("job", 7, ["new"])
        assert connection.scalar(text("SELECT count(*) FROM search")) == 2
    database.close()
