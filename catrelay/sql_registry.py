"""The registry of a system of record: its tenants, tokens and connections, among the service's own tables."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from catrelay.database import Database, UtcDateTime
from catrelay.lookup import Lookup
from catrelay.token_uses import TokenUses
from catrelay.tokens import (
    Access,
    Scope,
    TokenInfo,
    UnknownTenant,
    check_tenant_name,
    hash_token,
    new_token,
)
from catrelay.tokens import Connection as ServiceConnection


def registry_tables(metadata: MetaData) -> tuple[Table, Table, Table]:
    """The tables of SqlRegistry: tenants, tokens, connections. A service's first migration makes them."""
    return (
        Table(
            "tenants",
            metadata,
            Column("tenant", Integer, primary_key=True, autoincrement=True),
            Column("name", Text, nullable=False, unique=True),
        ),
        Table(
            "tokens",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=True),
            Column("hash", Text, nullable=False, unique=True),
            Column("tenant", Integer, ForeignKey("tenants.tenant", ondelete="CASCADE"), nullable=False),
            Column("app", Text, nullable=False),
            Column("scope", Text, nullable=False),
            Column("created", UtcDateTime, nullable=False),
            Column("expires", UtcDateTime),
            Column("last_used", UtcDateTime),
        ),
        Table(
            "connections",
            metadata,
            Column("tenant", Integer, ForeignKey("tenants.tenant", ondelete="CASCADE"), nullable=False),
            Column("name", Text, nullable=False),
            Column("url", Text, nullable=False),
            Column("token", Text, nullable=False),
            UniqueConstraint("tenant", "name"),
        ),
    )


