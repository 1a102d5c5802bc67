"""Which service a command talks to: from its options, else a suite's ready file, else the environment."""

import asyncio
import inspect
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import typer

from catrelay.cli.signatures import option, parameters_after_the_first, presented
from catrelay.cli.suite import read_suite

Peer = Literal["ats", "uploader"]
SUITE_VARIABLE = "CATRELAY_SUITE"


@dataclass(frozen=True)
class Target:
    """A service, for one tenant. suite: the ready file that was given."""

    url: str
    token: str
    tenant: str
    suite: Path | None


@dataclass(frozen=True)
class _Names:
    url: str
    token: str


_NAMES: dict[Peer, _Names] = {"ats": _Names("ats", "token"), "uploader": _Names("uploader", "uploader_token")}


def reaching(peer: Peer) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., None]]:
    """Makes a command of a coroutine function whose first parameter is a Target, and gives it the options for that."""

    def decorate(command: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        names = _NAMES[peer]

        def run(**arguments: Any) -> None:
            given = [arguments.pop(name) for name in (names.url, names.token, "tenant", "suite")]
            asyncio.run(command(find_target(peer, *given), **arguments))

        return presented(run, command, [*parameters_after_the_first(command), *_options(peer)])

    return decorate


def find_target(peer: Peer, url: str | None, token: str | None, tenant: str | None, suite: str | None) -> Target:
    """Where *peer* is. Raises BadParameter naming what is missing, Failure when the ready file tells nothing."""
    names = _NAMES[peer]
    file = suite or os.environ.get(SUITE_VARIABLE)
    running = read_suite(Path(file)) if file else None
    member = running.member(peer) if running else None
    found = {
        names.url: url or (member and member.url) or os.environ.get(_variable(names.url)),
        names.token: token or (member and member.token) or os.environ.get(_variable(names.token)),
        "tenant": tenant or (running and running.tenant) or os.environ.get(_variable("tenant")),
    }
    missing = [_option(name) for name, text in found.items() if not text]
    if missing:
        raise typer.BadParameter(f"give {' and '.join(missing)}, or --suite FILE")
    at, bearer, name = (str(text) for text in found.values())
    return Target(at, bearer, name, Path(file) if file else None)


def _options(peer: Peer) -> list[inspect.Parameter]:
    names = _NAMES[peer]
    helps = {
        names.url: f"Root URL of the {peer} [env: {_variable(names.url)}]",
        names.token: f"Token of the {peer} [env: {_variable(names.token)}]",
        "tenant": f"Name of the tenant [env: {_variable('tenant')}]",
        "suite": f"Ready file of `catrelay up`, in place of the three [env: {SUITE_VARIABLE}]",
    }
    return [option(name, text) for name, text in helps.items()]


def _variable(name: str) -> str:
    return f"CATRELAY_{name.upper()}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
