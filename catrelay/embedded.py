"""Embedded stores: one SQLite file opened through sqlite-utils, used by threads of one or more processes."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlite_utils
from sqlite_utils.migrations import Migrations

from catrelay.tokens import Access, Connection, SchemaMismatch, Scope, TokenInfo, UnknownTenant, hash_token, new_token

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

    def migrate(self) -> None:
        self.database.migrate(*self._migrations)

    def check_schema(self) -> None:
        self.database.check_schema(*self._migrations)

    def close(self) -> None:
        self.database.close()

    def add_tenant(self, tenant: str) -> None:
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

    def add_token(self, tenant: str, app: str, scope: Scope) -> str:
        token = new_token()
        self.accept_token(tenant, app, scope, token)
        return token

    def accept_token(self, tenant: str, app: str, scope: Scope, token: str) -> None:
        with self.database.write() as db:
            row = [hash_token(token), _tenant(db, tenant), app, scope, datetime.now(UTC).isoformat()]
            db.execute(
                "INSERT INTO tokens (hash, tenant, app, scope, created) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (hash) DO NOTHING",
                row,
            )

    def tokens(self, tenant: str) -> list[TokenInfo]:
        with self.database.read() as db:
            rows = db.execute(
                "SELECT id, app, scope, created FROM tokens WHERE tenant = ? ORDER BY id",
                [_tenant(db, tenant)],
            )
            return [TokenInfo(id_, app, scope, datetime.fromisoformat(created)) for id_, app, scope, created in rows]

    def revoke_token(self, tenant: str, token_id: int) -> bool:
        with self.database.write() as db:
            gone = db.execute("DELETE FROM tokens WHERE tenant = ? AND id = ?", [_tenant(db, tenant), token_id])
            return gone.rowcount == 1

    def access(self, token_hash: str) -> Access | None:
        with self.database.read() as db:
            row = db.execute(
                "SELECT tokens.tenant, tenants.name, app, scope FROM tokens JOIN tenants USING (tenant) WHERE hash = ?",
                [token_hash],
            ).fetchone()
            return None if row is None else Access(*row)

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
        raise UnknownTenant(f"there is no tenant {tenant!r}")
    key: int = row[0]
    return key
