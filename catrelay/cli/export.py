"""`catrelay export`: a tenant's data as one file."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from catrelay.cli.failure import Failure
from catrelay.cli.output import say
from catrelay.cli.progress import bar
from catrelay.cli.target import Target, reaching
from catrelay.client import AtsClient
from catrelay.exchange.exporting import CannotExport, MissingFiles
from catrelay.exchange.exporting import export as lines_of

EXAMPLE = "Example: catrelay export --suite suite/suite.json > acme.json"


@reaching("ats")
async def export(
    target: Target,
    to: Annotated[Path | None, typer.Option(dir_okay=False, help="Write to this file, in place of stdout")] = None,
) -> None:
    """Write a tenant's categories, values, journal, users, jobs and candidates as one file, for `catrelay import`."""
    if to is None:
        if sys.stdout.isatty():
            raise Failure("an export is not for reading on a terminal: give --to FILE, or redirect stdout")
        _fail_on(await _export(target, sys.stdout.buffer))
        return
    unfinished = to.with_name(to.name + ".part")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)  # it will have people's data
    with unfinished.open("wb") as file:
        missing = await _export(target, file)
    unfinished.replace(to)
    _fail_on(missing)


async def _export(target: Target, file: BinaryIO) -> int:
    """Write the export into *file*. Returns how many files of objects are missing in it."""
    counted = MissingFiles(say)
    try:
        with bar() as shown:
            async with AtsClient(target.url, target.tenant, target.token) as ats:
                async for line in lines_of(ats, at=datetime.now(UTC), advance=shown.advance, missing=counted):
                    file.write(line)
        file.flush()
    except CannotExport as error:
        raise Failure(str(error)) from error
    return counted.count


def _fail_on(missing: int) -> None:
    if missing:
        raise Failure(f"{missing} files could not be read; the export has everything else")
