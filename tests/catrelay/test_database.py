import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from catrelay.database import Database, UtcDateTime
from catrelay.tokens import SchemaMismatch
from tests.strategies import texts

MIGRATIONS = Path(__file__).parent / "migrations"
WRITERS = 8
WRITES_EACH = 10

notes = Table(
    "notes",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("tenant", Integer),
    Column("text", Text),
    Column("number", Integer),
    Column("at", UtcDateTime),
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    database.migrate(MIGRATIONS)
    yield database
    database.close()


def count(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(notes)) or 0


def write_note(database: Database, text: str = "note") -> None:
    with database.write() as connection:
        connection.execute(insert(notes).values(text=text))


def in_threads(work: Callable[[], None]) -> None:
    together = threading.Barrier(WRITERS)

    def run() -> None:
        together.wait()
        work()

    with ThreadPoolExecutor(WRITERS) as pool:
        for done in [pool.submit(run) for _ in range(WRITERS)]:
            done.result()


def test_a_read_sees_one_snapshot_while_others_write(database: Database) -> None:
    write_note(database)

    with database.read() as connection:
        before = count(connection)
        write_note(database)
        after = count(connection)

    assert (before, after) == (1, 1)
    with database.read() as connection:
        assert count(connection) == 2


def test_a_write_is_seen_once_it_is_committed_and_not_before(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(notes).values(text="note"))
        with database.read() as other:
            assert count(other) == 0

    with database.read() as connection:
        assert count(connection) == 1


def test_a_write_that_fails_leaves_nothing_and_calls_no_listener(database: Database) -> None:
    commits: list[str] = []
    database.on_commit(lambda: commits.append("commit"))

    def fail_halfway() -> None:
        with database.write() as connection:
            connection.execute(insert(notes).values(text="note"))
            connection.execute(insert(notes).values(text=None))

    with pytest.raises(IntegrityError):
        fail_halfway()

    with database.read() as connection:
        assert count(connection) == 0
    assert commits == []


def test_a_listener_is_called_when_others_can_see_the_write(database: Database) -> None:
    seen: list[int] = []

    def listen() -> None:
        with database.read() as connection:
            seen.append(count(connection))

    database.on_commit(listen)
    write_note(database)
    write_note(database)

    assert seen == [1, 2]


def test_a_reference_to_a_row_that_is_not_there_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(notes).values(text="note", tenant=7))


def test_writers_that_lock_one_row_lose_no_update(database: Database) -> None:
    write_note(database)

    def add_one() -> None:
        for _ in range(WRITES_EACH):
            with database.write() as connection:
                number = connection.scalars(select(notes.c.number).with_for_update()).one()
                connection.execute(update(notes).values(number=number + 1))

    in_threads(add_one)

    with database.read() as connection:
        assert connection.scalar(select(notes.c.number)) == WRITERS * WRITES_EACH


def test_writers_with_databases_of_their_own_lose_no_update_either(database: Database, database_url: str) -> None:
    write_note(database)

    def add_one() -> None:
        own = Database(database_url)
        with own.write() as connection:
            number = connection.scalars(select(notes.c.number).with_for_update()).one()
            connection.execute(update(notes).values(number=number + 1))
        own.close()

    in_threads(add_one)

    with database.read() as connection:
        assert connection.scalar(select(notes.c.number)) == WRITERS


def test_the_schema_is_made_once_however_many_processes_start(database_url: str) -> None:
    def start() -> None:
        own = Database(database_url)
        own.migrate(MIGRATIONS)
        own.check_schema(MIGRATIONS)
        own.close()

    in_threads(start)


def test_a_database_without_a_schema_is_refused(database_url: str) -> None:
    database = Database(database_url)

    with pytest.raises(SchemaMismatch, match="no schema yet"):
        database.check_schema(MIGRATIONS)
    database.close()


def test_an_older_schema_is_refused_until_it_is_migrated(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url)
    database.migrate(migrations_without_the_second(tmp_path))

    with pytest.raises(SchemaMismatch, match="schema is first, this version works with second"):
        database.check_schema(MIGRATIONS)
    database.migrate(MIGRATIONS)
    database.check_schema(MIGRATIONS)
    database.close()


def test_a_newer_schema_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match="schema is second, this version works with first"):
        database.check_schema(migrations_without_the_second(tmp_path))


def migrations_without_the_second(tmp_path: Path) -> Path:
    # A per cent sign in a path means something to configuration parsers.
    older = tmp_path / "100% older"
    return shutil.copytree(MIGRATIONS, older, ignore=shutil.ignore_patterns("second.py", "__pycache__"))


def test_text_of_any_script_comes_back_as_it_was(database: Database) -> None:
    @given(texts)
    def comes_back(text: str) -> None:
        with database.write() as connection:
            connection.execute(notes.delete())
            connection.execute(insert(notes).values(text=text))
        with database.read() as connection:
            assert connection.scalar(select(notes.c.text)) == text

    comes_back()


def test_a_moment_comes_back_in_utc(database: Database) -> None:
    in_auckland = datetime(2026, 11, 22, 22, 30, 15, 123456, tzinfo=timezone(timedelta(hours=13)))

    with database.write() as connection:
        connection.execute(insert(notes).values(text="at", at=in_auckland))
        connection.execute(insert(notes).values(text="never"))

    with database.read() as connection:
        moments = connection.scalars(select(notes.c.at).order_by(notes.c.id)).all()
    assert moments == [in_auckland, None]
    assert moments[0] is not None
    assert moments[0].tzinfo is UTC


def test_moments_compare_by_time_whatever_zone_they_were_given_in(database: Database) -> None:
    noon_in_utc = datetime(2026, 11, 22, 12, tzinfo=UTC)
    one_hour_earlier = datetime(2026, 11, 22, 23, tzinfo=timezone(timedelta(hours=12)))
    with database.write() as connection:
        connection.execute(insert(notes).values(text="earlier", at=one_hour_earlier))

    with database.read() as connection:
        assert connection.scalars(select(notes.c.text).where(notes.c.at < noon_in_utc)).all() == ["earlier"]


def test_services_share_a_postgresql_database_without_sharing_tables(postgres_database: str) -> None:
    ats, uploader = Database(postgres_database, schema="ats"), Database(postgres_database, schema="uploader")
    for each in (ats, uploader):
        each.migrate(MIGRATIONS)
        each.check_schema(MIGRATIONS)

    write_note(ats)

    with ats.read() as in_ats, uploader.read() as in_uploader:
        assert (count(in_ats), count(in_uploader)) == (1, 0)
    ats.close()
    uploader.close()


def test_another_kind_of_database_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="mysql is not supported"):
        Database("mysql://user@host/db")


def test_a_connection_that_broke_while_it_was_idle_fails_nobody(postgres_database: str) -> None:
    with closing(Database(postgres_database)) as database, closing(Database(postgres_database)) as other:
        with database.read() as connection:
            lost = connection.scalar(text("SELECT pg_backend_pid()"))
        with other.write() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:lost, 5000)"), {"lost": lost})

        with database.read() as connection:
            assert connection.scalar(text("SELECT pg_backend_pid()")) != lost
