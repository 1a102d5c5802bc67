"""An ATS on each database."""

from collections.abc import Callable, Iterator

import pytest

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import Store, open_database, open_registry
from catrelay.tokens import Access, Scope, hash_token
from tests.running import Running, running


@pytest.fixture
def ats(database_url: str) -> Iterator[Running]:
    """The ATS with the tenant acme, seen by an admin token."""
    registry = open_registry(database_url)
    registry.migrate()
    registry.add_tenant("acme")
    token = registry.add_token("acme", "tests", "admin")
    registry.close()
    with running(create_app(AtsSettings(database=database_url)), tenant="acme", token=token) as service:
        yield service


@pytest.fixture
def access(database_url: str) -> Access:
    """What an admin token of the tenant acme stands for, in a database that is ready."""
    registry = open_registry(database_url)
    registry.migrate()
    registry.add_tenant("acme")
    found = registry.access(hash_token(registry.add_token("acme", "tests", "admin")))
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
