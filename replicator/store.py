"""Where a replica is: in the database of the app."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from catrelay.embedded import URL_PREFIX, EmbeddedDatabase
from replicator import schema
from replicator.sql import Connection, SqlDatabase, database_of, engine_of
from replicator.unit import Unit


class ReplicaStore:
    """One tenant's replica, in the database of the app.

    tenant: its name at the ATS. tenant_key: what the app's own tables call it, in the `tenant_column` of bindings.
    """

    def __init__(
        self, database: EmbeddedDatabase | sa.Engine, tenant: str, tenant_key: int | str | None = None
    ) -> None:
        self._database = database_of(database)
        self.tenant = tenant
        self._tenant_key = tenant_key
        self._replica: int | None = None

    @classmethod
    def of(cls, place: str | sa.Engine, tenant: str) -> "ReplicaStore":
        """In the database with this address, or of this engine."""
        if isinstance(place, sa.Engine):
            return cls(place, tenant)
        if place.startswith(URL_PREFIX):
            return cls(EmbeddedDatabase(place), tenant)
        return cls(engine_of(place), tenant)

    def migrate(self) -> None:
        """Make the replica's tables, or bring them up to this version. Raises SchemaMismatch if they are newer."""
        if isinstance(self._database, SqlDatabase):
            schema.migrate(self._database)
        else:
            self._database.database.migrate(schema.migrations)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._database.close()

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """One snapshot."""
        with self._database.read() as connection:
            yield Unit(connection, self._known(connection) or 0, self._tenant_key)

    @contextmanager
    def write(self) -> Iterator[Unit]:
        """One transaction, committed on a clean exit."""
        if self._replica is None:
            # By itself: MySQL lets transactions that insert the same row and lock it then wait for each other for ever.
            with self._database.write() as connection:
                self._make(connection)
        with self._database.write() as connection:
            yield Unit(connection, self._locked(connection), self._tenant_key)

    def _known(self, connection: Connection) -> int | None:
        if self._replica is None:
            for (replica,) in connection.rows(
                "SELECT id FROM replica_state WHERE tenant = :tenant", {"tenant": self.tenant}
            ):
                self._replica = replica
        return self._replica

    def _locked(self, connection: Connection) -> int:
        """The replica's number, kept to this transaction. The row may be gone with its tenant, and be made anew."""
        lock = "" if connection.dialect.kind == "sqlite" else " FOR UPDATE"
        find = f"SELECT id FROM replica_state WHERE tenant = :tenant{lock}"
        found = connection.rows(find, {"tenant": self.tenant})
        if not found:
            self._make(connection)
            found = connection.rows(find, {"tenant": self.tenant})
        self._replica = int(found[0][0])
        return self._replica

    def _make(self, connection: Connection) -> None:
        made = connection.dialect.insert_new("replica_state", ["tenant"], "VALUES (:tenant)")
        connection.run(made, {"tenant": self.tenant})
