"""Embedded stores: one SQLite file opened through sqlite-utils, used by threads of one or more processes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlite_utils
from sqlite_utils.migrations import Migrations

from catrelay.token_uses import TokenUses
from catrelay.tokens import (
    Access,
    Connection,
    SchemaMismatch,
    Scope,
    TokenInfo,
    UnknownTenant,
    check_tenant_name,
    hash_token,
    new_token,
)

BUSY_MILLISECONDS = 30_000
URL_PREFIX = "sqlite:///"

registry_migrations = Migrations("catrelay.registry")


@registry_migrations()
def m001_registry(db: sqlite_utils.Database) -> None:
    db.execute("CREATE TABLE tenants (tenant INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
    db.execute(
        "CREATE TABLE tokens (id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE,"
        " tenant INTEGER NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,"
        " app TEXT NOT NULL, scope TEXT NOT NULL, created TEXT NOT NULL)"
    )
    db.execute(
        "CREATE TABLE connections (tenant INTEGER NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE,"
        " name TEXT NOT NULL, url TEXT NOT NULL, token TEXT NOT NULL, PRIMARY KEY (tenant, name))"
    )


@registry_migrations()
def m002_token_expiry(db: sqlite_utils.Database) -> None:
    db.execute("ALTER TABLE tokens ADD COLUMN expires TEXT")
    db.execute("ALTER TABLE tokens ADD COLUMN last_used TEXT")


class EmbeddedDatabase:
    """A SQLite file: WAL, synchronous=FULL, foreign keys enforced. Threads share a pool of connections."""

    def __init__(self, url: str) -> None:
        if not url.startswith(URL_PREFIX):
            raise ValueError(f"{url!r}: an embedded store is a SQLite file, sqlite:///path")
        self.path = Path(url.removeprefix(URL_PREFIX))
        self._idle: list[sqlite_utils.Database] = []
        # SQLite's busy handler is not fair: writers of one process wait for each other here instead.
        self._writer = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[sqlite_utils.Database]:
        """One snapshot: all statements see the same state."""
        with self._borrow() as db, db.atomic():
            yield db

    def rows(self, statement: str, *parameters: str | int) -> list[tuple[Any, ...]]:
        """What a single SELECT finds: it is a snapshot by itself, without the price of a transaction."""
        with self._borrow() as db:
            found: list[tuple[Any, ...]] = db.conn.execute(statement, parameters).fetchall()
            return found

    @contextmanager
    def write(self) -> Iterator[sqlite_utils.Database]:
        """One transaction, committed on a clean exit and rolled back on any exception."""
        with self._writer, self._borrow() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                db.rollback()
                raise

    def migrate(self, *migrations: Migrations) -> None:
        """Apply what is pending of each set, all or nothing; processes that do it at once wait for each other."""
        with self.write() as db:
            for each in migrations:
                each.apply(db)

    def check_schema(self, *migrations: Migrations) -> None:
        """Raise SchemaMismatch unless each set is applied whole, and nothing of a newer version with it."""
        with self.read() as db:
            for each in migrations:
                pending = [migration.name for migration in each.pending(db)]
                if pending:
                    raise SchemaMismatch(f"the database lacks {', '.join(pending)}: run `migrate`")
                unknown = {migration.name for migration in each.applied(db)} - _names(each)
                if unknown:
                    raise SchemaMismatch(f"a newer version made {', '.join(sorted(unknown))}: use that version")

    def close(self) -> None:
        """Close all connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _borrow(self) -> Iterator[sqlite_utils.Database]:
        try:
            db = self._idle.pop()
        except IndexError:
            db = self._open()
        try:
            yield db
        finally:
            if db.conn.in_transaction:
                db.close()  # its rollback failed: nobody else shall meet that
            else:
                self._idle.append(db)

    def _open(self) -> sqlite_utils.Database:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        return sqlite_utils.Database(connection)


