"""How every group of subcommands is set up."""

import typer


def new_group(summary: str) -> typer.Typer:
    """An empty group of subcommands: plain help, and failures left to the command's one handler."""
    return typer.Typer(
        help=summary, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
