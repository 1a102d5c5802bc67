"""The editor's subcommand: `catrelay catman`."""

from typing import Annotated

import typer

from catman.neighbours import ATS
from catman.settings import CatmanSettings
from catrelay.cli import Service
from catrelay.cli.administer import opened
from catrelay.cli.failure import Failure
from catrelay.cli.output import say
from catrelay.cli.urls import root_url
from catrelay.embedded import EmbeddedDatabase, EmbeddedRegistry
from catrelay.tokens import Connection, Registry


def open_registry(database: str) -> Registry:
    """The registry in the database with this URL."""
    return EmbeddedRegistry(EmbeddedDatabase(database))


def extend(commands: typer.Typer) -> None:
    """Add the editor's own subcommands."""

    @commands.command("connect-app")
    def connect_app(
        database: Annotated[str, typer.Option(envvar="CATRELAY_DATABASE", help="sqlite:///path")],
        tenant: Annotated[str, typer.Option(help="whose app it is")],
        name: Annotated[str, typer.Option(help="how the editor calls the app")],
        url: Annotated[str, typer.Option(callback=root_url, help="the app's root URL")],
        token: Annotated[str, typer.Option(help="a token of the app, scope read")],
    ) -> None:
        """Ask one more app what it holds on a value, and what a change would do there.

        Example: catrelay catman connect-app --database sqlite:///catman.db --tenant acme --name careersite
        --url http://127.0.0.1:8803 --token catrelay_...
        """
        if name == ATS:
            raise Failure(f"--name: {name} is the ATS, which `catrelay catman connect` connects")
        with opened(service, database) as registry:
            registry.connect(tenant, Connection(name, url, token))
        say(f"The editor asks {name} at {url} from now on.")


service = Service(
    name="catman",
    summary="the category editor",
    port=8802,
    settings=CatmanSettings,
    open_registry=open_registry,
    app="catman.app:serve",
    extend=extend,
)
