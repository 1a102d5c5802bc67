"""The MariaDB that tests ask for."""

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, create_engine, insert, inspect, select
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.mariadb import fresh_mariadb_database

metadata = MetaData()
values = Table("replica_values", metadata, Column("id", Integer, primary_key=True), Column("name", String(100)))


@pytest.fixture
def engine(mariadb_url: str) -> Engine:
    return create_engine(mariadb_url)


def test_a_table_is_made_filled_and_read(engine: Engine) -> None:
    metadata.create_all(engine)

    with engine.begin() as connection:
        connection.execute(insert(values), [{"id": 1, "name": "Tāmaki Makaurau 🥝"}, {"id": 2, "name": None}])

    with engine.connect() as connection:
        assert connection.execute(select(values).order_by(values.c.id)).all() == [(1, "Tāmaki Makaurau 🥝"), (2, None)]
    engine.dispose()


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    metadata.create_all(engine)

    def fail() -> None:
        with engine.begin() as connection:
            connection.execute(insert(values), {"id": 1, "name": "Auckland"})
            connection.execute(insert(values), {"id": 1, "name": "Again"})

    with pytest.raises(IntegrityError):
        fail()

    with engine.connect() as connection:
        assert connection.execute(select(values)).all() == []
    engine.dispose()


def test_each_test_has_an_empty_database_of_its_own(engine: Engine) -> None:
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_database_goes_while_a_transaction_uses_it(mariadb_server_url: str) -> None:
    with fresh_mariadb_database(mariadb_server_url) as url:
        engine = create_engine(url)
        metadata.create_all(engine)
        connection = engine.connect()
        connection.execute(insert(values), {"id": 1, "name": "Auckland"})

    with pytest.raises(OperationalError):
        connection.execute(select(values))
    connection.close()
    engine.dispose()
