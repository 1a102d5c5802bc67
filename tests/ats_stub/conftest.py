"""An ATS on each database."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import Store, open_database, open_registry
from catrelay.tokens import TOKEN_PREFIX, Access, Scope, hash_token
from tests.postgres import fresh_database
from tests.running import Running, running

TOKEN = f"{TOKEN_PREFIX}tests"
"""Of the tenant acme, in each database: an admin's."""


def prepare(url: str) -> None:
    """Make the ATS's tables and the tenant acme."""
    registry = open_registry(url)
    registry.migrate()
    registry.add_tenant("acme")
    registry.accept_token("acme", "tests", "admin", TOKEN)
    registry.close()


@pytest.fixture(scope="session")
def sqlite_pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the ATS, to be copied: making one costs more than most tests."""
    path = tmp_path_factory.mktemp("pattern") / "ats.db"
    prepare(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_pattern(postgres_server_url: str) -> Iterator[str]:
    """The name of such a database."""
    with fresh_database(postgres_server_url) as url:
        prepare(url)
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of the ATS, with the tenant acme, of this test's own; on each kind of database in turn."""
    if request.param == "sqlite":
        path = tmp_path / "test.db"
        shutil.copyfile(request.getfixturevalue("sqlite_pattern"), path)
        yield f"sqlite:///{path}"
    else:
        server = request.getfixturevalue("postgres_server_url")
        with fresh_database(server, like=request.getfixturevalue("postgres_pattern")) as url:
            yield url


@pytest.fixture
def ats(database_url: str) -> Iterator[Running]:
    """The ATS with the tenant acme, seen by an admin token."""
    with running(create_app(AtsSettings(database=database_url)), tenant="acme", token=TOKEN) as service:
        yield service


@pytest.fixture
def access(database_url: str) -> Access:
    """What an admin token of the tenant acme stands for, in a database that is ready."""
    registry = open_registry(database_url)
    found = registry.access(hash_token(TOKEN))
    registry.close()
    assert found is not None
    return found


@pytest.fixture
def store(database_url: str, access: Access) -> Iterator[Store]:
    """The ATS's store with the tenant acme, without the app around it."""
    store = Store(open_database(database_url))
    yield store
    store.database.close()


@pytest.fixture
def new_token(database_url: str) -> Callable[[str, str, Scope], str]:
    """Makes a token: tenant (made when missing), app, scope."""

    def make(tenant: str, app: str, scope: Scope) -> str:
        registry = open_registry(database_url)
        registry.add_tenant(tenant)
        token = registry.add_token(tenant, app, scope)
        registry.close()
        return token

    return make
