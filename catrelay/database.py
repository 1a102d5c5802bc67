"""Systems of record: one set of SQLAlchemy Core statements for SQLite and PostgreSQL.

All that differs between the two (transactions, locks, migrations at once) sits here.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from select import POLLIN, poll
from typing import Any, TypeVar

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.sql import SQL, Identifier
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    TypeDecorator,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateSchema

from catrelay.commits import Transaction, WriterQueue
from catrelay.tokens import SchemaMismatch

Written = TypeVar("Written")

SQLITE_BUSY_SECONDS = 30
# On PostgreSQL whoever waits does so for one tenant's lock, and commits cost less: it pays to let go of it sooner.
MAX_SHARED_SQLITE_SECONDS = 0.2
MAX_SHARED_POSTGRESQL_SECONDS = 0.05
POOL_CONNECTIONS = 10
POOL_OVERFLOW_CONNECTIONS = 50
SQLITE_MODES = {"write": "IMMEDIATE"}
POSTGRESQL_MODES = {"read": "ISOLATION LEVEL REPEATABLE READ"}
"""How a transaction begins."""
MAX_WRITER_THREADS = 40
"""Each writes what belongs together; connections are left for those who read."""
_MIGRATION_LOCK = 7_265_171
_NOTICES_SILENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC on both databases (SQLite itself keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """A SQLite or PostgreSQL database, opened by URL (`sqlite:///path` or `postgresql://user:pass@host/db`).

    schema: the PostgreSQL schema in which the service's tables are, so that services can share a database.
    SQLite runs in WAL mode with synchronous=FULL: what was committed survives the plug being pulled.
    """

    def __init__(self, url: str, *, schema: str = "public") -> None:
        self.engine = _engine(url, schema)
        self.schema = schema
        self._commit_listeners: list[Callable[[], None]] = []
        # SQLite's busy handler is not fair: writers of one process wait for each other here instead.
        self._queues: dict[int | None, WriterQueue] = {}
        self._workers = ThreadPoolExecutor(MAX_WRITER_THREADS, thread_name_prefix="writer")

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, which has one writer at a time."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot: all statements see the same state."""
        with self.engine.connect().execution_options(catrelay_mode="read") as connection:
            connection.begin()  # now: a statement that runs at the driver does not begin one
            yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """For `Statement`s that need no common snapshot: each sees what was committed before it, in one trip."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed on a clean exit and rolled back on any exception.

        On SQLite, those who wait for each other share a commit.
        """
        if self.is_sqlite:
            with self._queue(None).turn(sees_all=True) as transaction:
                yield transaction.connection
        else:
            with self.engine.begin() as connection:
                yield connection
            self._committed()

    def turn(self, part: int, *, is_long: bool = False) -> AbstractContextManager[Transaction]:
        """As *write*, shared also on PostgreSQL: *part* names what is written by one at a time anyway.

        What other turns owe to the transaction is not written before. is_long: it is not shared.
        """
        return self._queue(part).turn(is_long=is_long)

    async def run(self, part: int, act: Callable[[Transaction], Written]) -> Written:
        """What *act* returns in a turn of its own."""
        return await self._queue(part).run(act)

    def _queue(self, part: int | None) -> WriterQueue:
        key = None if self.is_sqlite else part
        return self._queues.get(key) or self._queues.setdefault(key, self._new_queue())

    def _new_queue(self) -> WriterQueue:
        seconds = MAX_SHARED_SQLITE_SECONDS if self.is_sqlite else MAX_SHARED_POSTGRESQL_SECONDS
        return WriterQueue(self._writing_connection, seconds, self._workers, self._committed)

    def _writing_connection(self) -> Connection:
        return self.engine.connect().execution_options(catrelay_mode="write")

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call *listener* after each commit of this process, in the thread that committed."""
        self._commit_listeners.append(listener)

    def _committed(self) -> None:
        for listener in self._commit_listeners:
            listener()

    def connect_apart(self) -> psycopg.Connection:
        """A connection to PostgreSQL besides the pool's, in autocommit. It notices when the server is gone."""
        arguments, options = self.engine.dialect.create_connect_args(self.engine.url)
        return psycopg.connect(*arguments, **{**_NOTICES_SILENCE, **options}, autocommit=True)

    def migrate(self, migrations: Path) -> None:
        """Bring the schema up to the newest revision in the Alembic directory *migrations*."""
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                self._create_schema(connection)
            config = _alembic_config(migrations)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def _create_schema(self, connection: Connection) -> None:
        # Asked first: IF NOT EXISTS needs the right to make schemas even when there is nothing to make.
        known = {"schema": self.schema}
        if connection.scalar(text("SELECT to_regnamespace(quote_ident(:schema))"), known) is None:
            connection.execute(CreateSchema(self.schema))

    def revision(self) -> str | None:
        """The schema's revision; None while there is no schema."""
        with self.read() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def check_schema(self, migrations: Path) -> None:
        """Raise SchemaMismatch unless the schema is at the newest revision in *migrations*."""
        head = ScriptDirectory.from_config(_alembic_config(migrations)).get_current_head()
        current = self.revision()
        if current is None:
            raise SchemaMismatch("the database has no schema yet: run `migrate` first")
        if current != head:
            raise SchemaMismatch(f"the database's schema is {current}, this version works with {head}: run `migrate`")

    def close(self) -> None:
        """Close all connections, after the writes that are under way."""
        self._workers.shutdown()
        self.engine.dispose()


def _engine(url: str, schema: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed,
            pool_size=POOL_CONNECTIONS,
            max_overflow=POOL_OVERFLOW_CONNECTIONS,
            connect_args={"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", partial(_begin, SQLITE_MODES))
        return engine
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=POOL_CONNECTIONS,
            max_overflow=POOL_OVERFLOW_CONNECTIONS,
        )
        event.listen(engine, "connect", partial(_prepare_postgresql, schema))
        event.listen(engine, "begin", partial(_begin, POSTGRESQL_MODES))
        event.listen(engine, "checkout", _check_postgresql)
        return engine
    raise ValueError(f"{parsed.get_backend_name()} is not supported: use sqlite:///path or postgresql://...")


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver's own transaction control would begin too late and never IMMEDIATE.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _prepare_postgresql(schema: str, connection: Any, _entry: ConnectionPoolEntry) -> None:
    # Until it is told to BEGIN: a single statement needs no transaction around it.
    connection.autocommit = True
    connection.execute(SQL("SET search_path TO {}").format(Identifier(schema)))


def _check_postgresql(connection: Any, _entry: ConnectionPoolEntry, _proxy: object) -> None:
    """A server that was restarted costs nobody a failed request: an error here has the pool give another connection.

    An idle connection on which something has come was closed by the server. To ask it would take a trip.
    """
    arrived = poll()
    arrived.register(connection.fileno(), POLLIN)
    if arrived.poll(0):
        raise InvalidatePoolError


def _begin(modes: Mapping[str, str], connection: Connection) -> None:
    mode = connection.get_execution_options().get("catrelay_mode", "")
    connection.exec_driver_sql(f"BEGIN {modes.get(mode, '')}")


def _alembic_config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
