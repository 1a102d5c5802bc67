import errno
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from catrelay.cli.command import build_command
from catrelay.cli.failure import Failure, explain
from catrelay.cli.services import load_service, service_command, service_names
from catrelay.problems import FieldError, InvalidRequest, NotFound
from tests.catrelay.cli.conftest import Catrelay

SERVICES = ["ats", "careersite", "catman", "uploader"]
LISTS_IMPORTED_SERVICES = """
import sys
from catrelay.cli.command import build_command
build_command()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"ats_stub", "uploader", "catman", "replicator"}))
"""


def leaves(group: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        elif path or name not in SERVICES:
            yield (*path, name)


def all_commands() -> list[tuple[str, ...]]:
    of_services = [
        leaf
        for name in SERVICES
        for leaf in leaves(typer.main.get_command(service_command(load_service(name))), (name,))
    ]
    return [*leaves(typer.main.get_command(build_command()), ()), *of_services]


def test_the_services_are_those_that_are_installed() -> None:
    assert service_names() == SERVICES


def test_no_service_is_imported_before_its_subcommand_runs() -> None:
    listing = subprocess.run(
        [sys.executable, "-c", LISTS_IMPORTED_SERVICES], capture_output=True, text=True, check=True
    )

    assert listing.stdout.strip() == "[]"


def test_the_help_of_every_command_has_an_example_of_it(catrelay: Catrelay) -> None:
    for command in all_commands():
        outcome = catrelay(*command, "--help")

        assert outcome.status == 0
        assert f"Example: catrelay {' '.join(command)}" in " ".join(outcome.out.split()), command


@pytest.mark.parametrize("arguments", [["bogus"], ["up"], ["ats", "bogus"], ["ats", "token", "create", "--bogus"]])
def test_wrong_usage_exits_2_and_says_what_is_wrong(catrelay: Catrelay, arguments: list[str]) -> None:
    outcome = catrelay(*arguments)

    assert outcome.status == 2
    assert "Error: " in outcome.err
    assert outcome.out == ""


def test_a_failure_exits_1_with_one_line_on_stderr(catrelay: Catrelay, tmp_path: Path) -> None:
    empty = tmp_path / "new.db"
    empty.touch()

    outcome = catrelay("catman", "tenant", "list", "--database", f"sqlite:///{empty}")

    assert outcome.status == 1
    assert outcome.out == ""
    assert outcome.err.startswith("catrelay: the database lacks ")
    assert outcome.err.count("\n") == 1


def test_the_traceback_of_a_failure_is_printed_with_debug_only(catrelay: Catrelay, tmp_path: Path) -> None:
    empty = tmp_path / "new.db"
    empty.touch()

    outcome = catrelay("catman", "tenant", "list", "--database", f"sqlite:///{empty}", "--debug")

    assert outcome.status == 1
    assert "Traceback (most recent call last)" in outcome.err
    assert "catrelay: the database lacks " in outcome.err.splitlines()[-1]


def test_python_dash_m_is_the_same_command() -> None:
    shown = subprocess.run([sys.executable, "-m", "catrelay", "--help"], capture_output=True, text=True, check=True)

    assert "Usage: catrelay " in shown.stdout


def test_the_version_is_printed(catrelay: Catrelay) -> None:
    outcome = catrelay("--version")

    assert (outcome.status, outcome.out) == (0, f"{version('catrelay')}\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NotFound("There is no value 7"), "There is no value 7"),
        (
            InvalidRequest("wrong at /a: x", errors=[FieldError("/a", "x"), FieldError("/b", "y")]),
            "wrong at /a: x; /b y",
        ),
        (Failure("two\nlines"), "two"),
        (FileNotFoundError(errno.ENOENT, "whatever", "/no/file"), "/no/file: No such file or directory"),
        (KeyError("surprise"), "KeyError: 'surprise'"),
        (RuntimeError(), "RuntimeError: no reason was given"),
    ],
)
def test_every_error_is_explained_on_one_line(error: Exception, line: str) -> None:
    assert explain(error) == line
