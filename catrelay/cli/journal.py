"""`catrelay journal`: the journal of remaps."""

from collections.abc import Sequence
from typing import Annotated

import orjson
import typer

from catrelay.cli.administer import JsonOption
from catrelay.cli.following import entries_after
from catrelay.cli.target import Target, reaching
from catrelay.client import AtsClient
from catrelay.models import JournalEntry

EXAMPLE = "Example: catrelay journal --since 22 --follow --suite suite/suite.json"


@reaching("ats")
async def journal(
    target: Target,
    since: Annotated[int, typer.Option(min=0, help="Print the entries after this one")] = 0,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as entries are written, until Ctrl-C")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the journal: what was inactivated, remapped, restored and undone, one line each."""
    async with AtsClient(target.url, target.tenant, target.token) as ats:

        async def read(after: int) -> Sequence[JournalEntry]:
            return (await ats.tenant_journal(after=after)).results

        async for entry in entries_after(since, read, lambda entry: entry.seq, follow=follow):
            typer.echo(orjson.dumps(entry.to_document()).decode() if as_json else in_words(entry))


def in_words(entry: JournalEntry) -> str:
    """An entry on one line: seq, time, category, what happened, objects moved, by whom."""
    what = f"{entry.operation} {entry.id}"
    if entry.remapped_to is not None:
        what += f" → {entry.remapped_to}"
    if entry.undoes is not None:
        what += f" (takes back {entry.undoes})"
    moved = f"{entry.moved} moved" if entry.moved is not None else ""
    columns = [
        str(entry.seq),
        f"{entry.at:%Y-%m-%d %H:%M:%S}",
        f"category {entry.category}",
        what,
        moved,
        entry.by or "",
    ]
    return "\t".join(columns).rstrip()
