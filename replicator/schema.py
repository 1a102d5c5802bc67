"""The replica's tables, in the app's own database, so that replica, cursor and objects change in one transaction.

`replica_state` has one row for each tenant that is replicated there. Objects that ever moved have a row in
`replica_receipts`; which remaps brought them where is said once for all objects of the same fate, in `replica_kinds`:
*value* is where they are, *trail* the seqs of the remaps that brought them there, *newest* the last of these (0: none).
`replica_moves` is empty but within a transfer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlite_utils
from sqlite_utils.migrations import Migrations

from catrelay.tokens import SchemaMismatch
from replicator.sql import SQLITE, Connection, Dialect, SqlDatabase

VERSION = 1
LOCK_SECONDS = 60

migrations = Migrations("replicator")


@migrations()
def m001_replica(db: sqlite_utils.Database) -> None:
    tenant = "tenant INTEGER NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE"
    db.execute(
        "CREATE TABLE replica_state (tenant INTEGER PRIMARY KEY REFERENCES tenants (tenant) ON DELETE CASCADE,"
        " epoch TEXT, head INTEGER, orgs_category INTEGER, pings INTEGER NOT NULL DEFAULT 0,"
        " moved INTEGER NOT NULL DEFAULT 0, last_catch_up TEXT, subscription INTEGER, secret TEXT)"
    )
    db.execute(
        f"CREATE TABLE replica_cursors ({tenant}, category INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " PRIMARY KEY (tenant, category)) WITHOUT ROWID"
    )
    db.execute(
        f"CREATE TABLE replica_categories ({tenant}, id INTEGER NOT NULL, document TEXT NOT NULL,"
        " PRIMARY KEY (tenant, id)) WITHOUT ROWID"
    )
    db.execute(
        f"CREATE TABLE replica_values ({tenant}, category INTEGER NOT NULL, id INTEGER NOT NULL,"
        " available INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (tenant, category, id)) WITHOUT ROWID"
    )
    db.execute(
        f"CREATE TABLE replica_pings ({tenant}, id INTEGER NOT NULL, at TEXT NOT NULL, path TEXT NOT NULL,"
        " PRIMARY KEY (tenant, id)) WITHOUT ROWID"
    )
    # object has no type: an app's keys may be of any.
    db.execute(
        f"CREATE TABLE replica_pins ({tenant}, binding TEXT NOT NULL, category INTEGER NOT NULL, object NOT NULL,"
        " value INTEGER, seq INTEGER NOT NULL, earlier TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX replica_values_by_id ON replica_values (tenant, id)")
    db.execute("CREATE INDEX replica_pins_by_object ON replica_pins (tenant, binding, category, object)")
    db.execute("CREATE INDEX replica_pins_by_seq ON replica_pins (tenant, binding, category, seq)")


@migrations()
def m002_replicas_by_tenants_name(db: sqlite_utils.Database) -> None:
    """Tables that need no table of tenants. What is pinned stays; replica and receipts follow the old numbers."""
    old = ("state", "cursors", "categories", "values", "pings", "pins")
    for name in ("replica_values_by_id", "replica_pins_by_object", "replica_pins_by_seq"):
        db.execute(f"DROP INDEX {name}")
    for name in old:
        db.execute(f"ALTER TABLE replica_{name} RENAME TO replica_old_{name}")
    for statement in statements(SQLITE):
        db.execute(statement)
    if "tenants" in db.table_names():
        _take_over(db)
    for name in old:
        db.execute(f"DROP TABLE replica_old_{name}")


def _take_over(db: sqlite_utils.Database) -> None:
    db.execute(
        "INSERT INTO replica_state (id, tenant, epoch, head, orgs_category, pings, answered, moved, last_catch_up,"
        " subscription, secret) SELECT tenant, name, epoch, head, orgs_category, pings, pings, moved, last_catch_up,"
        " subscription, secret FROM replica_old_state JOIN tenants USING (tenant)"
    )
    for name, columns in (
        ("cursors", "category, seq"),
        ("categories", "id, document"),
        ("values", "category, id, available, remapped_to, document"),
        ("pings", "id, at, path"),
    ):
        old = columns.replace("remapped_to", "json_extract(document, '$.remappedTo')")
        db.execute(f"INSERT INTO replica_{name} (replica, {columns}) SELECT tenant, {old} FROM replica_old_{name}")
    kind = "tenant, binding, category, value, seq, CASE seq WHEN 0 THEN '' ELSE trim(earlier || ' ' || seq) END"
    db.execute(
        "INSERT INTO replica_kinds (replica, binding, category, value, newest, trail, id)"
        f" SELECT DISTINCT {kind}, dense_rank() OVER (ORDER BY {kind}) FROM replica_old_pins"
    )
    db.execute(
        "INSERT OR IGNORE INTO replica_receipts (replica, kind, object) SELECT replica, id, object"
        " FROM replica_old_pins AS pin JOIN replica_kinds AS kind ON kind.replica = pin.tenant"
        " AND (kind.binding, kind.category, kind.value, kind.newest) = (pin.binding, pin.category, pin.value, pin.seq)"
        " AND kind.trail = CASE seq WHEN 0 THEN '' ELSE trim(earlier || ' ' || seq) END"
    )
    db.execute(
        "CREATE TRIGGER tenant_takes_its_replica_along AFTER DELETE ON tenants"
        " BEGIN DELETE FROM replica_state WHERE tenant = OLD.name; END"
    )


def statements(dialect: Dialect) -> list[str]:
    """What makes the tables."""
    number, name, document = dialect.number, dialect.name, dialect.document
    replica = f"replica {number} NOT NULL REFERENCES replica_state (id) ON DELETE CASCADE"
    if dialect.kind == "mysql":
        replica = f"replica {number} NOT NULL"
    suffix = dialect.table_suffix
    identity = {"sqlite": "INTEGER PRIMARY KEY", "mysql": "BIGINT AUTO_INCREMENT PRIMARY KEY"}.get(
        dialect.kind, "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"
    )
    of_state = "" if dialect.kind == "sqlite" else suffix
    return [
        f"CREATE TABLE replica_state (id {identity}, tenant {name} NOT NULL UNIQUE, epoch {name}, head {number},"
        f" orgs_category {number}, pings {number} NOT NULL DEFAULT 0, answered {number} NOT NULL DEFAULT 0,"
        f" moved {number} NOT NULL DEFAULT 0, last_catch_up {name}, last_error {document}, subscription {number},"
        f" secret {name}, leader {name}, leader_until {name}){of_state}",
        f"CREATE TABLE replica_cursors ({replica}, category {number} NOT NULL, seq {number} NOT NULL,"
        f" PRIMARY KEY (replica, category)){suffix}",
        f"CREATE TABLE replica_versions ({replica}, category {number} NOT NULL, version {name} NOT NULL,"
        f" PRIMARY KEY (replica, category)){suffix}",
        f"CREATE TABLE replica_categories ({replica}, id {number} NOT NULL, document {document} NOT NULL,"
        f" PRIMARY KEY (replica, id)){suffix}",
        f"CREATE TABLE replica_values ({replica}, category {number} NOT NULL, id {number} NOT NULL,"
        f" available SMALLINT NOT NULL, remapped_to {number},"
        f" document {document} NOT NULL, PRIMARY KEY (replica, category, id)){suffix}",
        f"CREATE TABLE replica_pings ({replica}, id {number} NOT NULL, at {name} NOT NULL, path {document} NOT NULL,"
        f" PRIMARY KEY (replica, id)){suffix}",
        f"CREATE TABLE replica_kinds ({replica}, id {number} NOT NULL, binding {name} NOT NULL,"
        f" category {number} NOT NULL, value {number}, newest {number} NOT NULL, trail {document} NOT NULL,"
        f" PRIMARY KEY (replica, id)){suffix}",
        f"CREATE TABLE replica_receipts ({replica}, kind {number} NOT NULL, object {dialect.key} NOT NULL,"
        f" PRIMARY KEY (replica, kind, object)){suffix}",
        f"CREATE TABLE replica_moves ({replica}, kind {number} NOT NULL, source {number} NOT NULL, target {number},"
        f" PRIMARY KEY (replica, kind)){suffix}",
        "CREATE INDEX replica_kinds_by_value ON replica_kinds (replica, binding, category, value)",
    ]


def migrate(database: SqlDatabase) -> None:
    """Make the tables, or bring them up to this version. Raises SchemaMismatch when a newer version made them."""
    with database.write() as connection, _alone(connection):
        connection.run("CREATE TABLE IF NOT EXISTS replica_schema (version INTEGER NOT NULL PRIMARY KEY)")
        version = _version(connection)
        if version > VERSION:
            raise SchemaMismatch(f"a newer version made the replica's tables, {version}: use that version")
        if version == 0:
            for statement in statements(connection.dialect):
                _, kind, name, *_ = statement.split()
                if kind == "TABLE":
                    # MySQL commits each statement: there may be some by one that was killed.
                    connection.run(f"DROP TABLE IF EXISTS {name}")
                connection.run(statement)
            connection.run("INSERT INTO replica_schema (version) VALUES (:version)", {"version": VERSION})


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Processes that start at once wait for each other here; on SQLite they do already."""
    name = {"name": "replicator.schema"}
    if connection.dialect.kind == "postgresql":
        connection.rows("SELECT pg_advisory_xact_lock(hashtext(:name))", name)
    if connection.dialect.kind != "mysql":
        yield
        return
    lock = "concat(:name, md5(database()))"  # named on the whole server
    if connection.rows(f"SELECT get_lock({lock}, {LOCK_SECONDS})", name) != [(1,)]:
        raise TimeoutError(f"other processes made the replica's tables for more than {LOCK_SECONDS} s")
    try:
        yield
        connection.run("COMMIT")  # the next that gets the lock has to see what was done
    finally:
        connection.rows(f"SELECT release_lock({lock})", name)


def _version(connection: Connection) -> int:
    rows = connection.rows("SELECT max(version) FROM replica_schema")
    return int(rows[0][0] or 0)
