"""The command, run within the test's process."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from catrelay.cli.services import load_service
from tests.command import Outcome, run_command

Catrelay = Callable[..., Outcome]
Options = list[str]


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

    return partial(run_command, capsys)


@pytest.fixture
def at_a_terminal(catrelay: Catrelay, monkeypatch: pytest.MonkeyPatch) -> Catrelay:
    """Runs `catrelay` with its standard input a terminal, at which the first argument is typed."""

    def run(typed: str, *arguments: str) -> Outcome:
        terminal, inside = pty.openpty()
        os.write(terminal, typed.encode())
        with os.fdopen(terminal), os.fdopen(inside) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            return catrelay(*arguments)

    return run


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Options]]:
    """A running ATS with the tenants acme and beta: for each the options that say where it is."""
    database = f"sqlite:///{tmp_path_factory.mktemp('ats')}/ats.db"
    registry = load_service("ats").open_registry(database)
    registry.migrate()
    tokens = {}
    for tenant in ("acme", "beta"):
        registry.add_tenant(tenant)
        tokens[tenant] = registry.add_token(tenant, "test", "admin")
    registry.close()
    command = [sys.executable, "-m", "catrelay", "ats", "serve", "--database", database, "--port", "0"]
    with subprocess.Popen(
        [*command, "--allow-targets", "127.0.0.0/8", "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        yield {name: ["--ats", url, "--token", token, "--tenant", name] for name, token in tokens.items()}
        process.terminate()


@pytest.fixture(scope="module")
def ats(tenants: dict[str, Options]) -> Options:
    """The options that say where the tenant acme is."""
    return tenants["acme"]
