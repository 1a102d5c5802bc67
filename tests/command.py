"""The command, run within the test's process."""

from dataclasses import dataclass

import pytest

from catrelay.cli import main


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    status: object
    out: str
    err: str


def run_command(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """Run `catrelay` with *arguments*."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    captured = capsys.readouterr()
    return Outcome(ended.value.code or 0, captured.out, captured.err)
