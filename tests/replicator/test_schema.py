"""A file of an earlier version keeps its replica, its receipts and its objects."""

from pathlib import Path

import sqlite_utils

from catrelay.embedded import EmbeddedDatabase, registry_migrations
from catrelay.models import CategoryValue
from replicator import migrations
from tests.replicator.objects import CATEGORY, App, app_migrations, quotes
from tests.replicator.replicas import catch_up
from tests.replicator.standin import StandIn


def test_receipts_of_an_earlier_version_lead_back(ats: StandIn, tmp_path: Path) -> None:
    database = EmbeddedDatabase(f"sqlite:///{tmp_path / 'app.db'}")
    with database.write() as db:
        registry_migrations.apply(db)
        migrations.apply(db, stop_before="m002_replicas_by_tenants_name")
        app_migrations.apply(db)
        make_earlier_replica(db)
    database.migrate(registry_migrations, migrations, app_migrations)
    app = App(database)
    with app.store.read() as unit:
        assert unit.cursors() == {0: 1}
        assert unit.value(CATEGORY, 4) == CategoryValue(id=4, available=False, name="Four", remapped_to=5)
    ats.remap(1, 2)
    ats.undo(1)

    catch_up(ats, app, [quotes()])

    assert app.quotes() == {1: 1, 2: 2}
    database.close()


def test_a_removed_tenant_takes_its_replica_along(app: App) -> None:
    with app.store.write() as unit:
        unit.set_cursor(0, 1)

    with app.database.write() as db:
        db.execute("DELETE FROM tenants WHERE name = 'acme'")

    with app.database.read() as db:
        assert db.execute("SELECT count(*) FROM replica_cursors").fetchone() == (0,)


def make_earlier_replica(db: sqlite_utils.Database) -> None:
    db.execute("INSERT INTO tenants (tenant, name) VALUES (1, 'acme')")
    db.execute(
        "INSERT INTO replica_state (tenant, epoch, head, orgs_category, last_catch_up) VALUES (1, 'first', 1, 2, ?)",
        [AT],
    )
    db.execute("INSERT INTO replica_cursors (tenant, category, seq) VALUES (1, 0, 1)")
    four = '{"id":4,"available":false,"name":"Four","remappedTo":5}'
    db.execute("INSERT INTO replica_values VALUES (1, ?, 4, 0, ?)", [CATEGORY, four])
    db.execute(
        "INSERT INTO quotes (tenant, id, category, value) VALUES (1, 1, ?, 2), (1, 2, ?, 2)", [CATEGORY, CATEGORY]
    )
    db.execute("INSERT INTO replica_pins VALUES (1, 'quotes.value', ?, 1, 2, 1, '')", [CATEGORY])


AT = "2026-11-22T09:00:00+00:00"
