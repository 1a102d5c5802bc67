import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sqlite3 import IntegrityError, OperationalError

import pytest
import sqlite_utils
from hypothesis import given
from sqlite_utils.migrations import Migrations

from catrelay.embedded import EmbeddedDatabase
from catrelay.tokens import SchemaMismatch
from tests.strategies import texts

WRITERS = 8
WRITES_EACH = 10

first_version = Migrations("notes")
second_version = Migrations("notes")


@first_version(name="m001_notes")
@second_version(name="m001_notes")
def make_notes(db: sqlite_utils.Database) -> None:
    db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL, number INTEGER NOT NULL DEFAULT 0)")


@second_version(name="m002_color")
def add_color(db: sqlite_utils.Database) -> None:
    db.execute("ALTER TABLE notes ADD COLUMN color TEXT")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'folder that is not there yet' / 'test.db'}"


@pytest.fixture
def empty_database(url: str) -> Iterator[EmbeddedDatabase]:
    database = EmbeddedDatabase(url)
    yield database
    database.close()


@pytest.fixture
def database(empty_database: EmbeddedDatabase) -> EmbeddedDatabase:
    empty_database.migrate(second_version)
    return empty_database


def count(db: sqlite_utils.Database) -> int:
    (found,) = db.execute("SELECT count(*) FROM notes").fetchone()
    return int(found)


def write_note(database: EmbeddedDatabase) -> None:
    with database.write() as db:
        db.execute("INSERT INTO notes (text) VALUES ('note')")


def test_a_read_sees_one_snapshot_while_others_write(database: EmbeddedDatabase) -> None:
    with database.read() as db:
        before = count(db)
        write_note(database)
        after = count(db)

    assert (before, after) == (0, 0)
    with database.read() as db:
        assert count(db) == 1


def test_a_write_that_fails_leaves_nothing(database: EmbeddedDatabase) -> None:
    def fail_halfway() -> None:
        with database.write() as db:
            db.execute("INSERT INTO notes (text) VALUES ('note')")
            db.execute("INSERT INTO notes (text) VALUES (NULL)")

    with pytest.raises(IntegrityError):
        fail_halfway()

    with database.read() as db:
        assert count(db) == 0


def test_writers_lose_no_update(database: EmbeddedDatabase, url: str) -> None:
    write_note(database)
    together = threading.Barrier(WRITERS)

    def add_one(own: EmbeddedDatabase) -> None:
        together.wait()
        for _ in range(WRITES_EACH):
            with own.write() as db:
                (number,) = db.execute("SELECT number FROM notes").fetchone()
                db.execute("UPDATE notes SET number = ?", [number + 1])

    # Half of them in this database, half in databases of their own, as other processes have.
    databases = [database if index % 2 else EmbeddedDatabase(url) for index in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(add_one, own) for own in databases]:
            done.result()
    for own in databases:
        own.close()

    with database.read() as db:
        assert db.execute("SELECT number FROM notes").fetchone() == (WRITERS * WRITES_EACH,)


def test_the_schema_is_made_once_however_many_processes_start(url: str) -> None:
    together = threading.Barrier(WRITERS)

    def start() -> None:
        own = EmbeddedDatabase(url)
        together.wait()
        own.migrate(second_version)
        own.check_schema(second_version)
        own.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(start) for _ in range(WRITERS)]:
            done.result()


def test_a_migration_that_fails_leaves_the_schema_as_it_was(empty_database: EmbeddedDatabase) -> None:
    broken = Migrations("notes")
    broken(name="m001_notes")(make_notes)
    broken(name="m002_again")(make_notes)

    with pytest.raises(OperationalError, match="already exists"):
        empty_database.migrate(broken)

    with pytest.raises(SchemaMismatch, match="lacks m001_notes, m002_color"):
        empty_database.check_schema(second_version)


def test_an_older_schema_is_refused_until_it_is_migrated(empty_database: EmbeddedDatabase) -> None:
    empty_database.migrate(first_version)

    with pytest.raises(SchemaMismatch, match="lacks m002_color"):
        empty_database.check_schema(second_version)
    empty_database.migrate(second_version)
    empty_database.check_schema(second_version)


def test_a_newer_schema_is_refused(database: EmbeddedDatabase) -> None:
    with pytest.raises(SchemaMismatch, match="a newer version made m002_color"):
        database.check_schema(first_version)


def test_text_of_any_script_comes_back_as_it_was(database: EmbeddedDatabase) -> None:
    @given(texts)
    def comes_back(text: str) -> None:
        with database.write() as db:
            db.execute("DELETE FROM notes")
            db.execute("INSERT INTO notes (text) VALUES (?)", [text])
        with database.read() as db:
            assert db.execute("SELECT text FROM notes").fetchone() == (text,)

    comes_back()


def test_a_url_of_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="an embedded store is a SQLite file"):
        EmbeddedDatabase("postgresql://user@host/db")
