"""Commands that work on data, against a real ATS on a real socket."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from catrelay.cli.journal import in_words
from catrelay.cli.suite import SERVICES
from catrelay.models import JournalEntry
from tests.catrelay.cli.conftest import Catrelay, Options


@pytest.fixture
def category(ats: Options) -> str:
    """A new category's id."""
    url, token = ats[1], ats[3]
    answer = httpx.post(
        f"{url}/t/acme/categories", json={"name": "Suburbs"}, headers={"authorization": f"Bearer {token}"}
    )
    return str(answer.raise_for_status().json()["id"])


def printed(catrelay: Catrelay, *arguments: str) -> Any:
    outcome = catrelay(*arguments, "--json")
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out)


def test_values_are_created_updated_remapped_and_inactivated(catrelay: Catrelay, ats: Options, category: str) -> None:
    def change(verb: str, *arguments: str) -> Any:
        return printed(catrelay, "values", verb, "--category", category, *arguments, *ats)

    shore = change("create", "North Shore", "--code", "NSH", "--external-id", "shore")
    takapuna = change("create", "Takapuna", "--parent", str(shore["id"]))
    bay = change("create", "Browns Bay")
    renamed = change("update", str(bay["id"]), "--name", "Brown's Bay")
    remapped = change("remap", str(takapuna["id"]), "--to", str(shore["id"]))
    gone = change("inactivate", str(bay["id"]))

    assert (shore["code"], shore["externalId"]) == ("NSH", "shore")
    assert takapuna["parent"] == shore["id"]
    assert renamed["name"] == "Brown's Bay"
    assert (remapped["available"], remapped["remappedTo"]) == (False, shore["id"])
    assert gone["available"] is False
    assert [value["name"] for value in change("list")] == ["North Shore"]
    assert change("show", str(takapuna["id"]))["remappedTo"] == shore["id"]

    journal = catrelay("journal", *ats).out
    assert f"category {category}\tremap {takapuna['id']} → {shore['id']}\t" in journal
    assert f"category {category}\tinactivate {bay['id']}\t" in journal


def test_a_remap_is_taken_back(catrelay: Catrelay, ats: Options, category: str) -> None:
    where = ["--category", category, *ats]
    old, new = (printed(catrelay, "values", "create", name, *where) for name in ("old", "new"))
    printed(catrelay, "values", "remap", str(old["id"]), "--to", str(new["id"]), *where)
    seq = json.loads(catrelay("status", "--json", *ats).out)["journalHead"]

    entry = printed(catrelay, "values", "undo", str(seq), *where)
    again = catrelay("values", "undo", str(seq), *where)

    assert (entry["operation"], entry["undoes"], entry["id"]) == ("undo", seq, old["id"])
    assert printed(catrelay, "values", "show", str(old["id"]), *where)["available"] is True
    assert again.status == 1
    assert again.err.count("\n") == 1


def test_a_tree_is_listed_with_children_below_their_parents(catrelay: Catrelay, ats: Options, category: str) -> None:
    where = ["--category", category, *ats]
    shore = printed(catrelay, "values", "create", "North Shore", *where)
    takapuna = printed(catrelay, "values", "create", "Takapuna", "--parent", str(shore["id"]), *where)

    listed = catrelay("values", "list", *where).out.splitlines()
    shown = catrelay("values", "show", str(takapuna["id"]), *where).out.splitlines()

    assert [line.split("\t")[:2] for line in listed] == [
        ["id", "name"],
        [str(shore["id"]), "North Shore"],
        [str(takapuna["id"]), "  Takapuna"],
    ]
    assert shown[1].split("\t") == [str(takapuna["id"]), "Takapuna", "", "", str(shore["id"]), "yes", ""]


def test_a_broken_rule_is_told_on_one_line(catrelay: Catrelay, ats: Options, category: str) -> None:
    outcome = catrelay("values", "create", "x", "--parent", "999999", "--category", category, *ats)

    assert outcome.status == 1
    assert outcome.err.startswith("catrelay: ")
    assert outcome.err.count("\n") == 1


def test_the_journal_is_printed_from_a_cursor_on(catrelay: Catrelay, ats: Options, category: str) -> None:
    where = ["--category", category, *ats]
    for name in ("a", "b"):
        value = printed(catrelay, "values", "create", name, *where)
        catrelay("values", "inactivate", str(value["id"]), *where)
    head = json.loads(catrelay("status", "--json", *ats).out)["journalHead"]

    lines = catrelay("journal", "--since", str(head - 1), "--json", *ats).out.splitlines()

    assert [json.loads(line)["seq"] for line in lines] == [head]


