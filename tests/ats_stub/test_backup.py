"""Backup and restore, from and to both databases."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import Store, open_database, open_registry, registry_of, schema
from ats_stub.store.backup import NotABackup, back_up
from ats_stub.store.bulk import ROWS_AT_ONCE, tables
from ats_stub.store.restore import IDS_LEFT_OUT, HasData, restore
from catrelay.database import Database
from catrelay.tokens import hash_token
from tests.ats_stub.planting import Tree, holding, ids, plant
from tests.running import Running, running

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)

Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database that the fixture `ats` serves."""
    database = open_database(database_url)
    yield database
    database.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    """Another database, on SQLite, ready and empty."""
    url = f"sqlite:///{tmp_path / 'other.db'}"
    registry = open_registry(url)
    registry.migrate()
    registry.close()
    database = open_database(url)
    yield database
    database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ats.backup"


def contents(database: Database) -> Rows:
    """All rows, less what a restore changes, or what is written down late."""
    changed = {"epoch", "next_id", "leased_by", "leased_until", "last_used"}
    found: Rows = {}
    with database.read() as connection:
        for table in tables():
            rows = connection.execute(select(*(column for column in table.c if column.name not in changed)))
            found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


def fill(ats: Running) -> Tree:
    """Some of everything: values, a remap with objects that followed, a subscription, files, an answer kept."""
    tree = plant(ats)
    ats.post("/jobs", {"title": "Auckland, Tāmaki Makaurau"} | holding(tree.category, tree.data, tree.cloud))
    ats.post(tree.values, {"id": tree.platforms, "sequence": 0.1, "code": "", "externalId": "e"})
    ats.post(tree.values, {"id": tree.data, "available": False, "remappedTo": tree.cloud})
    assert ats.call("POST", tree.values, {"name": "Once"}, headers={"idempotency-key": "k"}).status_code == 201
    return tree


def test_a_backup_holds_all_and_restores_it_elsewhere(
    ats: Running, database: Database, other: Database, file: Path
) -> None:
    fill(ats)
    made = back_up(database, file, now=NOW)

    restored = restore(other, file, replace=False)

    assert contents(other) == contents(database)
    assert made == restored
    assert made.rows["journal"] == 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.glob(".*")) == []


def test_a_restored_ats_serves_what_was_backed_up_and_gives_numbers_of_its_own(
    ats: Running, database: Database, file: Path
) -> None:
    tree = fill(ats)
    before = ats.get("/categories/remapped")
    job = ats.get("/jobs")["results"][0]
    back_up(database, file, now=NOW)
    ats.post(tree.values, {"id": tree.cloud, "available": False, "remappedTo": tree.it})
    later = ats.post(tree.values, {"name": "Given after the backup"})["id"]

    restore(database, file, replace=True)

    after = ats.get("/categories/remapped")
    assert after["results"] == before["results"]
    assert after["epoch"] != before["epoch"]
    assert ats.get("/jobs")["results"] == [job]
    assert ats.refused("GET", f"{tree.values}/byID/{later}") == (404, "not-found")
    assert ats.post(tree.values, {"name": "New"})["id"] > max(later, IDS_LEFT_OUT)
    assert ats.post(tree.values, {"id": tree.cloud, "available": False, "remappedTo": tree.it})["remappedTo"] == tree.it
    assert [each["seq"] for each in ats.get("/categories/remapped")["results"]] == [1, 2]


def test_words_are_found_after_a_restore(ats: Running, database: Database, other: Database, file: Path) -> None:
    tree = fill(ats)
    back_up(database, file, now=NOW)
    other_url = other.engine.url.render_as_string()

    restore(other, file, replace=False)
    with running(create_app(AtsSettings(database=other_url)), tenant="acme", token=ats.token) as restored:
        assert len(ids(restored.get("/jobs", keywords="auckland"))) == 1
        assert len(ids(restored.get("/jobs", keywords="wellington"))) == 0
        assert (
            len(ids(restored.get("/jobs", categories=f'[{{"category":{tree.category},"values":[{tree.cloud}]}}]'))) == 1
        )


def test_tenants_and_tokens_made_after_a_restore_get_numbers_of_their_own(
    ats: Running, database: Database, other: Database, file: Path, database_url: str
) -> None:
    back_up(database, file, now=NOW)
    restore(other, file, replace=False)
    back_up(other, file, now=NOW)
    restore(database, file, replace=True)

    registry = open_registry(database_url)
    registry.add_tenant("beta")
    token = registry.add_token("beta", "app", "read")
    access = registry.access(hash_token(token))
    registry.close()

    assert access is not None
    assert access.tenant == "beta"
    assert ats.get("/categories") == []


