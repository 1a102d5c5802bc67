"""An ATS that starts with keys for its stored secrets, with others, or without any."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from ats_stub.store import Store, open_database, schema
from catrelay.cli.serve import MASK
from catrelay.cli.services import load_service
from catrelay.models import SubscriptionCreate
from catrelay.vault import Vault
from tests.catrelay.cli.conftest import Catrelay

OLD, NEW = "old key drawn by chance of 32 characters", "new key drawn by chance of 32 characters"
SECRET = "whsec_c2VjcmV0"
VARIABLE = "CATRELAY_SECRET_KEYS"


@pytest.fixture
def database(tmp_path: Path) -> str:
    """An ATS's database with a secret that OLD sealed."""
    url = f"sqlite:///{tmp_path}/ats.db"
    registry = load_service("ats").open_registry(url)
    registry.migrate()
    registry.add_tenant("acme")
    registry.close()
    store = Store(open_database(url), vault=Vault([OLD]))
    with store.write(1, app="tests", now=datetime.now(UTC)) as unit:
        wanted = SubscriptionCreate(url="http://192.0.2.7", topics=("categories",))
        unit.subscriptions.insert(unit.new_id(), wanted, app="tests", signing_secret=SECRET, now=unit.now)
    store.database.close()
    return url


def stored(url: str) -> str:
    database = open_database(url)
    with database.read() as connection:
        secret = str(connection.execute(select(schema.subscriptions.c.secret)).scalar_one())
    database.close()
    return secret


def log_of_a_start(url: str, *, until: str, **environment: str) -> list[str]:
    """What an ATS said until it said *until*."""
    command = [sys.executable, "-m", "catrelay", "ats", "serve", "--database", url, "--port", "0"]
    with subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said: list[str] = []
        while not said or until not in said[-1]:
            said.append(process.stderr.readline())
            assert said[-1], said
        process.terminate()
        return [*said, *process.stderr]


@pytest.mark.parametrize("keys", [None, NEW])
def test_an_ats_without_the_key_of_a_stored_secret_refuses_to_start(
    catrelay: Catrelay, database: str, monkeypatch: pytest.MonkeyPatch, keys: str | None
) -> None:
    if keys is not None:
        monkeypatch.setenv(VARIABLE, keys)

    outcome = catrelay("ats", "serve", "--database", database, "--port", "0")

    assert outcome.status == 1
    assert outcome.err == (
        f"catrelay: a stored secret cannot be opened: {VARIABLE} lacks the key that it was sealed by\n"
    )


def test_an_ats_seals_anew_by_its_first_key_and_says_nothing_of_it(database: str) -> None:
    said = log_of_a_start(database, until="serves on", **{VARIABLE: f"{NEW}, {OLD}"})

    assert Vault([NEW]).open(stored(database)) == SECRET
    assert len(said) == 1


def test_an_ats_without_keys_says_what_to_set(database: str) -> None:
    log_of_a_start(database, until="serves on", **{VARIABLE: OLD})
    store = Store(open_database(database))
    with store.write(1, app="tests", now=datetime.now(UTC)) as unit:
        unit.subscriptions.delete(1)
        unit.subscriptions.delete(2)
    store.database.close()

    warning = json.loads(log_of_a_start(database, until=VARIABLE)[-1])

    assert (warning["level"], warning["event"]) == ("warning", f"secrets are stored in clear: set {VARIABLE}")


def test_keys_are_masked_and_short_ones_refused_unseen(
    catrelay: Catrelay, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{NEW},{OLD}")
    shown = catrelay("ats", "config", "--database", database).out
    monkeypatch.setenv(VARIABLE, f"{NEW},hush")
    refused = catrelay("ats", "config", "--database", database)

    assert f"secret_keys\t{MASK}\tenvironment {VARIABLE}" in shown.splitlines()
    assert NEW not in shown
    assert refused.status == 2
    assert "--secret-keys: value error, each key has at least 32 characters" in refused.err
    assert "hush" not in refused.err