def test_the_journal_can_be_followed(catrelay: Catrelay, ats: Options, category: str) -> None:
    where = ["--category", category, *ats]
    value = printed(catrelay, "values", "create", "a", *where)
    head = json.loads(catrelay("status", "--json", *ats).out)["journalHead"]
    command = [sys.executable, "-u", "-m", "catrelay", "journal", "--since", str(head), "--follow", *ats]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        catrelay("values", "inactivate", str(value["id"]), *where)
        line = following.stdout.readline()
        following.send_signal(signal.SIGINT)

    assert line.split("\t")[3] == f"inactivate {value['id']}"
    assert following.returncode == 130


def test_an_entry_that_takes_another_back_says_so() -> None:
    at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    undo = JournalEntry(seq=24, category=17, id=1001, operation="undo", remapped_to=1003, undoes=23, moved=2, at=at)

    assert in_words(undo) == "24\t2026-11-22 09:00:00\tcategory 17\tundo 1001 → 1003 (takes back 23)\t2 moved"


def test_the_status_tells_of_services_journal_and_subscribers(catrelay: Catrelay, ats: Options) -> None:
    status = printed(catrelay, "status", *ats)

    assert status["services"] == [{"service": "ats", "url": ats[1], "state": "ready"}]
    assert status["subscriptions"] == []
    assert catrelay("status", *ats).out.splitlines()[1] == f"ats\t{ats[1]}\tready"


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_the_status_tells_of_the_services_when_the_ats_gives_no_answer(catrelay: Catrelay, as_json: Options) -> None:
    nobody = "http://127.0.0.1:1"

    outcome = catrelay("status", "--ats", nobody, "--token", "T", "--tenant", "acme", *as_json)

    assert outcome.status == 1
    assert "no answer" in outcome.out
    assert outcome.err.startswith(f"catrelay: {nobody} gave no answer to GET /categories/remapped")


def test_services_are_called_without_the_environments_proxy(
    catrelay: Catrelay, ats: Options, category: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert printed(catrelay, "values", "list", "--category", category, *ats) == []
    assert printed(catrelay, "status", *ats)["services"][0]["state"] == "ready"


@pytest.mark.parametrize(
    "command",
    [["create", "x", "--parent", "0"], ["update", "0", "--name", "x"], ["remap", "1", "--to", "0"], ["show", "-1"]],
)
def test_what_cannot_be_an_id_is_wrong_usage(catrelay: Catrelay, command: list[str]) -> None:
    where = ["--ats", "http://127.0.0.1:1", "--token", "T", "--tenant", "acme"]

    outcome = catrelay("values", command[0], "--category", "1", *where, "--", *command[1:])

    assert outcome.status == 2


def test_where_the_ats_is_comes_from_a_ready_file_too(
    catrelay: Catrelay, ats: Options, category: str, tmp_path: Path
) -> None:
    member = {"url": ats[1], "token": ats[3], "pid": 1, "database": "sqlite:///x.db"}
    unreachable = member | {"url": "http://127.0.0.1:1"}
    suite = {"tenant": "acme", "pid": 1} | dict.fromkeys(SERVICES, unreachable) | {"ats": member}
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(suite))

    assert printed(catrelay, "values", "list", "--category", category, "--suite", str(path)) == []
    states = {row["service"]: row["state"] for row in printed(catrelay, "status", "--suite", str(path))["services"]}
    assert states == {"ats": "ready", "uploader": "no answer", "catman": "no answer", "careersite": "no answer"}


def test_where_the_ats_is_comes_from_the_environment_too(
    catrelay: Catrelay, ats: Options, category: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for option, text in zip(ats[::2], ats[1::2], strict=True):
        monkeypatch.setenv(f"CATRELAY_{option.removeprefix('--').upper()}", text)

    assert printed(catrelay, "values", "list", "--category", category) == []


def test_what_is_missing_to_find_the_ats_is_named(catrelay: Catrelay) -> None:
    outcome = catrelay("values", "list", "--category", "1", "--tenant", "acme")

    assert outcome.status == 2
    assert "give --ats and --token, or --suite FILE" in outcome.err
