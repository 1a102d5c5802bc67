import json
from pathlib import Path

import pytest

from catrelay.cli.services import load_service
from catrelay.tokens import Connection, hash_token
from tests.catrelay.cli.conftest import Catrelay


@pytest.fixture
def database(catrelay: Catrelay, database_url: str) -> str:
    """A database of the ATS with the tenant acme."""
    assert catrelay("ats", "migrate", "--database", database_url).status == 0
    assert catrelay("ats", "tenant", "create", "--database", database_url, "acme").status == 0
    return database_url


def test_a_created_token_is_printed_alone_and_is_accepted(catrelay: Catrelay, database: str) -> None:
    made = catrelay(
        "ats", "token", "create", "--database", database, "--tenant", "acme", "--app", "site", "--scope", "read"
    )

    registry = load_service("ats").open_registry(database)
    access = registry.access(hash_token(made.out.strip()))
    registry.close()
    assert made.status == 0
    assert access is not None
    assert (access.tenant, access.app, access.scope) == ("acme", "site", "read")


def test_tokens_are_listed_without_their_secret_and_revoked_by_id(catrelay: Catrelay, database: str) -> None:
    where = ["--database", database, "--tenant", "acme"]
    token = json.loads(catrelay("ats", "token", "create", *where, "--app", "a", "--scope", "admin", "--json").out)[
        "token"
    ]
    catrelay("ats", "token", "create", *where, "--app", "b", "--scope", "write")

    listed = catrelay("ats", "token", "list", *where, "--json")
    tokens = json.loads(listed.out)
    revoked = catrelay("ats", "token", "revoke", *where, str(tokens[0]["id"]))

    assert [(each["app"], each["scope"]) for each in tokens] == [("a", "admin"), ("b", "write")]
    assert token not in listed.out
    assert revoked.status == 0
    assert catrelay("ats", "token", "list", *where).out.splitlines()[1].split("\t")[1:3] == ["b", "write"]
    assert catrelay("ats", "token", "revoke", *where, str(tokens[0]["id"])).status == 1


@pytest.mark.parametrize(
    "command",
    [
        ["token", "create", "--tenant", "globex", "--app", "x", "--scope", "read"],
        ["token", "list", "--tenant", "globex"],
        ["token", "revoke", "--tenant", "globex", "1"],
        ["tenant", "remove", "globex"],
    ],
)
def test_an_unknown_tenant_is_an_error(catrelay: Catrelay, database: str, command: list[str]) -> None:
    outcome = catrelay("ats", *command, "--database", database)

    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "catrelay: there is no tenant 'globex'\n"


def test_tenants_are_created_once_listed_and_removed(catrelay: Catrelay, database: str) -> None:
    catrelay("ats", "tenant", "create", "--database", database, "beta")
    again = catrelay("ats", "tenant", "create", "--database", database, "beta")

    assert again.status == 0
    assert catrelay("ats", "tenant", "list", "--database", database).out == "acme\nbeta\n"
    assert catrelay("ats", "tenant", "remove", "--database", database, "acme").status == 0
    assert json.loads(catrelay("ats", "tenant", "list", "--database", database, "--json").out) == ["beta"]


def test_options_also_come_from_the_environment(
    catrelay: Catrelay, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {"DATABASE": database, "TENANT": "acme", "APP": "site", "SCOPE": "read"}.items():
        monkeypatch.setenv(f"CATRELAY_{name}", text)

    assert catrelay("ats", "token", "create").status == 0


def test_a_service_is_connected_to_a_tenants_ats(catrelay: Catrelay, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/catman.db"
    catrelay("catman", "migrate", "--database", database)
    catrelay("catman", "tenant", "create", "--database", database, "acme")

    outcome = catrelay(
        "catman", "connect", "--database", database, "--tenant", "acme", "--ats", "http://ats.test/", "--token", "T"
    )

    registry = load_service("catman").open_registry(database)
    assert outcome.status == 0
    assert registry.connections("acme") == [Connection("ats", "http://ats.test", "T")]
    registry.close()


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8800",
        "ftp://ats.test",
        "http://",
        "http://:8800",
        "http://ats.test:88xx",
        "http://ats.test:99999",
        "http://ats.test:0",
        "http://ats.test/?x=1",
        "http://me:hush@ats.test",
        "http://[::1",
    ],
)
def test_what_is_no_address_of_a_service_is_wrong_usage(catrelay: Catrelay, tmp_path: Path, url: str) -> None:
    where = ["--database", f"sqlite:///{tmp_path}/catman.db", "--tenant", "acme"]

    outcome = catrelay("catman", "connect", *where, "--ats", url, "--token", "T")

    assert outcome.status == 2
    assert "is no address of a service" in outcome.err


def test_what_is_no_database_url_is_an_error(catrelay: Catrelay) -> None:
    outcome = catrelay("ats", "migrate", "--database", "mysql://here")

    assert outcome.status == 1
    assert outcome.err.startswith("catrelay: --database: mysql is not supported")