class SqlRegistry:
    """The `Registry` of a service whose store is a `Database`.

    on_new_tenant: writes what the service itself keeps per tenant, within the transaction that makes the tenant.
    before_removal: locks what the tenant's writers lock first, within the transaction that removes the tenant. Without
    it, that would wait for a writer who waits for it.
    """

    def __init__(
        self,
        database: Database,
        migrations: Path,
        on_new_tenant: Callable[[Connection, int], None] | None = None,
        before_removal: Callable[[Connection, int], None] | None = None,
    ) -> None:
        self.database = database
        self._on_new_tenant = on_new_tenant
        self._before_removal = before_removal
        self._migrations = migrations
        self._tenants, self._tokens, self._connections = registry_tables(MetaData())
        self._holder = Lookup(database, self._holder_of_hash())
        self._uses = TokenUses()

    def migrate(self) -> None:
        self.database.migrate(self._migrations)

    def check_schema(self) -> None:
        self.database.check_schema(self._migrations)

    def close(self) -> None:
        self.database.close()

    def add_tenant(self, tenant: str) -> None:
        check_tenant_name(tenant)
        try:
            self._add_tenant(tenant)
        except IntegrityError:
            if tenant not in self.tenants():
                raise  # it was not another process that made it meanwhile

    def _add_tenant(self, tenant: str) -> None:
        with self.database.write() as connection:
            if self._find(connection, tenant) is not None:
                return
            key = connection.scalar(insert(self._tenants).values(name=tenant).returning(self._tenants.c.tenant))
            if self._on_new_tenant is not None and key is not None:
                self._on_new_tenant(connection, key)

    def tenants(self) -> list[str]:
        with self.database.read() as connection:
            return list(connection.scalars(select(self._tenants.c.name).order_by(self._tenants.c.name)))

    def remove_tenant(self, tenant: str) -> None:
        """All other tables' rows of the tenant go with it by ON DELETE CASCADE."""
        with self.database.write() as connection:
            key = self._tenant(connection, tenant)
            if self._before_removal is not None:
                self._before_removal(connection, key)
            gone = connection.execute(delete(self._tenants).where(self._tenants.c.tenant == key))
            if gone.rowcount == 0:
                raise UnknownTenant(tenant)  # somebody else's removal was waited for

    def add_token(self, tenant: str, app: str, scope: Scope, *, expires: datetime | None = None) -> str:
        token = new_token()
        self.accept_token(tenant, app, scope, token, expires=expires)
        return token

    def accept_token(self, tenant: str, app: str, scope: Scope, token: str, *, expires: datetime | None = None) -> None:
        table, token_hash = self._tokens, hash_token(token)
        with self.database.write() as connection:
            key = self._tenant(connection, tenant, keep=True)
            if connection.scalar(select(table.c.id).where(table.c.hash == token_hash)) is None:
                row = {
                    "tenant": key,
                    "hash": token_hash,
                    "app": app,
                    "scope": scope,
                    "created": datetime.now(UTC),
                    "expires": expires,
                }
                connection.execute(insert(table).values(row))

    def tokens(self, tenant: str) -> list[TokenInfo]:
        table = self._tokens
        with self.database.read() as connection:
            key = self._tenant(connection, tenant)
            rows = connection.execute(select(table).where(table.c.tenant == key).order_by(table.c.id))
            return [TokenInfo(row.id, row.app, row.scope, row.created, row.expires, row.last_used) for row in rows]

    def revoke_token(self, tenant: str, token_id: int) -> bool:
        table = self._tokens
        with self.database.write() as connection:
            key = self._tenant(connection, tenant)
            gone = connection.execute(delete(table).where(table.c.tenant == key, table.c.id == token_id))
            return gone.rowcount == 1

    def access(self, token_hash: str) -> Access | None:
        for row in self._holder.rows(hash=token_hash):
            return Access(*row)
        return None

    def _holder_of_hash(self) -> Select[int, str, str, str, datetime]:
        table = self._tokens
        return (
            select(table.c.tenant, self._tenants.c.name, table.c.app, table.c.scope, table.c.expires)
            .join(self._tenants, self._tenants.c.tenant == table.c.tenant)
            .where(table.c.hash == bindparam("hash"))
        )

    def note_use(self, token_hash: str, at: datetime) -> None:
        self._uses.note(token_hash, at)

    def record_uses(self) -> None:
        due = self._uses.take()
        if not due:
            return
        table = self._tokens
        # A row that another process has in hand is passed over: waiting for several rows could be a deadlock.
        free = select(table.c.hash).where(table.c.hash.in_(due)).with_for_update(skip_locked=True)
        with self.database.write() as connection:
            used = [{"used": token_hash, "at": due[token_hash]} for token_hash in connection.scalars(free)]
            if used:
                connection.execute(
                    update(table).where(table.c.hash == bindparam("used")).values(last_used=bindparam("at")), used
                )

    def connect(self, tenant: str, connection: ServiceConnection) -> None:
        table = self._connections
        with self.database.write() as unit:
            key = self._tenant(unit, tenant, keep=True)
            known = (table.c.tenant == key) & (table.c.name == connection.name)
            found = unit.execute(update(table).where(known).values(url=connection.url, token=connection.token))
            if found.rowcount == 0:
                row = {
                    "tenant": key,
                    "name": connection.name,
                    "url": connection.url,
                    "token": connection.token,
                }
                unit.execute(insert(table).values(row))

    def connections(self, tenant: str) -> list[ServiceConnection]:
        table = self._connections
        with self.database.read() as connection:
            key = self._tenant(connection, tenant)
            rows = connection.execute(select(table).where(table.c.tenant == key).order_by(table.c.name))
            return [ServiceConnection(row.name, row.url, row.token) for row in rows]

    def _find(self, connection: Connection, tenant: str, *, keep: bool = False) -> int | None:
        statement = select(self._tenants.c.tenant).where(self._tenants.c.name == tenant)
        return connection.scalar(statement.with_for_update(key_share=True) if keep else statement)

    def _tenant(self, connection: Connection, tenant: str, *, keep: bool = False) -> int:
        """keep: until the transaction ends, nobody else removes the tenant or adds to its tokens and connections."""
        key = self._find(connection, tenant, keep=keep)
        if key is None:
            raise UnknownTenant(tenant)
        return key
