"""`catrelay demo`: the sample tenant, and the four flows of the data-migration document."""

import asyncio
import importlib.util
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from catrelay.cli.failure import EXIT_FAILURE, Failure
from catrelay.cli.output import say
from catrelay.cli.suite import read_suite
from catrelay.cli.up import addresses, databases_of
from catrelay.demo.suite import READY_FILE, check_unused, free_base_port, free_tenant, running_suite

EXAMPLE = "Example: catrelay demo --once"


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Exit after the flows: 0 only if each ended as it should")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(envvar="CATRELAY_DATA", metavar="DIR", help="[default: a temporary folder]")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary folder")] = False,
    base_port: Annotated[
        int | None, typer.Option(envvar="CATRELAY_BASE_PORT", min=1, max=65_532, help="[default: 8800 or free ones]")
    ] = None,
    tenant: Annotated[
        str, typer.Option(envvar="CATRELAY_TENANT", help="Numbered (acme-2 ...) where there is one of that name")
    ] = "acme",
    ats_database: Annotated[
        str | None,
        typer.Option(
            envvar="CATRELAY_ATS_DATABASE",
            metavar="URL",
            help="PostgreSQL for ATS and uploader [default: SQLite in DIR]",
        ),
    ] = None,
) -> None:
    """Start the suite, load the sample tenant, play the four flows, and keep serving.

    The data: ISO 3166 countries and subdivisions, job fields, 300 jobs, 200 testimonials.
    """
    _check_installed()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the suite is stopped too
    with _folder(data, keep=keep) as folder:
        check_unused(folder)
        databases = databases_of(folder, ats_database, _shareable(ats_database))
        options = [
            *("--base-port", str(base_port or free_base_port())),
            *("--tenant", free_tenant(tenant, databases["ats"])),
            *("--ats-database", databases["ats"]),
            *("--uploader-database", databases["uploader"]),
        ]
        all_well = _run(folder, options, once=once)
    if not all_well:
        raise typer.Exit(EXIT_FAILURE)


def _check_installed() -> None:
    # Only the demo needs it, so the command itself must start without.
    if importlib.util.find_spec("pycountry") is None:
        raise Failure("the demo's data comes from pycountry: install catrelay[demo]")


def _shareable(ats_database: str | None) -> str | None:
    """The database for the uploader too: on PostgreSQL each has its own schema, a SQLite file is for one."""
    return None if ats_database is None or ats_database.startswith("sqlite:") else ats_database


def _run(folder: Path, options: list[str], *, once: bool) -> bool:
    from catrelay.demo.play import ACTS, play  # it imports pycountry, which may be missing elsewhere

    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()
    hold = folder / "careersite.hold"
    hold.touch()  # the career site is installed when the ATS has its data
    try:
        say("Starting the suite")
        with running_suite(folder, options) as up:
            flows = asyncio.run(play(folder, console))
            all_well = len(flows) == len(ACTS) and all(flow.ended_well for flow in flows)
            say(
                f"{sum(flow.ended_well for flow in flows)} of {len(ACTS)} flows ended as the document says,"
                f" {time.monotonic() - began:.1f} s after the start"
            )
            if not once:
                _keep_serving(folder, up)
    finally:
        hold.unlink(missing_ok=True)
    return all_well


def _keep_serving(folder: Path, up: subprocess.Popen[bytes]) -> None:
    path = folder / READY_FILE
    say(f"{addresses(read_suite(path), path)}\nServing until Ctrl-C")
    with suppress(KeyboardInterrupt):
        up.wait()


@contextmanager
def _folder(given: Path | None, *, keep: bool) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield given.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="catrelay-demo-"))
    try:
        yield folder
    finally:
        if keep:
            say(f"The data is in {folder}")
        else:
            shutil.rmtree(folder)
