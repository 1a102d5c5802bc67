"""The `catrelay` command: its tree of subcommands, and how failures end it."""

import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from typer.core import TyperCommand

from catrelay.cli import completion
from catrelay.cli.export import EXAMPLE as EXPORT_EXAMPLE
from catrelay.cli.export import export
from catrelay.cli.failure import EXIT_FAILURE, explain
from catrelay.cli.group import new_group
from catrelay.cli.import_ import EXAMPLE as IMPORT_EXAMPLE
from catrelay.cli.import_ import import_
from catrelay.cli.journal import EXAMPLE as JOURNAL_EXAMPLE
from catrelay.cli.journal import journal
from catrelay.cli.services import (
    add_command,
    command_names,
    load_service,
    run_service_command,
    service_command,
    service_names,
    single_command,
)
from catrelay.cli.status import EXAMPLE as STATUS_EXAMPLE
from catrelay.cli.status import status
from catrelay.cli.subscriptions import subscriptions
from catrelay.cli.up import EXAMPLE as UP_EXAMPLE
from catrelay.cli.up import up
from catrelay.cli.upload import upload
from catrelay.cli.values import values
from catrelay.demo.command import EXAMPLE as DEMO_EXAMPLE
from catrelay.demo.command import demo

DEBUG_OPTION = "--debug"
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 on success, 1 on failure with one line on stderr, 2 on wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = DEBUG_OPTION in given
    try:
        build_command()([each for each in given if each != DEBUG_OPTION], prog_name="catrelay")
    except Exception as error:  # noqa: BLE001 - the outermost handler: whatever was raised, the user gets one line
        if debug:
            traceback.print_exception(error)
        sys.stderr.write(f"catrelay: {explain(error)}\n")
        sys.exit(EXIT_FAILURE)


def build_command() -> typer.Typer:
    """The whole command. Nothing of a service is imported before its subcommand runs, or is to be completed."""
    completion.prepare()
    app = new_group("Categories of an HR platform that every app follows.")
    app.callback(epilog="Example: catrelay up --data ./suite")(_root)
    app.command(epilog=UP_EXAMPLE)(up)
    app.command(epilog=DEMO_EXAMPLE)(demo)
    app.command(epilog=STATUS_EXAMPLE)(status)
    app.command(epilog=JOURNAL_EXAMPLE)(journal)
    app.command(epilog=EXPORT_EXAMPLE)(export)
    app.command("import", epilog=IMPORT_EXAMPLE)(import_)
    app.add_typer(values, name="values")
    app.add_typer(upload, name="upload")
    app.add_typer(subscriptions, name="subscriptions")
    for name in command_names():
        if completion.is_asked_for():
            add_command(app, name)
            continue
        app.command(name, cls=_Imported, add_help_option=False, context_settings=_PASSED_ON)(_delegate(name))
    for name in service_names():
        if completion.is_asked_for():
            app.add_typer(service_command(load_service(name)), name=name)
            continue
        app.command(
            name,
            help=f"Run and administer the service {name}.",
            rich_help_panel="Services",
            add_help_option=False,
            context_settings=_PASSED_ON,
        )(_delegate_service(name))
    return app


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(version("catrelay"))
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version", callback=_print_version, is_eager=True, expose_value=False, help="Print the version, and exit"
    ),
]


def _root(
    show_version: VersionOption = False,
    debug: bool = typer.Option(False, DEBUG_OPTION, help="On failure also print the traceback; anywhere in the line."),
    install_completion: completion.InstallOption = None,
    show_completion: completion.ShowOption = None,
) -> None:
    """Categories of an HR platform that every app follows."""


class _Imported(TyperCommand):
    """Another package's command, which is imported only to be run, or to be told of."""

    def get_short_help_str(self, limit: int = 45) -> str:
        return typer.main.get_command(single_command(str(self.name))).get_short_help_str(limit)


def _delegate(name: str) -> Callable[[typer.Context], None]:
    def delegate(context: typer.Context) -> None:
        single_command(name)(context.args, prog_name=f"catrelay {name}")

    return delegate


def _delegate_service(name: str) -> Callable[[typer.Context], None]:
    def delegate(context: typer.Context) -> None:
        run_service_command(name, context.args)

    return delegate
