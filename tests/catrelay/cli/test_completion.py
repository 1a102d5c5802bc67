"""Completion by the shell, of every command."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.catrelay.cli.conftest import Catrelay


@pytest.fixture
def completed(catrelay: Catrelay, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """What bash is offered at the end of a line."""

    def ask(line: str) -> list[str]:
        monkeypatch.setenv("_CATRELAY_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
        return catrelay().out.split()

    return ask


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


def test_commands_options_and_the_commands_of_services_are_completed(completed: Callable[[str], list[str]]) -> None:
    assert completed("catrelay imp") == ["import"]
    assert completed("catrelay values un") == ["undo"]
    assert completed("catrelay import --dry") == ["--dry-run"]
    assert completed("catrelay ats token cr") == ["create"]
    assert completed("catrelay repl") == ["replicate"]
    assert completed("catrelay replicate --bin") == ["--binding"]


def test_an_unknown_shell_is_wrong_usage(catrelay: Catrelay) -> None:
    assert catrelay("--show-completion", "vi").status == 2
