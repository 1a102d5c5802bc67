"""`catrelay up`: the whole suite, one process per service."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from catrelay.cli.administer import tenant_name
from catrelay.cli.failure import Failure, reason_of
from catrelay.cli.lifeline import stop_when_stdin_closes
from catrelay.cli.output import say
from catrelay.cli.services import load_service
from catrelay.cli.suite import ADMIN, SERVICES, Member, Suite, Tokens, locked, secrets_of, set_up, write_private
from catrelay.cli.supervisor import Program, Supervisor

HOST = "127.0.0.1"
BASE_PORT = 8800
LAST_PORT = 65_535
LOOPBACK_RANGES = "127.0.0.0/8,::1/128"
NOT_FOR_ALL = ("CATRELAY_DATABASE", "CATRELAY_HOST", "CATRELAY_PORT", "CATRELAY_PUBLIC_URL", "CATRELAY_WORKERS")
"""Variables that would mean the same to four services that must differ in it."""

EXAMPLE = """Example: catrelay up --data ./suite --base-port 8800

While a file DIR/NAME.hold exists the service NAME is kept stopped (`touch suite/careersite.hold`), without a pid in
the ready file; it starts once the file is removed."""


@dataclass(frozen=True)
class Plan:
    """What to run, and where."""

    folder: Path
    base_port: int
    tenant: str
    databases: Mapping[str, str]
    ready_file: Path


def up(
    data: Annotated[Path, typer.Option(envvar="CATRELAY_DATA", metavar="DIR", help="Where data, tokens and logs are")],
    base_port: Annotated[
        int,
        typer.Option(
            envvar="CATRELAY_BASE_PORT",
            min=1,
            max=LAST_PORT - len(SERVICES) + 1,
            help="Port of the ATS; uploader, catman and careersite take the next three",
        ),
    ] = BASE_PORT,
    tenant: Annotated[
        str, typer.Option(envvar="CATRELAY_TENANT", callback=tenant_name, help="Made when it is not there")
    ] = "acme",
    ats_database: Annotated[
        str | None, typer.Option(envvar="CATRELAY_ATS_DATABASE", metavar="URL", help="[default: SQLite in DIR]")
    ] = None,
    uploader_database: Annotated[
        str | None,
        typer.Option(
            envvar="CATRELAY_UPLOADER_DATABASE",
            metavar="URL",
            help="May be the ATS's PostgreSQL database [default: SQLite in DIR]",
        ),
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option(
            envvar="CATRELAY_READY_FILE", metavar="FILE", help="Written once all serve [default: DIR/suite.json]"
        ),
    ] = None,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="Stop when standard input ends: for supervisors")
    ] = False,
) -> None:
    """Start the four services, restart one that dies, and stop all on SIGINT or SIGTERM.

    Addresses and admin tokens are written to the ready file. Run again on the same DIR, the suite carries on with the
    same data and tokens.
    """
    if until_stdin_closes:
        stop_when_stdin_closes()
    folder = data.resolve()
    plan = Plan(
        folder,
        base_port,
        tenant,
        databases_of(folder, ats_database, uploader_database),
        (ready_file or folder / "suite.json").resolve(),
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(folder) as lock:
        plan.ready_file.unlink(missing_ok=True)
        asyncio.run(_run(plan, lock))
    say("The suite has stopped.")


def databases_of(folder: Path, ats: str | None, uploader: str | None) -> dict[str, str]:
    """Each service's database: SQLite in *folder*, unless another is given. Raises BadParameter when a file is both."""
    if ats is not None and ats == uploader and ats.startswith("sqlite:"):
        raise typer.BadParameter("--ats-database and --uploader-database are one SQLite file: each needs its own")
    given = {"ats": ats, "uploader": uploader}
    return {name: given.get(name) or f"sqlite:///{folder / name}.db" for name in SERVICES}


async def _run(plan: Plan, lock: int) -> None:
    stop = asyncio.Event()
    with _stopped_by_signals(stop):
        _check_ports(plan.base_port)
        secrets = secrets_of(plan.folder, plan.tenant)
        tokens = secrets.tokens[plan.tenant]
        suite = _suite(plan, tokens)
        supervisor = Supervisor(
            [_program(plan, suite, tokens, name) for name in SERVICES],
            environment=_environment(secrets.secret_key),
            inherited=[lock],
            on_ready=_Announcer(plan, suite),
        )
        try:
            await supervisor.run(stop)
        finally:
            plan.ready_file.unlink(missing_ok=True)


class _Announcer:
    """Writes the ready file whenever pids change, and tells the user where things are, once."""

    def __init__(self, plan: Plan, suite: Suite) -> None:
        self._path = plan.ready_file
        self._suite = suite
        self._told = False

    def __call__(self, pids: Mapping[str, int]) -> None:
        members = {name: self._suite.member(name).model_copy(update={"pid": pids.get(name)}) for name in SERVICES}
        write_private(self._path, self._suite.model_copy(update=members).to_document())
        if not self._told:
            self._told = True
            say(addresses(self._suite, self._path))


def addresses(suite: Suite, ready_file: Path) -> str:
    """What to open, for a person."""
    at_tenant = f"/t/{suite.tenant}"
    lines = [f"{name:<11} {suite.member(name).url}{at_tenant}" for name in SERVICES]
    return "\n".join(
        [
            *lines,
            f"editor      {suite.catman.url}{at_tenant}/sign-in#token={suite.catman.token}",
            f"career site {suite.careersite.url}{at_tenant}/careers",
            f"tokens      {ready_file}",
        ]
    )


def _suite(plan: Plan, tokens: Tokens) -> Suite:
    members = {
        name: Member(
            url=f"http://{HOST}:{plan.base_port + index}", token=tokens[name][ADMIN], database=plan.databases[name]
        )
        for index, name in enumerate(SERVICES)
    }
    return Suite(tenant=plan.tenant, pid=os.getpid(), **members)


def _program(plan: Plan, suite: Suite, tokens: Tokens, name: str) -> Program:
    member = suite.member(name)
    port = str(plan.base_port + SERVICES.index(name))
    # -P: what lies in the folder where the suite is started must not be imported.
    command = [sys.executable, "-P", "-m", "catrelay", name, "serve", "--until-stdin-closes"]
    return Program(
        name,
        prepare=lambda: set_up(load_service(name), suite, tokens),
        command=[*command, "--database", member.database, "--host", HOST, "--port", port],
        url=member.url,
        log=plan.folder / f"{name}.log",
        hold=plan.folder / f"{name}.hold",
    )


def _environment(secret_key: str) -> dict[str, str]:
    """That of all services: this process's own, with what the suite adds behind what is given."""
    environment = {name: text for name, text in os.environ.items() if name not in NOT_FOR_ALL}
    for name, text in (("CATRELAY_ALLOW_TARGETS", LOOPBACK_RANGES), ("CATRELAY_SECRET_KEYS", secret_key)):
        given = environment.get(name)
        environment[name] = f"{given},{text}" if given else text
    return environment


def _check_ports(base_port: int) -> None:
    for index, name in enumerate(SERVICES):
        try:
            socket.create_server((HOST, base_port + index)).close()
        except OSError as error:
            raise Failure(
                f"port {base_port + index} (for {name}) cannot be used: {reason_of(error)}; choose --base-port"
            ) from error


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
