import json
from datetime import UTC, datetime, timedelta
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
    assert catrelay("ats", "tenant", "remove", "--database", database, "acme", "--yes").status == 0
    assert json.loads(catrelay("ats", "tenant", "list", "--database", database, "--json").out) == ["beta"]


def test_a_tenant_cannot_be_called_what_a_path_cannot_show(catrelay: Catrelay, database: str) -> None:
    outcome = catrelay("ats", "tenant", "create", "--database", database, "acme/jobs")

    assert outcome.status == 2
    assert "a part of paths" in outcome.err


@pytest.mark.parametrize(("answer", "status", "left"), [("n", 1, ["acme"]), ("", 1, ["acme"]), ("y", 0, [])])
def test_a_tenant_is_removed_on_a_terminal_once_that_was_confirmed(
    catrelay: Catrelay, at_a_terminal: Catrelay, database: str, answer: str, status: int, left: list[str]
) -> None:
    outcome = at_a_terminal(f"{answer}\n", "ats", "tenant", "remove", "--database", database, "acme")

    assert outcome.status == status
    assert "Remove the tenant acme with all its data from ats? [y/N]" in outcome.err
    assert json.loads(catrelay("ats", "tenant", "list", "--database", database, "--json").out) == left


def test_a_tenant_is_removed_on_a_terminal_unasked_with_yes(
    catrelay: Catrelay, at_a_terminal: Catrelay, database: str
) -> None:
    outcome = at_a_terminal("", "ats", "tenant", "remove", "--database", database, "acme", "--yes")

    assert (outcome.status, "?" in outcome.err) == (0, False)
    assert catrelay("ats", "tenant", "list", "--database", database).out == ""


def test_a_tenant_is_not_removed_where_nobody_can_confirm_it(catrelay: Catrelay, database: str) -> None:
    outcome = catrelay("ats", "tenant", "remove", "--database", database, "acme")

    assert outcome.status == 1
    assert outcome.err == "catrelay: nobody is there to confirm it: with --yes the tenant is removed\n"
    assert catrelay("ats", "tenant", "list", "--database", database).out == "acme\n"


def test_a_token_is_made_for_some_days(catrelay: Catrelay, database: str) -> None:
    where = ["--database", database, "--tenant", "acme"]
    before = datetime.now(UTC)

    made = catrelay(
        "ats", "token", "create", *where, "--app", "a", "--scope", "intake", "--expires-days", "7", "--json"
    )
    listed = json.loads(catrelay("ats", "token", "list", *where, "--json").out)

    expires = datetime.fromisoformat(json.loads(made.out)["expires"])
    assert before + timedelta(days=7) <= expires <= datetime.now(UTC) + timedelta(days=7)
    assert [(each["scope"], each["expires"]) for each in listed] == [("intake", expires.isoformat())]


def test_a_token_is_made_until_a_moment(catrelay: Catrelay, database: str) -> None:
    where = ["--database", database, "--tenant", "acme"]

    made = catrelay(
        "ats", "token", "create", *where, "--app", "a", "--scope", "read", "--expires", "2999-01-31T00:00:00+01:00"
    )
    header, row = catrelay("ats", "token", "list", *where).out.splitlines()

    assert made.status == 0
    assert header.split("\t") == ["id", "app", "scope", "created", "expires", "lastUsed"]
    assert row.split("\t")[4:] == ["2999-01-30T23:00:00+00:00", ""]


def test_the_last_use_of_a_token_is_listed(catrelay: Catrelay, database: str) -> None:
    where = ["--database", database, "--tenant", "acme"]
    token = catrelay("ats", "token", "create", *where, "--app", "a", "--scope", "read").out.strip()
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)

    registry = load_service("ats").open_registry(database)
    registry.note_use(hash_token(token), noon)
    registry.record_uses()
    registry.close()

    (listed,) = json.loads(catrelay("ats", "token", "list", *where, "--json").out)
    assert (listed["lastUsed"], "expires" in listed) == (noon.isoformat(), False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--expires-days", "0"], "--expires-days"),
        (["--expires-days", "36501"], "--expires-days"),
        (["--expires", "2020-01-01T00:00:00Z"], "is past"),
        (["--expires", "2999-01-31"], "is not a date and time of RFC 3339"),
        (["--expires", "2999-01-31T00:00:00"], "is not a date and time of RFC 3339"),
        (["--expires", "tomorrow"], "is not a date and time of RFC 3339"),
        (["--expires", "2999-01-31T00:00:00Z", "--expires-days", "7"], "give one of them"),
        (["--scope", "root"], "--scope"),
    ],
)
def test_what_is_no_end_of_a_token_is_wrong_usage(
    catrelay: Catrelay, database: str, options: list[str], said: str
) -> None:
    where = ["--database", database, "--tenant", "acme", "--app", "a", "--scope", "read"]

    outcome = catrelay("ats", "token", "create", *where, *options)

    assert (outcome.status, outcome.out) == (2, "")
    assert said in " ".join(outcome.err.split())


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


@pytest.mark.parametrize(
    "command",
    [
        ["catman", "tenant", "create", "acme"],
        ["catman", "tenant", "list"],
        ["ats", "token", "list", "--tenant", "acme"],
        ["ats", "compact", "--keep-days", "1"],
    ],
)
def test_a_file_that_there_is_not_is_an_error_and_not_made(
    catrelay: Catrelay, tmp_path: Path, command: list[str]
) -> None:
    mistyped = tmp_path / "mistyped.db"

    outcome = catrelay(*command, "--database", f"sqlite:///{mistyped}")

    assert (outcome.status, outcome.err) == (
        1,
        f"catrelay: --database: there is no file {mistyped}: `migrate` makes it\n",
    )
    assert not mistyped.exists()


def test_what_is_no_database_url_is_an_error(catrelay: Catrelay) -> None:
    outcome = catrelay("ats", "migrate", "--database", "mysql://here")

    assert outcome.status == 1
    assert outcome.err.startswith("catrelay: --database: mysql is not supported")
