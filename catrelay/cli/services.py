"""The services that are installed, the subcommands that every one of them has, and commands of other packages."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

import typer

from catrelay.cli.administer import add_registry_commands
from catrelay.cli.failure import Failure
from catrelay.cli.group import new_group
from catrelay.cli.serve import add_serve_commands
from catrelay.cli.service import Command, Service

SERVICES = "catrelay.services"
COMMANDS = "catrelay.commands"
"""Groups of entry points."""


def service_names() -> list[str]:
    """Names of the installed services, in alphabetical order; none of them is imported."""
    return sorted(entry_points(group=SERVICES).names)


def load_service(name: str) -> Service:
    """The service *name*. Raises Failure when it cannot be imported."""
    (entry_point,) = entry_points(group=SERVICES, name=name)
    service = _loaded(entry_point, "service")
    assert isinstance(service, Service)
    return service


def run_service_command(name: str, arguments: Sequence[str]) -> None:
    """Run `catrelay NAME ...` and exit."""
    service_command(load_service(name))(list(arguments) or ["--help"], prog_name=f"catrelay {name}")


def service_command(service: Service) -> typer.Typer:
    """The subcommands of *service*: those that every service has, and its own."""
    app = new_group(service.summary)
    add_serve_commands(app, service)
    add_registry_commands(app, service)
    if service.extend is not None:
        service.extend(app)
    return app


def command_names() -> list[str]:
    """Names of the commands of other packages, in alphabetical order; none of them is imported."""
    return sorted(entry_points(group=COMMANDS).names)


def add_command(app: typer.Typer, name: str) -> None:
    """Add another package's command *name*. Raises Failure when it cannot be imported."""
    (entry_point,) = entry_points(group=COMMANDS, name=name)
    command = _loaded(entry_point, "command")
    assert isinstance(command, Command)
    app.command(name, epilog=command.example)(command.run)


def single_command(name: str) -> typer.Typer:
    """The command *name* of another package, alone."""
    app = new_group("")
    add_command(app, name)
    return app


def _loaded(entry_point: EntryPoint, kind: str) -> object:
    try:
        return entry_point.load()
    except (ImportError, AttributeError) as error:
        raise Failure(f"the {kind} {entry_point.name} cannot be loaded: {error}") from error
