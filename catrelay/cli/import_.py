"""`catrelay import`: an export brought into a tenant."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from catrelay.cli.administer import JsonOption
from catrelay.cli.failure import Failure
from catrelay.cli.output import Cell, print_json, print_rows, say
from catrelay.cli.progress import Bar, bar
from catrelay.cli.target import Target, reaching
from catrelay.client import AtsClient
from catrelay.exchange.importing import bring, note_file
from catrelay.exchange.lines import Header, NoExport, read_header
from catrelay.exchange.records import Records, WrongMap
from catrelay.exchange.report import OUTCOMES, REPORTED_KINDS, Advance, Outcome, Report, ReportedKind
from catrelay.exchange.target import AtsTarget, DryTarget
from catrelay.models import Discovery
from catrelay.problems import Problem

EXAMPLE = "Example: catrelay import acme.json --tenant beta --ats http://127.0.0.1:8800 --token T"
CAPABILITIES = frozenset({"values.batch", "values.unavailable", "remapped.tenant"})
"""What an ATS must have to be written to by an import."""

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="An export; -: from stdin")]
STDIN = Path("-")
MapOption = Annotated[
    Path | None,
    typer.Option(
        "--map",
        metavar="FILE",
        dir_okay=False,
        help="Where to remember which object is which [default: SOURCE-to-TENANT.map beside FILE]",
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be made and changed, and stop")]


@reaching("ats")
async def import_(
    target: Target,
    file: FileArgument,
    map_file: MapOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Bring an export into another tenant. A repeat changes nothing; one that was cut short goes on."""
    with _opened(file) as export, bar() as shown:
        try:
            header = read_header(export)
            path = map_file or _folder(file) / f"{header.tenant}-to-{target.tenant}.map"
            with closing(_records(path, dry_run=dry_run)) as records:
                note_file(export, records)
                shown.expect(sum(records.count_wanted(kind) for kind in REPORTED_KINDS))
                report = Report(
                    tell=say, show=_show if dry_run and not as_json else _keep_quiet, advance=_advancing(shown)
                )
                await _bring(target, export, header, records, report, dry_run=dry_run)
        except NoExport as error:
            raise Failure(f"{file} {error}") from error
        except WrongMap as error:
            raise Failure(f"{path}: {error}; give another one with --map") from error
    _print_summary(report, as_json=as_json, dry_run=dry_run)
    if report.failures:
        raise Failure(f"{report.failures} objects failed; run it again once that is mended")


async def _bring(
    target: Target, export: BinaryIO, header: Header, records: Records, report: Report, *, dry_run: bool
) -> None:
    async with AtsClient(target.url, target.tenant, target.token) as ats:
        discovery = await _discovered(ats)
        epoch = (await ats.tenant_journal(after=0, limit=1)).epoch or ""
        if (header.epoch, header.tenant) == (epoch, target.tenant):
            raise Failure(f"{target.tenant} is the tenant that the export is of")
        records.belong_to(
            source_tenant=header.tenant, source_epoch=header.epoch, tenant=target.tenant, tenant_epoch=epoch
        )
        assert discovery.orgs_category is not None
        real = AtsTarget(ats, discovery.orgs_category)
        try:
            into = DryTarget(real) if dry_run else real
            await bring(export, header, target.tenant, discovery.orgs_category, into, records, report)
        except Problem as problem:
            raise Failure(f"{problem.detail}; run it again to go on") from problem


async def _discovered(ats: AtsClient) -> Discovery:
    found = await ats.discover()
    missing = CAPABILITIES - set(found.capabilities if found is not None else ())
    if found is None or missing or found.orgs_category is None:
        raise Failure(f"{ats.url} does not offer what an import needs: {', '.join(sorted(missing))}")
    return found


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """The export in *file*; what comes from stdin is put into a temporary file, as it is read more than once."""
    if file != STDIN:
        if not file.is_file():
            raise typer.BadParameter(f"{file} is no file")
        with file.open("rb") as export:
            yield export
        return
    with tempfile.TemporaryFile() as export:
        shutil.copyfileobj(sys.stdin.buffer, export)
        export.seek(0)
        yield cast(BinaryIO, export)


def _folder(file: Path) -> Path:
    return Path() if file == STDIN else file.parent


def _records(path: Path, *, dry_run: bool) -> Records:
    if dry_run:
        return Records(None, copied=path)
    path.touch(mode=0o600)  # for a moment it has people's data
    return Records(path)


def _advancing(shown: Bar) -> Advance:
    def advance(kind: ReportedKind, done: int) -> None:
        shown.advance(f"Importing, now: {kind}", done)

    return advance


def _show(kind: ReportedKind, outcome: Outcome, source: int, name: str) -> None:
    typer.echo(f"{outcome}\t{kind}\t{source}\t{name}")


def _keep_quiet(kind: ReportedKind, outcome: Outcome, source: int, name: str) -> None:
    pass


def _print_summary(report: Report, *, as_json: bool, dry_run: bool) -> None:
    counts = report.document()
    if as_json:
        print_json({"dryRun": dry_run, "counts": counts})
        return
    rows: list[dict[str, Cell]] = [{"kind": kind, **counts[kind]} for kind in REPORTED_KINDS]
    print_rows(rows, ["kind", *OUTCOMES])
