"""`catrelay SERVICE migrate|tenant|token|connect`: what is kept in a service's registry."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from catrelay.cli.failure import Failure
from catrelay.cli.group import new_group
from catrelay.cli.moments import MAX_DAYS, expiry, moment
from catrelay.cli.output import Cell, print_json, print_rows, say
from catrelay.cli.service import Service
from catrelay.cli.urls import root_url
from catrelay.tokens import BadTenantName, Connection, Registry, Scope, TokenInfo, UnknownTenant, check_tenant_name

ATS = "ats"
"""The service that the others connect to."""
SQLITE_PREFIX = "sqlite:///"

DatabaseOption = Annotated[
    str,
    typer.Option("--database", envvar="CATRELAY_DATABASE", help="sqlite:///path or postgresql://user:pass@host/db"),
]
TenantOption = Annotated[str, typer.Option("--tenant", envvar="CATRELAY_TENANT", help="Name of the tenant")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON")]


def add_registry_commands(app: typer.Typer, service: Service) -> None:
    """Add the subcommands that work on the service's registry."""
    _add_migrate(app, service)
    if service.name != ATS:
        _add_connect(app, service)
    app.add_typer(_tenant_group(service), name="tenant")
    app.add_typer(_token_group(service), name="token")


@contextmanager
def opened(service: Service, database: str) -> Iterator[Registry]:
    """The registry in *database*, which there is, its schema checked. Raises SchemaMismatch or Failure."""
    check_is_there(database)
    with unchecked(service, database) as registry:
        registry.check_schema()
        yield registry


def check_is_there(database: str) -> None:
    """Raise Failure if *database* is a file that there is not: opening it would make an empty one."""
    path = Path(database.removeprefix(SQLITE_PREFIX))
    if database.startswith(SQLITE_PREFIX) and not path.exists():
        raise Failure(f"--database: there is no file {path}: `migrate` makes it")


@contextmanager
def unchecked(service: Service, database: str) -> Iterator[Registry]:
    """The registry in *database*, whatever its schema. Raises Failure for what is no database URL."""
    try:
        registry = service.open_registry(database)
    except ValueError as error:
        raise Failure(f"--database: {error}") from error
    try:
        yield registry
    finally:
        registry.close()


def tenant_name(name: str) -> str:
    """*name*, if a tenant can be called that: the callback of what names a new tenant. Raises BadParameter."""
    try:
        check_tenant_name(name)
    except BadTenantName as error:
        raise typer.BadParameter(str(error)) from error
    return name


def _example(service: Service, arguments: str) -> str:
    return f"Example: catrelay {service.name} {arguments}"


def _database_example(service: Service) -> str:
    return f"--database sqlite:///{service.name}.db"


def _add_migrate(app: typer.Typer, service: Service) -> None:
    @app.command(epilog=_example(service, f"migrate {_database_example(service)}"))
    def migrate(database: DatabaseOption) -> None:
        """Bring the schema up to date; a new database gets all of it."""
        with unchecked(service, database) as registry:
            registry.migrate()
        say("The schema is up to date.")


def _add_connect(app: typer.Typer, service: Service) -> None:
    example = _example(
        service, f"connect {_database_example(service)} --tenant acme --ats http://127.0.0.1:8800 --token T"
    )

    @app.command(epilog=example)
    def connect(
        database: DatabaseOption,
        tenant: TenantOption,
        ats: Annotated[str, typer.Option(envvar="CATRELAY_ATS", callback=root_url, help="Root URL of the ATS")],
        token: Annotated[str, typer.Option(envvar="CATRELAY_TOKEN", help="Token that the ATS gave this service")],
    ) -> None:
        """Keep how this service reaches a tenant's ATS."""
        with opened(service, database) as registry:
            registry.connect(tenant, Connection(ATS, ats, token))
        say(f"{service.name} reaches the ATS of tenant {tenant} at {ats}.")