class EmbeddedRegistry:
    """The `Registry` of a service whose store is an `EmbeddedDatabase`.

    migrations: the service's own sets, kept up to date together with the registry's.
    """

    def __init__(self, database: EmbeddedDatabase, *migrations: Migrations) -> None:
        self.database = database
        self._migrations = (registry_migrations, *migrations)
        self._uses = TokenUses()

    def migrate(self) -> None:
        self.database.migrate(*self._migrations)

    def check_schema(self) -> None:
        self.database.check_schema(*self._migrations)

    def close(self) -> None:
        self.database.close()

    def add_tenant(self, tenant: str) -> None:
        check_tenant_name(tenant)
        with self.database.write() as db:
            db.execute("INSERT INTO tenants (name) VALUES (?) ON CONFLICT (name) DO NOTHING", [tenant])

    def tenants(self) -> list[str]:
        with self.database.read() as db:
            return [name for (name,) in db.execute("SELECT name FROM tenants ORDER BY name")]

    def tenant_key(self, tenant: str) -> int:
        """The number under which tables have the tenant's rows. Raises UnknownTenant."""
        with self.database.read() as db:
            return _tenant(db, tenant)

    def remove_tenant(self, tenant: str) -> None:
        """All other tables' rows of the tenant go with it by ON DELETE CASCADE."""
        with self.database.write() as db:
            db.execute("DELETE FROM tenants WHERE tenant = ?", [_tenant(db, tenant)])

    def add_token(self, tenant: str, app: str, scope: Scope, *, expires: datetime | None = None) -> str:
        token = new_token()
        self.accept_token(tenant, app, scope, token, expires=expires)
        return token

    def accept_token(self, tenant: str, app: str, scope: Scope, token: str, *, expires: datetime | None = None) -> None:
        with self.database.write() as db:
            row = [hash_token(token), _tenant(db, tenant), app, scope, _stored(datetime.now(UTC)), _stored(expires)]
            db.execute(
                "INSERT INTO tokens (hash, tenant, app, scope, created, expires) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (hash) DO NOTHING",
                row,
            )

    def tokens(self, tenant: str) -> list[TokenInfo]:
        with self.database.read() as db:
            rows = db.execute(
                "SELECT id, app, scope, created, expires, last_used FROM tokens WHERE tenant = ? ORDER BY id",
                [_tenant(db, tenant)],
            )
            return [
                TokenInfo(id_, app, scope, datetime.fromisoformat(created), _moment(expires), _moment(last_used))
                for id_, app, scope, created, expires, last_used in rows
            ]

    def revoke_token(self, tenant: str, token_id: int) -> bool:
        with self.database.write() as db:
            gone = db.execute("DELETE FROM tokens WHERE tenant = ? AND id = ?", [_tenant(db, tenant), token_id])
            return gone.rowcount == 1

    def access(self, token_hash: str) -> Access | None:
        found = self.database.rows(
            "SELECT tokens.tenant, tenants.name, app, scope, expires FROM tokens JOIN tenants USING (tenant)"
            " WHERE hash = ?",
            token_hash,
        )
        for tenant_id, tenant, app, scope, expires in found:
            return Access(tenant_id, tenant, app, scope, _moment(expires))
        return None

    def note_use(self, token_hash: str, at: datetime) -> None:
        self._uses.note(token_hash, at)

    def record_uses(self) -> None:
        due = self._uses.take()
        if due:
            with self.database.write() as db:
                used = [(_stored(at), token_hash) for token_hash, at in due.items()]
                db.conn.executemany("UPDATE tokens SET last_used = ? WHERE hash = ?", used)

    def connect(self, tenant: str, connection: Connection) -> None:
        with self.database.write() as db:
            db.execute(
                "INSERT INTO connections (tenant, name, url, token) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (tenant, name) DO UPDATE SET url = excluded.url, token = excluded.token",
                [_tenant(db, tenant), connection.name, connection.url, connection.token],
            )

    def connections(self, tenant: str) -> list[Connection]:
        with self.database.read() as db:
            rows = db.execute(
                "SELECT name, url, token FROM connections WHERE tenant = ? ORDER BY name",
                [_tenant(db, tenant)],
            )
            return [Connection(*row) for row in rows]


def _names(migrations: Migrations) -> set[str]:
    # Asked of an empty database, as the set itself has no list of them.
    with sqlite_utils.Database(memory=True) as empty:
        return {migration.name for migration in migrations.pending(empty)}


def _tenant(db: sqlite_utils.Database, tenant: str) -> int:
    row = db.execute("SELECT tenant FROM tenants WHERE name = ?", [tenant]).fetchone()
    if row is None:
        raise UnknownTenant(tenant)
    key: int = row[0]
    return key


def _stored(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _moment(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)
