"""`catrelay ats backup|restore|compact`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ats_stub.store import Store, open_database
from catrelay.models import JournalEntry
from tests.catrelay.cli.conftest import Catrelay


@pytest.fixture
def database(catrelay: Catrelay, database_url: str) -> str:
    """A database of the ATS with the tenants acme and beta."""
    assert catrelay("ats", "migrate", "--database", database_url).status == 0
    for tenant in ("acme", "beta"):
        assert catrelay("ats", "tenant", "create", "--database", database_url, tenant).status == 0
    return database_url


def write_journal(url: str, *days_ago: int) -> None:
    """Entries of the tenant acme."""
    database = open_database(url)
    now = datetime.now(UTC)
    with Store(database).write(1, app="tests", now=now) as unit:
        for days in days_ago:
            seq, at = unit.journal.next_seq(), now - timedelta(days=days, hours=1)
            unit.journal.append(JournalEntry(seq=seq, category=17, id=seq, operation="inactivate", at=at, by="tests"))
    database.close()


def test_a_backup_goes_into_a_database_that_is_empty(catrelay: Catrelay, database: str, tmp_path: Path) -> None:
    file, fresh = tmp_path / "ats.backup", f"sqlite:///{tmp_path / 'fresh.db'}"

    made = catrelay("ats", "backup", "--database", database, "--to", str(file))
    restored = catrelay("ats", "restore", "--database", fresh, "--from", str(file))

    assert (made.status, made.out) == (0, "")
    assert f"{file} holds 2 tenants in 6 rows" in made.err
    assert (restored.status, restored.out) == (0, "")
    assert "The database holds 2 tenants in 6 rows, made " in restored.err
    assert json.loads(catrelay("ats", "tenant", "list", "--database", fresh, "--json").out) == ["acme", "beta"]


def test_what_a_database_has_is_dropped_only_on_demand(catrelay: Catrelay, database: str, tmp_path: Path) -> None:
    where = ["--database", database, "--from", str(tmp_path / "ats.backup")]
    catrelay("ats", "backup", "--database", database, "--to", str(tmp_path / "ats.backup"))
    catrelay("ats", "tenant", "create", "--database", database, "gamma")

    refused = catrelay("ats", "restore", *where)
    assert refused.status == 1
    assert refused.err == "catrelay: the database has data: acme, beta, gamma; with --replace it is dropped\n"

    assert catrelay("ats", "restore", *where, "--replace").status == 0
    assert json.loads(catrelay("ats", "tenant", "list", "--database", database, "--json").out) == ["acme", "beta"]


@pytest.mark.parametrize(("answer", "status", "tenants"), [("n\n", 1, ["acme", "beta"]), ("y\n", 0, [])])
def test_on_a_terminal_it_asks(
    catrelay: Catrelay,
    at_a_terminal: Catrelay,
    database: str,
    tmp_path: Path,
    answer: str,
    status: int,
    tenants: list[str],
) -> None:
    empty, file = f"sqlite:///{tmp_path / 'empty.db'}", str(tmp_path / "ats.backup")
    catrelay("ats", "migrate", "--database", empty)
    catrelay("ats", "backup", "--database", empty, "--to", file)

    outcome = at_a_terminal(answer, "ats", "restore", "--database", database, "--from", file)

    assert outcome.status == status
    assert "the database has data: acme, beta. Drop all of it?" in outcome.err
    assert json.loads(catrelay("ats", "tenant", "list", "--database", database, "--json").out) == tenants


def test_a_backup_into_a_folder_that_is_not_there_names_the_folder(
    catrelay: Catrelay, database: str, tmp_path: Path
) -> None:
    outcome = catrelay("ats", "backup", "--database", database, "--to", str(tmp_path / "nowhere" / "ats.backup"))

    assert (outcome.status, outcome.err) == (1, f"catrelay: there is no folder {tmp_path / 'nowhere'}\n")


def test_a_database_that_does_not_answer_is_told_in_the_drivers_words(catrelay: Catrelay) -> None:
    outcome = catrelay("ats", "tenant", "list", "--database", "postgresql://me:secret@127.0.0.1:1/ats")

    assert outcome.status == 1
    assert outcome.err.startswith("catrelay: the database failed: connection ")
    assert "secret" not in outcome.err


def test_a_file_that_is_no_backup_is_a_failure(catrelay: Catrelay, database: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_text("mine")

    for arguments in (["restore", "--from", str(notes), "--replace"], ["backup", "--to", str(notes)]):
        outcome = catrelay("ats", *arguments, "--database", database)
        assert (outcome.status, outcome.out) == (1, "")
        assert outcome.err.startswith(f"catrelay: {notes} is no backup of an ATS")
    assert notes.read_text() == "mine"


def test_a_database_without_a_schema_is_not_backed_up(catrelay: Catrelay, database_url: str, tmp_path: Path) -> None:
    (tmp_path / "test.db").touch()  # on SQLite, a database like any new one

    outcome = catrelay("ats", "backup", "--database", database_url, "--to", str(tmp_path / "ats.backup"))

    assert outcome.status == 1
    assert "no schema yet" in outcome.err
    assert not (tmp_path / "ats.backup").exists()


def test_compacting_tells_what_is_left_of_each_tenant(catrelay: Catrelay, database: str) -> None:
    write_journal(database, 40, 35, 3)
    acme = {"tenant": "acme", "dropped": 2, "firstSeq": 3, "lastSeq": 3}
    beta = {"tenant": "beta", "dropped": 0, "firstSeq": 1, "lastSeq": 0}

    outcome = catrelay("ats", "compact", "--database", database, "--keep-days", "30", "--json")
    assert json.loads(outcome.out) == [acme, beta]

    outcome = catrelay("ats", "compact", "--database", database, "--keep-days", "0", "--tenant", "acme")
    assert outcome.out == "tenant\tdropped\tfirstSeq\tlastSeq\nacme\t1\t4\t3\n"


def test_wrong_usage_of_compacting(catrelay: Catrelay, database: str) -> None:
    assert catrelay("ats", "compact", "--database", database).status == 2
    assert catrelay("ats", "compact", "--database", database, "--keep-days", "-1").status == 2
    unknown = catrelay("ats", "compact", "--database", database, "--keep-days", "1", "--tenant", "globex")
    assert (unknown.status, unknown.err) == (1, "catrelay: there is no tenant 'globex'\n")
    assert catrelay("ats", "compact", "--database", "mysql://x/y", "--keep-days", "1").status == 1