def _tenant_group(service: Service) -> typer.Typer:
    group = new_group("Make, list and remove tenants.")

    @group.command(epilog=_example(service, f"tenant create {_database_example(service)} acme"))
    def create(
        database: DatabaseOption,
        name: Annotated[str, typer.Argument(callback=tenant_name, help="Name of the tenant")],
    ) -> None:
        """Make a tenant; a repeat changes nothing."""
        with opened(service, database) as registry:
            registry.add_tenant(name)
        say(f"{service.name} has the tenant {name}.")

    @group.command("list", epilog=_example(service, f"tenant list {_database_example(service)}"))
    def list_(database: DatabaseOption, as_json: JsonOption = False) -> None:
        """List the tenants."""
        with opened(service, database) as registry:
            names = registry.tenants()
        if as_json:
            print_json(names)
        else:
            for name in names:
                typer.echo(name)

    @group.command(epilog=_example(service, f"tenant remove {_database_example(service)} acme"))
    def remove(
        database: DatabaseOption,
        name: Annotated[str, typer.Argument(help="Name of the tenant")],
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    ) -> None:
        """Remove a tenant with all its data."""
        with opened(service, database) as registry:
            if name not in registry.tenants():
                raise UnknownTenant(name)
            question = f"Remove the tenant {name} with all its data from {service.name}?"
            if not yes and not sys.stdin.isatty():
                raise Failure("nobody is there to confirm it: with --yes the tenant is removed")
            if not yes and not typer.confirm(question, err=True):
                raise Failure("nothing was changed")
            registry.remove_tenant(name)
        say(f"The tenant {name} is removed from {service.name}.")

    return group


def _token_group(service: Service) -> typer.Typer:
    group = new_group("Make, list and revoke bearer tokens.")
    common = f"{_database_example(service)} --tenant acme"

    @group.command(epilog=_example(service, f"token create {common} --app careersite --scope read"))
    def create(
        database: DatabaseOption,
        tenant: TenantOption,
        app: Annotated[str, typer.Option(envvar="CATRELAY_APP", help="The app that will hold the token")],
        scope: Annotated[
            Scope,
            typer.Option(
                envvar="CATRELAY_SCOPE", help="admin includes write, write includes read; intake stands alone"
            ),
        ],
        expires_days: Annotated[
            int | None,
            typer.Option(
                envvar="CATRELAY_EXPIRES_DAYS", min=1, max=MAX_DAYS, help="Days until it expires [default: never]"
            ),
        ] = None,
        expires: Annotated[
            datetime | None,
            typer.Option(envvar="CATRELAY_EXPIRES", parser=moment, metavar="MOMENT", help="When it expires, RFC 3339"),
        ] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Make a token and print it, this once."""
        end = expiry(expires_days, expires)
        with opened(service, database) as registry:
            token = registry.add_token(tenant, app, scope, expires=end)
        if as_json:
            made = {"tenant": tenant, "app": app, "scope": scope, "token": token}
            print_json(made if end is None else made | {"expires": end.isoformat()})
        else:
            typer.echo(token)

    @group.command("list", epilog=_example(service, f"token list {common}"))
    def list_(database: DatabaseOption, tenant: TenantOption, as_json: JsonOption = False) -> None:
        """List a tenant's tokens, without what is secret. Their last use is told within five minutes."""
        with opened(service, database) as registry:
            rows = [_row(token) for token in registry.tokens(tenant)]
        print_rows(rows, ["id", "app", "scope", "created", "expires", "lastUsed"], as_json=as_json)

    @group.command(epilog=_example(service, f"token revoke {common} 3"))
    def revoke(
        database: DatabaseOption,
        tenant: TenantOption,
        token_id: Annotated[int, typer.Argument(metavar="ID", help="The token's id, as listed")],
    ) -> None:
        """Refuse a token from now on."""
        with opened(service, database) as registry:
            if not registry.revoke_token(tenant, token_id):
                raise Failure(f"the tenant {tenant} has no token {token_id}")
        say(f"Token {token_id} is refused from now on.")

    return group


def _row(token: TokenInfo) -> dict[str, Cell]:
    moments = {"created": token.created, "expires": token.expires, "lastUsed": token.last_used}
    shown = {name: None if at is None else at.isoformat() for name, at in moments.items()}
    return {"id": token.id, "app": token.app, "scope": token.scope, **shown}
