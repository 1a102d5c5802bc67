"""A service of ten lines, to try what the command gives to every service. Runs as `python -m` this module."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlite_utils
from pydantic import Field, SecretStr
from sqlite_utils.migrations import Migrations
from starlette.applications import Starlette

from catrelay.asgi import create_service
from catrelay.cli import Service
from catrelay.cli.services import service_command
from catrelay.embedded import EmbeddedDatabase, EmbeddedRegistry
from catrelay.settings import ServiceSettings

notes_migrations = Migrations("notes")


@notes_migrations()
def m001_notes(db: sqlite_utils.Database) -> None:
    db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")


class NotesSettings(ServiceSettings):
    """Two settings more than every service has."""

    session_key: SecretStr = Field(default=SecretStr("very secret"), description="signs sessions")
    cannot_start: bool = Field(default=False, description="fail when the server starts")


def open_registry(url: str) -> EmbeddedRegistry:
    return EmbeddedRegistry(EmbeddedDatabase(url), notes_migrations)


def create_app() -> Starlette:
    settings = NotesSettings()
    registry = open_registry(settings.database)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if settings.cannot_start:
            raise RuntimeError("no reason to start")
        yield
        registry.close()

    return create_service([], settings=settings, registry=registry, lifespan=lifespan)


service = Service("notes", "Keeps notes.", 8899, NotesSettings, open_registry, "tests.catrelay.cli.notes:create_app")

if __name__ == "__main__":
    service_command(service)(prog_name="notes")
