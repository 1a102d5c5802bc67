"""The command, run within the test's process."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from catrelay.cli import main


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    status: object
    out: str
    err: str


Catrelay = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def same_environment_afterwards() -> Iterator[None]:
    """`serve` and `config` put their options into the environment."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def catrelay(capsys: pytest.CaptureFixture[str]) -> Catrelay:
    """Runs `catrelay` with the given arguments."""

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return Outcome(ended.value.code or 0, captured.out, captured.err)

    return run
