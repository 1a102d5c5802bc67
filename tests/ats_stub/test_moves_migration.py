"""A database from before links were their own receipts."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from ats_stub.domain.pings import Place
from ats_stub.operations.undo import undo
from ats_stub.store import Store, open_database, open_registry
from ats_stub.store.counters import read_counters
from ats_stub.store.registry import MIGRATIONS
from ats_stub.store.windows import Log, Windows
from catrelay.database import Database
from catrelay.models import Rules
from catrelay.problems import CannotUndo

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
AT = "'2026-11-22 08:00:00'"
RULES = Rules(mandatory=False, can_multi_select=True, leaf_selection_only=False).to_json().decode()

# Value 3 was remapped to 4, which job 8 had already; value 5 was inactivated. Nobody was told so far.
ROWS = (
    "tenants (tenant, name) VALUES (1, 'acme')",
    "counters (tenant, next_id, seq, position, epoch, orgs_category) VALUES (1, 9, 2, 2, 'e', 1)",
    *(
        f"categories (tenant, id, name, job_rules, candidate_rules) VALUES (1, {category}, 'x', '{RULES}', '{RULES}')"
        for category in (1, 2)
    ),
    "category_values (tenant, id, category, name, available, remapped_to)"
    " VALUES (1, 3, 2, 'a', false, 4), (1, 4, 2, 'b', true, NULL), (1, 5, 2, 'c', false, NULL)",
    "jobs (tenant, id, document, words, template, active, available_externally, date_last_updated)"
    f" VALUES (1, 6, '{{}}', '', false, true, false, {AT}), (1, 7, '{{}}', '', false, true, false, {AT}),"
    f" (1, 8, '{{}}', '', false, true, false, {AT})",
    "links (tenant, kind, object, category, value) VALUES (1, 'job', 6, 2, 4), (1, 'job', 8, 2, 4)",
    "journal (tenant, seq, category, value, operation, remapped_to, moved, at, app)"
    f" VALUES (1, 1, 2, 3, 'remap', 4, 2, {AT}, 'x'), (1, 2, 2, 5, 'inactivate', NULL, 1, {AT}, 'x')",
    "receipts (tenant, seq, kind, object, kept)"
    " VALUES (1, 1, 'job', 6, false), (1, 1, 'job', 8, true), (1, 2, 'job', 7, false)",
    "changes (tenant, position, kind, object, category, operation, at)"
    f" VALUES (1, 1, 'moved', 1, 2, 'update', {AT}), (1, 2, 'moved', 2, 2, 'update', {AT})",
)


@pytest.fixture
def database(empty_database_url: str) -> Iterator[Database]:
    """Migrated."""
    database = open_database(empty_database_url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("CREATE SCHEMA ats"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for rows in ROWS:
            connection.exec_driver_sql(f"INSERT INTO {rows}")
    registry = open_registry(empty_database_url)
    registry.migrate()
    registry.close()
    yield database
    database.close()


def test_what_was_moved_is_still_told_of(database: Database) -> None:
    with database.read() as connection:
        counters = read_counters(connection, 1)
        log = Log(1, counters.position, counters.orgs_category)
        window = Windows().after(connection, log, Place(0), ["jobs/open"], NOW)

    assert [ping.object for ping in window.pings] == [6, 8, 7]
    assert window.end == Place(2)


def test_jobs_reference_what_they_did(database: Database) -> None:
    with Store(database).read(1) as unit:
        held = unit.links.of("job", [6, 7, 8])

    assert {job: each.references for job, each in held.items()} == {6: {2: {4}}, 7: {}, 8: {2: {4}}}


def test_what_cannot_be_taken_back_exactly_is_not(database: Database) -> None:
    with (
        pytest.raises(CannotUndo, match="Entry 1 is older than"),
        Store(database).write(1, app="x", now=NOW) as unit,
    ):
        undo(unit, 2, 1)
    database.close()
