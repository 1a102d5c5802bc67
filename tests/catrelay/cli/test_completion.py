"""Completion by the shell, of every command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.catrelay.cli.conftest import Catrelay


def completed(line: str) -> list[str]:
    """What bash is offered at the end of *line*."""
    words = line.split(" ")
    asked = {"_CATRELAY_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    command = [sys.executable, "-m", "catrelay"]
    return subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_script_for_the_shell_is_printed(catrelay: Catrelay, shell: str) -> None:
    outcome = catrelay("--show-completion", shell)

    assert outcome.status == 0
    assert f"_CATRELAY_COMPLETE=complete_{shell}" in outcome.out.replace(
        '$Env:_CATRELAY_COMPLETE = "', "_CATRELAY_COMPLETE="
    )


def test_it_is_installed_for_the_shell(catrelay: Catrelay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    outcome = catrelay("--install-completion", "bash")

    assert outcome.status == 0
    (script,) = [path for path in tmp_path.rglob("*catrelay*") if path.is_file()]
    assert script.name in (tmp_path / ".bashrc").read_text()


def test_commands_options_and_the_commands_of_services_are_completed() -> None:
    assert completed("catrelay imp") == ["import"]
    assert completed("catrelay values un") == ["undo"]
    assert completed("catrelay import --dry") == ["--dry-run"]
    assert completed("catrelay ats token cr") == ["create"]


def test_an_unknown_shell_is_wrong_usage(catrelay: Catrelay) -> None:
    assert catrelay("--show-completion", "vi").status == 2
