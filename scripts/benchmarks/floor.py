"""The ATS with two routes beside its own that store nothing: what HTTP alone costs in the very same process."""

from dataclasses import replace

import typer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from ats_stub.app import create_app
from ats_stub.cli import service
from ats_stub.settings import AtsSettings
from ats_stub.store import open_database, registry_of
from catrelay.asgi import Guard, model_response, read_model, resource
from catrelay.cli.group import new_group
from catrelay.cli.serve import add_serve_commands
from catrelay.logs import configure_logs
from catrelay.models import CategoryValue, CategoryValueUpload
from scripts.benchmarks.serving import READY_PATH, UNSTORED_PATH


def serve() -> Starlette:
    """The ATS's app with the routes of the floor in front of its own."""
    settings = AtsSettings()
    configure_logs(settings.log_level)
    app = create_app(settings)
    guard = Guard(registry_of(open_database(settings.database)))
    ready = [b""]

    async def unstored(request: Request) -> Response:
        write = await read_model(request, CategoryValueUpload)
        value = CategoryValue(id=1, name=write.name or "", external_id=write.external_id, available=True)
        return model_response(value, status=201)

    async def keep(request: Request) -> Response:
        ready[0] = await request.body()
        return Response(status_code=204)

    async def give(_: Request) -> Response:
        return Response(ready[0], media_type="application/json")

    app.router.routes[:0] = [
        resource("/t/{tenant}" + UNSTORED_PATH, post=guard.write(unstored)),
        resource(READY_PATH, get=give, post=keep),
    ]
    return app


if __name__ == "__main__":
    command: typer.Typer = new_group("The ATS with the routes that its benchmarks need.")
    add_serve_commands(command, replace(service, app="scripts.benchmarks.floor:serve"))
    command()
