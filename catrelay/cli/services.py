"""The services that are installed, and the subcommands that every one of them has."""

from collections.abc import Sequence
from importlib.metadata import entry_points

import typer

from catrelay.cli.administer import add_registry_commands
from catrelay.cli.failure import Failure
from catrelay.cli.group import new_group
from catrelay.cli.serve import add_serve_commands
from catrelay.cli.service import Service

ENTRY_POINT_GROUP = "catrelay.services"


def service_names() -> list[str]:
    """Names of the installed services, in alphabetical order; none of them is imported."""
    return sorted(entry_points(group=ENTRY_POINT_GROUP).names)


def load_service(name: str) -> Service:
    """The service *name*. Raises Failure when it cannot be imported."""
    (entry_point,) = entry_points(group=ENTRY_POINT_GROUP, name=name)
    try:
        service = entry_point.load()
    except (ImportError, AttributeError) as error:
        raise Failure(f"the service {name} cannot be loaded: {error}") from error
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
