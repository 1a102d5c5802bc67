"""Backups: the whole ATS in one SQLite file, whichever database it is in. Source: docs/contract/, "Backup and restore".

The file is an ATS database with the same tables at the same schema revision, and a table that says that it is a backup.
"""

import json
import os
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Column, Connection, Integer, MetaData, Table, Text, create_engine, insert, select
from sqlalchemy.exc import DatabaseError

from ats_stub.store.bulk import copy, count, tables
from ats_stub.store.registry import MIGRATIONS, open_registry
from catrelay.database import Database, UtcDateTime

FORMAT = 1

# One row, written last. rows: JSON of how many each table has.
_backup = Table(
    "backup",
    MetaData(),
    Column("format", Integer, nullable=False),
    Column("made", UtcDateTime, nullable=False),
    Column("rows", Text, nullable=False),
)


class NotABackup(Exception):
    """The file cannot be restored from, or not be replaced by a backup; the message says why."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds. rows: how many, by table."""

    revision: str
    made: datetime
    rows: Mapping[str, int]


def back_up(database: Database, to: Path, *, now: datetime) -> Backup:
    """Write all of *database*, as of one moment, to the file *to*; others may go on writing.

    A backup that is there already is replaced once the new one is whole. Raises NotABackup when *to* is another file.
    """
    if to.exists():
        with _opened(to):
            pass
    with _becoming(to) as part:
        registry = open_registry(_url(part))
        registry.migrate()
        registry.close()
        with _quick(part) as target:
            with database.read() as source:
                rows = {table.name: copy(table, source, target) for table in tables()}
            _backup.create(target)
            target.execute(insert(_backup).values(format=FORMAT, made=now, rows=json.dumps(rows)))
            return Backup(_revision(target), now, rows)


@contextmanager
def readable(file: Path) -> Iterator[tuple[Connection, Backup]]:
    """The tables of the backup *file*, brought up to this version's schema if they are older.

    Raises NotABackup when it is none, is damaged, or was made by a newer version.
    """
    with _opened(file) as (connection, backup):
        _check(file, connection, backup)
        head, *older = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
        if backup.revision == head:
            yield connection, backup
            return
    if backup.revision not in older:
        raise NotABackup(f"{file} was made by a newer version: its schema is {backup.revision}, this version's {head}")
    with tempfile.TemporaryDirectory() as folder:
        migrated = Path(folder) / "backup.db"
        shutil.copyfile(file, migrated)
        registry = open_registry(_url(migrated))
        registry.migrate()
        registry.close()
        with _opened(migrated) as (connection, backup):
            yield connection, backup


@contextmanager
def _opened(file: Path) -> Iterator[tuple[Connection, Backup]]:
    if not file.is_file():
        raise NotABackup(f"{file} is no file")
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True))
    try:
        with engine.connect() as connection:
            try:
                found = connection.execute(select(_backup)).one_or_none()
                revision = _revision(connection)
            except DatabaseError as error:
                raise NotABackup(f"{file} is no backup of an ATS, or is damaged: {error.orig}") from error
            if found is None or found.format != FORMAT:
                raise NotABackup(f"{file} is no backup of an ATS that this version knows")
            yield connection, Backup(revision, found.made, json.loads(found.rows))
    finally:
        engine.dispose()


def _check(file: Path, connection: Connection, backup: Backup) -> None:
    try:
        verdict = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
        names = [table.name for table in tables() if table.name in backup.rows]
        present = {name: count(Table(name, MetaData()), connection) for name in names}
    except DatabaseError as error:
        raise NotABackup(f"{file} is damaged: {error.orig}") from error
    if verdict != "ok":
        raise NotABackup(f"{file} is damaged: {verdict}")
    wrong = [name for name in names if present[name] != backup.rows[name]]
    if wrong:
        raise NotABackup(f"{file} is damaged: rows are missing in {', '.join(wrong)}")


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or "none"


@contextmanager
def _becoming(to: Path) -> Iterator[Path]:
    """A file beside *to* that takes its place, whole and on the disk, on a clean exit; else it goes."""
    part = to.with_name(f".{to.name}.{uuid.uuid4().hex}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield part
        _sync(part)
        part.replace(to)
        _sync(to.absolute().parent)
    finally:
        for left in ("", "-wal", "-shm"):
            part.with_name(part.name + left).unlink(missing_ok=True)


@contextmanager
def _quick(file: Path) -> Iterator[Connection]:
    """One transaction on a file that nobody else knows yet: nothing in it has to outlive a crash."""
    with closing(sqlite3.connect(file)) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
    engine = create_engine(URL.create("sqlite", database=str(file)))
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=OFF")
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        yield connection
        connection.commit()
    engine.dispose()


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _url(file: Path) -> str:
    return URL.create("sqlite", database=str(file)).render_as_string()
