"""`catrelay SERVICE serve|config`: the service's settings as options, and the server that runs its app."""

import inspect
import os
import re
import socket
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
import uvicorn
from pydantic import SecretStr, ValidationError
from uvicorn.supervisors import Multiprocess

from catrelay.cli.administer import JsonOption, opened
from catrelay.cli.failure import Failure, explain_invalid, reason_of
from catrelay.cli.lifeline import stop_when_stdin_closes
from catrelay.cli.output import print_rows, say
from catrelay.cli.service import Service
from catrelay.cli.signatures import option, parameters_after_the_first, presented
from catrelay.logs import configure_logs
from catrelay.settings import ServiceSettings

FINISH_REQUESTS_SECONDS = 5
MASK = "********"
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/]*@")
_PASSWORD_PARAMETER = re.compile(r"([?&](?:ssl)?password=)[^&#]*")


def add_serve_commands(app: typer.Typer, service: Service) -> None:
    """Add `serve` and `config`, each with all of the service's settings as options."""
    example = f"--database sqlite:///{service.name}.db --port {service.port}"

    def serve(
        given: Mapping[str, str],
        workers: Annotated[int, typer.Option(min=1, envvar="CATRELAY_WORKERS", help="Processes that serve")] = 1,
        until_stdin_closes: Annotated[
            bool, typer.Option("--until-stdin-closes", help="Stop when standard input ends: for supervisors")
        ] = False,
    ) -> None:
        """Serve until SIGINT or SIGTERM; requests under way are finished."""
        if until_stdin_closes:
            stop_when_stdin_closes()
        run_server(service, given, workers)

    def config(given: Mapping[str, str], as_json: JsonOption = False) -> None:
        """Print the settings in force and where each came from, secrets masked."""
        print_rows(settings_in_force(service, given), ["setting", "value", "source"], as_json=as_json)

    app.command(epilog=f"Example: catrelay {service.name} serve {example}")(_with_settings(serve, service))
    app.command(epilog=f"Example: catrelay {service.name} config {example}")(_with_settings(config, service))


def run_server(service: Service, given: Mapping[str, str], workers: int) -> None:
    """Serve the app. Raises SchemaMismatch when the database is older or newer than this version."""
    settings = read_settings(service, given)
    with opened(service, settings.database):
        pass
    if service.before_serving is not None:
        service.before_serving(settings)
    configure_logs(settings.log_level)
    with listening(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        os.environ[variable_of(service, "port")] = str(port)  # with --port 0 it was the system's choice
        server_config = uvicorn.Config(
            service.app,
            factory=True,
            workers=workers,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=FINISH_REQUESTS_SECONDS,
        )
        say(f"{service.name} serves on http://{settings.host}:{port}")
        if workers == 1:
            try:
                uvicorn.Server(server_config).run(sockets=[listener])
            except SystemExit as error:  # how uvicorn reports that the app's lifespan could not be entered
                raise Failure(f"{service.name} could not start; its log says why") from error
        else:
            Multiprocess(server_config, sockets=[listener]).run()


def read_settings(service: Service, given: Mapping[str, str]) -> ServiceSettings:
    """The settings in force: options before environment before defaults.

    The options become part of this process's environment, where the app, in this process or in a worker, reads them.
    """
    os.environ.update({variable_of(service, name): text for name, text in given.items()})
    os.environ.setdefault(variable_of(service, "port"), str(service.port))
    try:
        return service.settings()
    except ValidationError as error:
        raise typer.BadParameter(explain_invalid(error)) from error


def settings_in_force(service: Service, given: Mapping[str, str]) -> list[dict[str, str | int | None]]:
    """Each setting's name, value (masked where secret) and source."""
    from_environment = {name for name in service.settings.model_fields if variable_of(service, name) in os.environ}
    settings = read_settings(service, given)
    rows: list[dict[str, str | int | None]] = []
    for name in service.settings.model_fields:
        if name in given:
            source = "option --" + name.replace("_", "-")
        elif name in from_environment:
            source = "environment " + variable_of(service, name)
        else:
            source = "default"
        rows.append({"setting": name, "value": shown(getattr(settings, name)), "source": source})
    return rows


def variable_of(service: Service, setting: str) -> str:
    """The environment variable of a setting."""
    return (service.settings.model_config.get("env_prefix", "") + setting).upper()


def shown(value: object) -> str | None:
    """A setting's value as printed: secrets, and passwords within URLs, masked."""
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return MASK
    return mask_url(value) if isinstance(value, str) else str(value)


def mask_url(text: str) -> str:
    """*text* with passwords masked, where it is a URL that holds some."""
    return _PASSWORD_PARAMETER.sub(rf"\1{MASK}", _PASSWORD.sub(rf"\1:{MASK}@", text))


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises Failure when it cannot."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2_048)
    except OSError as error:
        raise Failure(f"cannot listen on {host}:{port}: {reason_of(error)}") from error


def _with_settings(command: Callable[..., None], service: Service) -> Callable[..., None]:
    """*command*, called with the settings that were given as options, as a function that typer can read."""

    def run(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in service.settings.model_fields}
        command({name: text for name, text in given.items() if text is not None}, **arguments)

    options = [_setting_option(service, name) for name in service.settings.model_fields]
    return presented(run, command, [*options, *parameters_after_the_first(command)])


def _setting_option(service: Service, name: str) -> inspect.Parameter:
    field = service.settings.model_fields[name]
    default = service.port if name == "port" else field.default
    text = field.description or ""
    if not field.is_required() and default not in (None, ""):
        text += f" [default: {MASK if isinstance(default, SecretStr) else default}]"
    return option(name, f"{text} [env: {variable_of(service, name)}]")
