"""Making the replica's tables in the database of an app."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from replicator import ReplicaStore

PROCESSES = 4


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'app.db'}"
    found: str = request.getfixturevalue({"postgresql": "postgres_database", "mariadb": "mariadb_url"}[request.param])
    return found


def test_processes_that_start_at_once_make_the_tables_once(url: str) -> None:
    together = Barrier(PROCESSES)

    def start(_: int) -> None:
        store = ReplicaStore.of(url, "acme")
        try:
            together.wait(timeout=30)
            store.migrate()
            with store.write() as unit:
                unit.note_moved(1)
        finally:
            store.close()

    with ThreadPoolExecutor(PROCESSES) as threads:
        list(threads.map(start, range(PROCESSES)))

    store = ReplicaStore.of(url, "acme")
    with store.read() as unit:
        assert unit.state().moved == PROCESSES
    store.close()


def test_tables_that_a_killed_process_left_are_made_anew(mariadb_url: str) -> None:
    engine = sa.create_engine(mariadb_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE replica_schema (version INTEGER NOT NULL PRIMARY KEY)"))
        connection.execute(sa.text("CREATE TABLE replica_state (id INTEGER)"))
    store = ReplicaStore.of(mariadb_url, "acme")

    store.migrate()

    with store.write() as unit:
        assert unit.state().moved == 0
    store.close()
