"""How far a command has come: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """A bar that says what is being worked on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def expect(self, total: int) -> None:
        """Say how much there is."""
        self._progress.update(self._task, total=total)

    def advance(self, what: str, done: int = 1) -> None:
        """Say what was worked on, and how much of it is done besides."""
        self._progress.update(self._task, description=what, advance=done)


@contextmanager
def bar() -> Iterator[Bar]:
    """A bar on stderr until the end of the block, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    is_terminal = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not is_terminal) as progress:
        yield Bar(progress)
