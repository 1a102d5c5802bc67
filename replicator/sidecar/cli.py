"""`catrelay replicate`. Source: docs/contract/command-line.md, "Beside any app"."""

import asyncio
import signal
import socket
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from typing import Annotated, Any

import structlog
import typer
import uvicorn

from catrelay.cli.administer import JsonOption
from catrelay.cli.failure import Failure
from catrelay.cli.output import Cell, print_json, print_rows, say
from catrelay.cli.serve import FINISH_REQUESTS_SECONDS, listening
from catrelay.cli.service import Command
from catrelay.cli.target import Target, reaching
from catrelay.logs import configure_logs
from catrelay.models import ReplicaStatus
from replicator.app import DEFAULT_INTERVAL, Replicator
from replicator.bindings import TableBinding
from replicator.moving import Moved
from replicator.sidecar.grammar import BadBinding, Told, parse
from replicator.sidecar.tables import looked_into

EXAMPLE = (
    "Example: catrelay replicate --suite suite/suite.json --database postgresql://me@localhost/shop"
    " --binding books.topic=17"
)
LEVELS = ("debug", "info", "warning", "error")

log = structlog.get_logger()


@reaching("ats")
async def replicate(
    target: Target,
    database: Annotated[
        str,
        typer.Option(
            "--database",
            envvar="CATRELAY_DATABASE",
            help="The app's: sqlite:///path, postgresql://user:pass@host/db or mysql://user:pass@host/db",
        ),
    ],
    binding: Annotated[
        list[str],
        typer.Option(
            "--binding",
            envvar="CATRELAY_BINDINGS",
            help="Where values are: TABLE.COLUMN=CATEGORY, with [] behind COLUMN for a JSON array, @OBJECT_COLUMN for"
            " a link table; :keep or :delete at the end in place of :unhook. May be given many times",
        ),
    ],
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url",
            envvar="CATRELAY_PUBLIC_URL",
            help="Where the ATS reaches --listen with its pings; without it, the ATS is asked by timer only",
        ),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option("--listen", envvar="CATRELAY_LISTEN", help="HOST:PORT to serve pings, status and summaries at"),
    ] = None,
    read_token: Annotated[
        str | None,
        typer.Option(
            "--read-token", envvar="CATRELAY_READ_TOKEN", help="Who shows it may read status and summaries at --listen"
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Catch up, say what moved, and exit")] = False,
    interval: Annotated[
        float,
        typer.Option(
            "--interval", envvar="CATRELAY_INTERVAL", min=0.1, help="Seconds between looks without a ping, +- 20 %"
        ),
    ] = DEFAULT_INTERVAL.total_seconds(),
    log_level: Annotated[
        str, typer.Option("--log-level", envvar="CATRELAY_LOG_LEVEL", help="debug, info, warning or error")
    ] = "info",
    as_json: JsonOption = False,
) -> None:
    """Keep the tables of any app right, without a line of its code, until SIGINT or SIGTERM."""
    if log_level not in LEVELS:
        raise typer.BadParameter(f"--log-level is one of {', '.join(LEVELS)}")
    if public_url is not None and listen is None and not once:
        raise typer.BadParameter("--public-url needs --listen HOST:PORT, where the pings arrive")
    place = None if listen is None or once else _place(listen)
    bindings = _bindings(database, [_told(text) for text in binding])
    configure_logs(log_level)
    moved: Counter[str] = Counter()

    def note(_: Any, move: Moved) -> None:
        moved[move.binding.name] += move.objects
        if move.objects:
            log.info("moving", table=move.binding.table, category=move.transfer.category, objects=move.objects)

    replicator = Replicator(
        ats=target.url,
        token=target.token,
        tenant=target.tenant,
        store=database,
        bindings=bindings,
        public_url=None if once else public_url,
        read_token=read_token,
        interval=timedelta(seconds=interval),
        after_transfer=note,
    )
    if once:
        status = await _catch_up(replicator)
        _print(target.tenant, status, bindings, moved, as_json=as_json)
        return
    with ExitStack() as stack:
        listener = None if place is None else stack.enter_context(listening(*place))
        await _follow(replicator, listener)


command = Command(run=replicate, example=EXAMPLE)


def _told(text: str) -> Told:
    try:
        return parse(text)
    except BadBinding as error:
        raise typer.BadParameter(str(error)) from error


def _place(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise typer.BadParameter(f"--listen: {listen!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _bindings(database: str, told: list[Told]) -> list[TableBinding]:
    with looked_into(database) as tables:
        bindings = [tables.binding(each) for each in told]
    names = Counter((each.name, each.category) for each in bindings)
    if len(names) < len(bindings):
        raise Failure(f"--binding: {names.most_common(1)[0][0][0]} is given twice")
    for warning in tables.warnings:
        say(f"warning: {warning}")
    return bindings


async def _catch_up(replicator: Replicator) -> ReplicaStatus:
    try:
        await asyncio.to_thread(replicator.store.migrate)
        await replicator.catch_up()
        return await asyncio.to_thread(replicator.status)
    finally:
        await replicator.close()


def _print(
    tenant: str, status: ReplicaStatus, bindings: list[TableBinding], moved: Counter[str], *, as_json: bool
) -> None:
    rows: list[dict[str, Cell]] = [
        {"binding": name, "moved": moved[name]} for name in dict.fromkeys(each.name for each in bindings)
    ]
    if as_json:
        print_json({"bindings": rows, "status": status.to_document()})
        return
    print_rows(rows, ["binding", "moved"])
    say(f"{tenant}: up to date" + ("" if status.cursor is None else f" with entry {status.cursor}"))


async def _follow(replicator: Replicator, listener: socket.socket | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with replicator.lifespan():
        if listener is None:
            say(f"follows {replicator.tenant}, and asks by timer")
            await stopped.wait()
            return
        host, port = listener.getsockname()[:2]
        say(f"follows {replicator.tenant}, and serves on http://{f'[{host}]' if ':' in host else host}:{port}")
        config = uvicorn.Config(
            replicator.app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=FINISH_REQUESTS_SECONDS,
        )
        await uvicorn.Server(config).serve(sockets=[listener])  # it takes the signals, and passes them on
