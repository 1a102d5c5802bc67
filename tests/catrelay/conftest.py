"""A registry of each kind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catrelay.database import Database
from catrelay.embedded import EmbeddedDatabase, EmbeddedRegistry
from catrelay.sql_registry import SqlRegistry
from catrelay.tokens import Registry

MIGRATIONS = Path(__file__).parent / "migrations"


@pytest.fixture(params=["sqlite", "postgresql", "embedded"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Registry]:
    """Opens a registry in the test's database, as each process does for itself."""
    url = f"sqlite:///{tmp_path / 'test.db'}"
    if request.param == "embedded":
        return lambda: EmbeddedRegistry(EmbeddedDatabase(url))
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_database")
    return lambda: SqlRegistry(Database(url), MIGRATIONS)


@pytest.fixture
def empty_registry(reopen: Callable[[], Registry]) -> Iterator[Registry]:
    registry = reopen()
    yield registry
    registry.close()


@pytest.fixture
def registry(empty_registry: Registry) -> Registry:
    empty_registry.migrate()
    empty_registry.add_tenant("acme")
    return empty_registry
