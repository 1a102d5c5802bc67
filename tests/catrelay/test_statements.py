"""Statements run at the driver do what SQLAlchemy's own way does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    event,
    insert,
    select,
    update,
)

from catrelay.database import Database, UtcDateTime
from catrelay.statements import Statement

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("order", Text),
    Column("share", Float(53)),
    Column("available", Boolean),
    Column("at", UtcDateTime),
)
blobs = Table("blobs", metadata, Column("id", BigInteger, primary_key=True), Column("content", LargeBinary))

INSERT = Statement(insert(things))
UPDATE = Statement(update(things).where(things.c.id == bindparam("of")).values(order=bindparam("order")))
ONE = Statement(select(things).where(things.c.id == bindparam("id")))
ALL = Statement(select(things).order_by(things.c.id))

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
TEXTS = ["", "'; DROP", "%s %(id)s :id ?", '{}\\"\n\t\u2028', "Te Kōtuku 👩🏽‍💻", None]
ROWS: list[dict[str, Any]] = [
    {"id": 2**53 + number, "order": text, "share": 0.1 * number, "available": number % 2 == 0, "at": MOMENT}
    for number, text in enumerate(TEXTS)
] + [{"id": 1, "order": None, "share": None, "available": None, "at": None}]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    with database.write() as connection:
        metadata.create_all(connection)
    yield database
    database.close()


@pytest.mark.parametrize("count", [0, 1, len(ROWS)])
def test_rows_are_read_as_they_were_written(database: Database, count: int) -> None:
    with database.write() as connection:
        INSERT.run(connection, *ROWS[:count])

    with database.read() as connection:
        read = ALL.rows(connection)
        read_by_sqlalchemy = [tuple(row) for row in connection.execute(select(things).order_by(things.c.id))]

    assert read == sorted((tuple(row.values()) for row in ROWS[:count]), key=lambda row: row[0])
    assert read == read_by_sqlalchemy


def test_a_moment_of_another_zone_is_the_same_moment(database: Database) -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=13)))
    with database.write() as connection:
        INSERT.run(
            connection, *({"id": each, "order": "", "share": 0, "available": True, "at": elsewhere} for each in (1, 2))
        )
        read = [row[-1] for row in ALL.rows(connection)]

    assert read == [MOMENT, MOMENT]


def test_each_of_many_updates_is_made(database: Database) -> None:
    with database.write() as connection:
        INSERT.run(connection, *ROWS)
        UPDATE.run(connection, *({"of": row["id"], "order": f"now {row['id']}"} for row in ROWS))

        assert [row[1] for row in ALL.rows(connection)] == sorted(f"now {row['id']}" for row in ROWS)
        assert ONE.row(connection, id=1) == (1, "now 1", None, None, None)
        assert ONE.row(connection, id=3) is None


def test_a_statement_joins_the_transaction_of_its_connection(database: Database) -> None:
    def fail_halfway() -> None:
        with database.write() as connection:
            INSERT.run(connection, *ROWS)
            Statement(delete(things).where(things.c.id == 1)).run(connection, {})
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()

    with database.read() as connection:
        assert ALL.rows(connection) == []


def test_what_json_cannot_carry_is_written_too(database: Database) -> None:
    with database.write() as connection:
        Statement(insert(blobs)).run(connection, {"id": 1, "content": b"\x00\xff"}, {"id": 2, "content": None})

        found = Statement(select(blobs).order_by(blobs.c.id)).rows(connection)

    assert [(each, content if content is None else bytes(content)) for each, content in found] == [
        (1, b"\x00\xff"),
        (2, None),
    ]


def test_who_listens_to_the_engine_hears_of_each_statement(database: Database) -> None:
    heard: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: heard.append(given[2].split()[0]))

    with database.write() as connection:
        INSERT.run(connection, ROWS[0])
        ALL.rows(connection)

    assert heard[-2:] == ["INSERT", "SELECT"]


def test_a_listener_can_keep_a_statement_from_happening(database: Database) -> None:
    def refuse(*_: object) -> None:
        raise KeyError

    with database.write() as connection:
        event.listen(connection, "before_cursor_execute", refuse)
        with pytest.raises(KeyError):
            INSERT.run(connection, ROWS[0])
        event.remove(connection, "before_cursor_execute", refuse)

        assert ALL.rows(connection) == []
