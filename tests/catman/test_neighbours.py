"""An ATS that is away, refuses the editor, or was never connected."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import typer
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from typer.testing import CliRunner, Result

import catman.cli
from catman.app import create_app, serve
from catman.domain.impacts import AppAnswer
from catman.neighbours import Switchboard
from catman.settings import CatmanSettings
from catrelay.asgi import exception_handlers
from catrelay.cli.failure import Failure
from catrelay.client import values_path
from catrelay.service_client import ServiceClient
from catrelay.tokens import Connection, SchemaMismatch
from tests.catman.conftest import EDITOR, Unplugged
from tests.catman.stage import TENANT, new_editor_database


def connect_app(database: str, *, name: str = "careersite", url: str = "http://c") -> Result:
    """How `catrelay catman connect-app` ends."""
    commands = typer.Typer()
    commands.callback()(lambda: None)
    catman.cli.extend(commands)
    options = ["--database", database, "--tenant", TENANT, "--name", name, "--url", url, "--token", "t"]
    return CliRunner().invoke(commands, ["connect-app", *options])


def refusing(status: int) -> Starlette:
    """An ATS that answers every request with *status*."""

    def refuse(_: Request) -> None:
        raise HTTPException(status, "not for you")

    return Starlette(routes=[Route("/{path:path}", refuse)], exception_handlers=exception_handlers())


def first_page(url: str, token: str, transport: httpx.AsyncBaseTransport | None) -> httpx.Response:
    """The answer to somebody who signs in and asks for the categories."""

    async def visit() -> httpx.Response:
        app = create_app(CatmanSettings(database=url), transports={"ats": transport} if transport else None)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=EDITOR) as http,
        ):
            await http.post(f"/t/{TENANT}/sign-in", data={"token": token}, headers={"origin": EDITOR})
            return await http.get(f"/t/{TENANT}/edit")

    return asyncio.run(visit())


def test_an_ats_that_is_away_is_a_page_that_says_so(tmp_path: Path) -> None:
    url, (token,) = new_editor_database(tmp_path, Connection("ats", "http://ats", "t"), scopes=("write",))

    response = first_page(url, token, Unplugged())

    assert response.status_code == 503
    assert "gave no answer" in response.text


@pytest.mark.parametrize("status", [401, 403])
def test_an_ats_that_refuses_the_editors_token_does_not_sign_anybody_out(tmp_path: Path, status: int) -> None:
    url, (token,) = new_editor_database(tmp_path, Connection("ats", "http://ats", "t"), scopes=("write",))

    response = first_page(url, token, httpx.ASGITransport(refusing(status)))

    assert response.status_code == 503
    assert "does not let this editor do that" in response.text


def test_an_app_that_refuses_the_editors_token_is_one_without_an_answer(tmp_path: Path) -> None:
    async def ask() -> list[AppAnswer]:
        registry = catman.cli.open_registry(f"sqlite:///{tmp_path / 'catman.db'}")
        switchboard = Switchboard(registry, timeout=timedelta(seconds=5))
        client = ServiceClient("http://app", TENANT, "t", transport=httpx.ASGITransport(refusing(403)))
        async with client:
            asked = switchboard.ask({"careersite": client}, lambda app: app.summary(values_path(1), 1))
            return [answer async for answer in asked]

    answers = asyncio.run(ask())

    assert answers == [AppAnswer("careersite", trouble="No answer: This token does not allow it (403).")]


def test_a_tenant_without_an_ats_is_told_what_to_do(tmp_path: Path) -> None:
    url, (token,) = new_editor_database(tmp_path, scopes=("write",))

    response = first_page(url, token, None)

    assert response.status_code == 503
    assert "catrelay catman connect" in response.text


def test_with_more_than_one_tenant_none_is_named_at_the_root(tmp_path: Path) -> None:
    url, _ = new_editor_database(tmp_path, scopes=())
    registry = catman.cli.open_registry(url)
    registry.add_tenant("beta")
    registry.close()

    async def visit() -> httpx.Response:
        app = create_app(CatmanSettings(database=url))
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=EDITOR) as http,
        ):
            return await http.get("/")

    response = asyncio.run(visit())

    assert response.status_code == 200
    assert TENANT not in response.text
    assert "beta" not in response.text


def test_a_database_that_was_never_migrated_is_refused(tmp_path: Path) -> None:
    app = create_app(CatmanSettings(database=f"sqlite:///{tmp_path / 'new.db'}"))

    async def start() -> None:
        await app.router.lifespan_context(app).__aenter__()

    with pytest.raises(SchemaMismatch):
        asyncio.run(start())


def test_an_app_is_connected_by_the_command(tmp_path: Path) -> None:
    url, _ = new_editor_database(tmp_path, scopes=())

    result = connect_app(url)

    registry = catman.cli.open_registry(url)
    assert result.exit_code == 0, result.output
    assert registry.connections(TENANT) == [Connection("careersite", "http://c", "t")]
    registry.close()


def test_the_command_leaves_the_connection_to_the_ats_alone(tmp_path: Path) -> None:
    ats = Connection("ats", "http://ats", "t")
    url, _ = new_editor_database(tmp_path, ats, scopes=())

    result = connect_app(url, name="ats")

    registry = catman.cli.open_registry(url)
    assert isinstance(result.exception, Failure)
    assert registry.connections(TENANT) == [ats]
    registry.close()


@pytest.mark.parametrize("wrong", ["careersite:8803", "ftp://c", "http://"])
def test_the_command_refuses_what_is_no_address_of_an_app(tmp_path: Path, wrong: str) -> None:
    url, _ = new_editor_database(tmp_path, scopes=())

    result = connect_app(url, url=wrong)

    assert result.exit_code != 0
    assert "--url" in result.output


def test_the_command_refuses_a_database_that_was_never_migrated(tmp_path: Path) -> None:
    empty = tmp_path / "new.db"
    empty.touch()

    result = connect_app(f"sqlite:///{empty}")

    assert isinstance(result.exception, SchemaMismatch)


def test_the_app_is_served_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATRELAY_DATABASE", f"sqlite:///{tmp_path / 'catman.db'}")
    monkeypatch.setenv("CATRELAY_MAX_BODY_BYTES", "123")

    assert serve().state.max_body_bytes == 123