def test_a_backup_is_one_moment_while_others_write(
    ats: Running, database: Database, other: Database, file: Path
) -> None:
    tree = plant(ats)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            value = ats.post(tree.values, {"name": "Short-lived"})["id"]
            ats.post(tree.values, {"id": value, "available": False, "remappedTo": tree.it})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            back_up(database, file, now=NOW)
            restore(other, file, replace=True)
            with Store(other).read(1) as unit:
                seq = unit.counters.seq
                assert len(contents(other)["journal"]) == seq
                assert len(unit.values.unavailable(tree.category, after=0, limit=10_000)) == seq
    finally:
        stop.set()
        writer.join()


def test_more_rows_than_are_held_at_once_are_copied(
    ats: Running, database: Database, other: Database, file: Path
) -> None:
    tree = plant(ats)
    for _ in range(3):
        ats.post(f"{tree.values}/batch", {"atomic": True, "values": [{"name": "n"}] * (ROWS_AT_ONCE // 2)})

    made = back_up(database, file, now=NOW)
    restore(other, file, replace=False)

    assert made.rows["category_values"] > ROWS_AT_ONCE
    assert contents(other) == contents(database)


def test_data_is_replaced_only_when_that_is_meant(ats: Running, database: Database, file: Path) -> None:
    back_up(database, file, now=NOW)
    plant(ats)
    before = contents(database)

    with pytest.raises(HasData) as refused:
        restore(database, file, replace=False)

    assert refused.value.tenants == ["acme"]
    assert contents(database) == before


def damage(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "or is damaged": lambda file: os.truncate(file, file.stat().st_size // 2),
    "is no backup": lambda file: os.truncate(file, 50),
    "is no backup of an ATS": lambda file: file.write_bytes(b"PK" + bytes(5_000)),
    "no such table": lambda file: damage(file, "DROP TABLE backup"),
    "rows are missing in categories": lambda file: damage(file, "DELETE FROM categories WHERE id = 1"),
    "that this version knows": lambda file: damage(file, "UPDATE backup SET format = 2"),
    "made by a newer version": lambda file: damage(file, "UPDATE alembic_version SET version_num = '9999'"),
    "is no file": lambda file: file.unlink(),
}


@pytest.mark.parametrize("said", DAMAGES)
def test_a_file_that_is_no_whole_backup_is_refused_and_nothing_changes(said: str, other: Database, file: Path) -> None:
    registry = registry_of(other)
    registry.add_tenant("acme")
    back_up(other, file, now=NOW)
    registry.add_tenant("beta")
    DAMAGES[said](file)
    before = contents(other)

    with pytest.raises(NotABackup, match=said):
        restore(other, file, replace=True)

    assert contents(other) == before


def test_a_backup_takes_the_place_of_a_backup_and_of_nothing_else(
    ats: Running, database: Database, file: Path, tmp_path: Path
) -> None:
    back_up(database, file, now=NOW)
    plant(ats)
    assert back_up(database, file, now=NOW).rows["category_values"] == 5
    notes = tmp_path / "notes"
    notes.write_text("mine")

    for theirs in (notes, tmp_path):
        with pytest.raises(NotABackup):
            back_up(database, theirs, now=NOW)

    assert notes.read_text() == "mine"


def test_an_older_backup_is_restored_at_the_present_schema(other: Database, file: Path, tmp_path: Path) -> None:
    registry_of(other).add_tenant("acme")
    back_up(other, file, now=NOW)
    damage(file, "DROP TABLE attempts")
    damage(file, "UPDATE backup SET rows = json_remove(rows, '$.attempts')")
    for column in ("paused", "replays", "attempted", "old_secret", "old_secret_until", "next_retry"):
        damage(file, f"ALTER TABLE subscriptions DROP COLUMN {column}")
    damage(file, "ALTER TABLE failing_pings DROP COLUMN since")
    damage(file, "UPDATE alembic_version SET version_num = '0006'")
    former = file.read_bytes()

    restored = restore(other, file, replace=True)

    assert restored.revision == "0007"
    assert registry_of(other).tenants() == ["acme"]
    assert file.read_bytes() == former


def test_a_backup_that_fails_leaves_nothing_and_keeps_the_former(ats: Running, database: Database, file: Path) -> None:
    back_up(database, file, now=NOW)
    former = file.read_bytes()
    before = sorted(file.parent.iterdir())
    with database.write() as connection:
        schema.answers.drop(connection)

    with pytest.raises(Exception, match="answers"):
        back_up(database, file, now=NOW)

    assert file.read_bytes() == former
    assert sorted(file.parent.iterdir()) == before


def test_a_restore_that_fails_changes_nothing(ats: Running, database: Database, file: Path) -> None:
    tree = plant(ats)
    back_up(database, file, now=NOW)
    damage(file, "UPDATE category_values SET name = 1, tenant = 77 WHERE id = (SELECT max(id) FROM category_values)")
    ats.post(tree.values, {"name": "Later"})
    before = contents(database)

    with pytest.raises(Exception, match=r"(?i)foreign key"):
        restore(database, file, replace=True)

    assert contents(database) == before
