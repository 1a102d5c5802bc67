"""What packages tell the command about themselves: services with their subcommands, and commands of their own."""

from collections.abc import Callable
from dataclasses import dataclass

import typer

from catrelay.settings import ServiceSettings
from catrelay.tokens import Registry


@dataclass(frozen=True)
class Service:
    """A service, as named in the entry point group `catrelay.services`.

    name: its subcommand. port: its default one. app: import string of a function without arguments that reads the
    settings from the environment and returns the ASGI app. extend: adds the service's own subcommands. before_serving:
    is done once before the server starts; raises Failure when it must not.
    """

    name: str
    summary: str
    port: int
    settings: type[ServiceSettings]
    open_registry: Callable[[str], Registry]
    app: str
    extend: Callable[[typer.Typer], None] | None = None
    before_serving: Callable[[ServiceSettings], None] | None = None


@dataclass(frozen=True)
class Command:
    """A subcommand, as named in the entry point group `catrelay.commands`. run: as typer reads it."""

    run: Callable[..., None]
    example: str
