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
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    select,
    update,
)

from catrelay.database import Database, UtcDateTime
from catrelay.tokens import Access, Scope, TokenInfo, UnknownTenant, hash_token, new_token
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
    """

    def __init__(
        self,
        database: Database,
        migrations: Path,
        on_new_tenant: Callable[[Connection, int], None] | None = None,
    ) -> None:
        self.database = database
        self._on_new_tenant = on_new_tenant
        self._migrations = migrations
        self._tenants, self._tokens, self._connections = registry_tables(MetaData())

    def migrate(self) -> None:
        self.database.migrate(self._migrations)

    def check_schema(self) -> None:
        self.database.check_schema(self._migrations)

    def close(self) -> None:
        self.database.close()

    def add_tenant(self, tenant: str) -> None:
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
            connection.execute(delete(self._tenants).where(self._tenants.c.tenant == key))

    def add_token(self, tenant: str, app: str, scope: Scope) -> str:
        token = new_token()
        self.accept_token(tenant, app, scope, token)
        return token

    def accept_token(self, tenant: str, app: str, scope: Scope, token: str) -> None:
        table, token_hash = self._tokens, hash_token(token)
        with self.database.write() as connection:
            key = self._tenant(connection, tenant)
            if connection.scalar(select(table.c.id).where(table.c.hash == token_hash)) is None:
                row = {
                    "tenant": key,
                    "hash": token_hash,
                    "app": app,
                    "scope": scope,
                    "created": datetime.now(UTC),
                }
                connection.execute(insert(table).values(row))

    def tokens(self, tenant: str) -> list[TokenInfo]:
        table = self._tokens
        with self.database.read() as connection:
            key = self._tenant(connection, tenant)
            rows = connection.execute(select(table).where(table.c.tenant == key).order_by(table.c.id))
            return [TokenInfo(row.id, row.app, row.scope, row.created) for row in rows]

    def revoke_token(self, tenant: str, token_id: int) -> bool:
        table = self._tokens
        with self.database.write() as connection:
            key = self._tenant(connection, tenant)
            gone = connection.execute(delete(table).where(table.c.tenant == key, table.c.id == token_id))
            return gone.rowcount == 1

    def access(self, token_hash: str) -> Access | None:
        statement = (
            select(self._tokens.c.tenant, self._tenants.c.name, self._tokens.c.app, self._tokens.c.scope)
            .join(self._tenants, self._tenants.c.tenant == self._tokens.c.tenant)
            .where(self._tokens.c.hash == token_hash)
        )
        with self.database.read() as connection:
            row = connection.execute(statement).one_or_none()
            return None if row is None else Access(row.tenant, row.name, row.app, row.scope)

    def connect(self, tenant: str, connection: ServiceConnection) -> None:
        table = self._connections
        with self.database.write() as unit:
            key = self._tenant(unit, tenant)
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

    def _find(self, connection: Connection, tenant: str) -> int | None:
        return connection.scalar(select(self._tenants.c.tenant).where(self._tenants.c.name == tenant))

    def _tenant(self, connection: Connection, tenant: str) -> int:
        key = self._find(connection, tenant)
        if key is None:
            raise UnknownTenant(f"there is no tenant {tenant!r}")
        return key
