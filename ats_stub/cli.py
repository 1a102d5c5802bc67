"""The ATS's part of the command line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from ats_stub.settings import PORT, AtsSettings
from ats_stub.store import Store, open_database, open_registry, registry_of
from ats_stub.store.backup import Backup, NotABackup, back_up
from ats_stub.store.compaction import compact, tenants
from ats_stub.store.restore import HasData, restore
from ats_stub.store.sealing import seal_all
from catrelay.cli.administer import DatabaseOption, JsonOption, check_is_there
from catrelay.cli.failure import Failure
from catrelay.cli.moments import MAX_DAYS
from catrelay.cli.output import Cell, print_rows, say
from catrelay.cli.service import Service
from catrelay.database import Database
from catrelay.settings import ServiceSettings
from catrelay.vault import SecretKeyMissing

APP = "catrelay ats compact"
_EXAMPLE = "Example: catrelay ats {} --database sqlite:///ats.db {}"


def add_commands(app: typer.Typer) -> None:
    """Add `backup`, `restore` and `compact`."""
    app.command("backup", epilog=_EXAMPLE.format("backup", "--to ats.backup"))(_back_up)
    app.command("restore", epilog=_EXAMPLE.format("restore", "--from ats.backup"))(_restore)
    app.command("compact", epilog=_EXAMPLE.format("compact", "--keep-days 90"))(_compact)


def _back_up(
    database: DatabaseOption,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file to write; a backup in it is replaced")],
) -> None:
    """Write all tenants to one file, as of one moment, while the ATS may go on serving."""
    if not to.absolute().parent.is_dir():
        raise Failure(f"there is no folder {to.parent}")
    with _opened(database) as opened:
        made = back_up(opened, to, now=datetime.now(UTC))
    say(f"{to} holds {_described(made)}. Keep it secret: pings can be signed and files read with what is in it.")


def _restore(
    database: DatabaseOption,
    source: Annotated[Path, typer.Option("--from", metavar="FILE", help="A file that `backup` wrote")],
    replace: Annotated[bool, typer.Option("--replace", help="Drop what the database has, without asking")] = False,
) -> None:
    """Put a backup into a database, new or not; replicators will load everything anew."""
    with _opened(database, prepare=True) as opened:
        try:
            restored = restore(opened, source, replace=replace)
        except HasData as found:
            question = f"{found}. Drop all of it?"
            if not sys.stdin.isatty():
                raise Failure(f"{found}; with --replace it is dropped") from found
            if not typer.confirm(question, err=True):
                raise Failure("nothing was changed") from found
            restored = restore(opened, source, replace=True)
    say(f"The database holds {_described(restored)}, made {restored.made:%Y-%m-%d %H:%M} UTC.")


def _compact(
    database: DatabaseOption,
    keep_days: Annotated[
        int, typer.Option(envvar="CATRELAY_KEEP_DAYS", min=0, max=MAX_DAYS, help="Entries younger than that stay")
    ],
    tenant: Annotated[
        str | None, typer.Option(envvar="CATRELAY_TENANT", help="Name of the tenant [default: all]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Drop old journal entries; a replicator that has not read them yet will load everything anew."""
    now = datetime.now(UTC)
    rows: list[dict[str, Cell]] = []
    with _opened(database) as opened:
        store = Store(opened)
        for name, number in tenants(store, tenant):
            left = compact(store, number, app=APP, now=now, keep_since=now - timedelta(days=keep_days))
            rows.append({"tenant": name, "dropped": left.dropped, "firstSeq": left.first_seq, "lastSeq": left.last_seq})
    print_rows(rows, ["tenant", "dropped", "firstSeq", "lastSeq"], as_json=as_json)


def _seal_secrets(settings: ServiceSettings) -> None:
    """Seal what is stored in clear, or by an older key. Raises Failure when a key is missing."""
    assert isinstance(settings, AtsSettings)
    with _opened(settings.database) as database:
        try:
            seal_all(Store(database, vault=settings.vault))
        except SecretKeyMissing as error:
            raise Failure(str(error)) from error


@contextmanager
def _opened(url: str, *, prepare: bool = False) -> Iterator[Database]:
    """The database at *url*, its schema checked. prepare: give one that is empty its schema."""
    if not prepare:
        check_is_there(url)
    try:
        database = open_database(url)
    except ValueError as error:
        raise Failure(f"--database: {error}") from error
    try:
        registry = registry_of(database)
        if prepare and database.revision() is None:
            registry.migrate()
        registry.check_schema()
        yield database
    except NotABackup as error:
        raise Failure(str(error)) from error
    finally:
        database.close()


def _described(backup: Backup) -> str:
    tenants, rows = backup.rows["tenants"], sum(backup.rows.values())
    return f"{tenants} tenant{'' if tenants == 1 else 's'} in {rows} rows"


service = Service(
    name="ats",
    summary="The reference ATS: categories, values, jobs, and the journal of remaps.",
    port=PORT,
    settings=AtsSettings,
    open_registry=open_registry,
    app="ats_stub.app:serve",
    extend=add_commands,
    before_serving=_seal_secrets,
)
