"""Completion of commands and options by the shell."""

import os
from typing import Annotated, Literal

import typer
from typer.completion import (  # type: ignore[attr-defined] # typer makes the shells known for its own options only
    completion_init,
    install_callback,
    show_callback,
)

VARIABLE = "_CATRELAY_COMPLETE"
"""Set by the shell when it asks for completions, not for the command."""

Shell = Literal["bash", "zsh", "fish", "powershell", "pwsh"]

# Typer's own options guess the shell from the parent process, which fails where a script or a container runs it.
InstallOption = Annotated[
    Shell | None,
    typer.Option(
        "--install-completion",
        callback=install_callback,
        is_eager=True,
        expose_value=False,
        help="Let this shell complete commands and options from now on, and exit",
    ),
]
ShowOption = Annotated[
    Shell | None,
    typer.Option(
        "--show-completion",
        callback=show_callback,
        is_eager=True,
        expose_value=False,
        help="Print what --install-completion would install, and exit",
    ),
]


def is_asked_for() -> bool:
    """Whether the shell asks for completions."""
    return VARIABLE in os.environ


def prepare() -> None:
    """Make the shells known."""
    completion_init()
