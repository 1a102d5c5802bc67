"""Both kinds of registry behave the same."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import text

from catrelay.database import Database
from catrelay.embedded import EmbeddedDatabase, EmbeddedRegistry
from catrelay.sql_registry import SqlRegistry
from catrelay.tokens import Access, Connection, Registry, SchemaMismatch, UnknownTenant, hash_token, new_token
from tests.strategies import names

MIGRATIONS = Path(__file__).parent / "migrations"


@pytest.fixture(params=["sqlite", "postgresql", "embedded"])
def empty_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    url = f"sqlite:///{tmp_path / 'test.db'}"
    registry: Registry
    if request.param == "embedded":
        registry = EmbeddedRegistry(EmbeddedDatabase(url))
    elif request.param == "sqlite":
        registry = SqlRegistry(Database(url), MIGRATIONS)
    else:
        registry = SqlRegistry(Database(request.getfixturevalue("postgres_database")), MIGRATIONS)
    yield registry
    registry.close()


@pytest.fixture
def registry(empty_registry: Registry) -> Registry:
    empty_registry.migrate()
    empty_registry.add_tenant("acme")
    return empty_registry


def test_a_registry_is_refused_until_it_is_migrated(empty_registry: Registry) -> None:
    with pytest.raises(SchemaMismatch, match="run `migrate`"):
        empty_registry.check_schema()
    empty_registry.migrate()
    empty_registry.migrate()
    empty_registry.check_schema()

    assert empty_registry.tenants() == []


def test_tenants_are_listed_by_name_and_made_once(registry: Registry) -> None:
    registry.add_tenant("zoo")
    registry.add_tenant("beta")
    registry.add_tenant("acme")

    assert registry.tenants() == ["acme", "beta", "zoo"]


def test_a_token_stands_for_its_app_in_its_tenant(registry: Registry) -> None:
    token = registry.add_token("acme", "catman", "write")

    access = registry.access(hash_token(token))

    assert access is not None
    assert access == Access(access.tenant_id, "acme", "catman", "write")


def test_the_same_app_in_two_tenants_is_two_numbers(registry: Registry) -> None:
    registry.add_tenant("beta")
    found = [registry.access(hash_token(registry.add_token(name, "catman", "read"))) for name in ("acme", "beta")]

    assert len({access.tenant_id for access in found if access is not None}) == 2


def test_a_token_of_nobody_stands_for_nothing(registry: Registry) -> None:
    assert registry.access(hash_token(new_token())) is None


def test_tokens_are_listed_oldest_first_without_the_token(registry: Registry) -> None:
    before = datetime.now(UTC)
    tokens = [registry.add_token("acme", app, "read") for app in ("zulu", "alpha")]

    listed = registry.tokens("acme")

    assert [(each.app, each.scope) for each in listed] == [("zulu", "read"), ("alpha", "read")]
    assert all(before <= each.created <= datetime.now(UTC) for each in listed)
    assert not any(token in repr(listed) for token in tokens)


def test_a_token_that_is_accepted_twice_is_listed_once(registry: Registry) -> None:
    token = new_token()
    registry.accept_token("acme", "careersite", "read", token)
    registry.accept_token("acme", "careersite", "read", token)

    assert [each.app for each in registry.tokens("acme")] == ["careersite"]
    assert registry.access(hash_token(token)) is not None


def test_a_revoked_token_stands_for_nothing_from_then_on(registry: Registry) -> None:
    token = registry.add_token("acme", "catman", "admin")
    (listed,) = registry.tokens("acme")

    assert registry.revoke_token("acme", listed.id)
    assert not registry.revoke_token("acme", listed.id)
    assert registry.access(hash_token(token)) is None
    assert registry.tokens("acme") == []


def test_a_tenant_cannot_revoke_the_token_of_another(registry: Registry) -> None:
    registry.add_tenant("beta")
    token = registry.add_token("acme", "catman", "admin")
    (listed,) = registry.tokens("acme")

    assert not registry.revoke_token("beta", listed.id)
    assert registry.access(hash_token(token)) is not None


def test_a_tenant_goes_with_its_tokens_and_connections(registry: Registry) -> None:
    token = registry.add_token("acme", "catman", "admin")
    registry.connect("acme", Connection("ats", "http://ats", "secret"))

    registry.remove_tenant("acme")
    registry.add_tenant("acme")

    assert registry.access(hash_token(token)) is None
    assert registry.tokens("acme") == []
    assert registry.connections("acme") == []


def test_a_connection_takes_the_place_of_one_of_the_same_name(registry: Registry) -> None:
    registry.add_tenant("beta")
    registry.connect("acme", Connection("careersite", "http://careers", "one"))
    registry.connect("acme", Connection("ats", "http://old", "two"))
    registry.connect("beta", Connection("ats", "http://beta", "three"))

    registry.connect("acme", Connection("ats", "http://new", "four"))

    assert registry.connections("acme") == [
        Connection("ats", "http://new", "four"),
        Connection("careersite", "http://careers", "one"),
    ]
    assert registry.connections("beta") == [Connection("ats", "http://beta", "three")]


def test_a_tenant_that_is_not_there_is_unknown_to_all(registry: Registry) -> None:
    for ask in (
        lambda: registry.remove_tenant("nobody"),
        lambda: registry.add_token("nobody", "catman", "read"),
        lambda: registry.accept_token("nobody", "catman", "read", new_token()),
        lambda: registry.tokens("nobody"),
        lambda: registry.revoke_token("nobody", 1),
        lambda: registry.connect("nobody", Connection("ats", "http://ats", "secret")),
        lambda: registry.connections("nobody"),
    ):
        with pytest.raises(UnknownTenant, match="there is no tenant 'nobody'"):
            ask()


def test_what_a_service_keeps_per_tenant_is_made_with_the_tenant_and_goes_with_it(database_url: str) -> None:
    database = Database(database_url)

    def prepare(connection: SqlConnection, tenant: int) -> None:
        connection.execute(text("INSERT INTO notes (tenant, text) VALUES (:tenant, 'new')"), {"tenant": tenant})

    def notes() -> int:
        with database.read() as connection:
            return connection.scalar(text("SELECT count(*) FROM notes")) or 0

    registry = SqlRegistry(database, MIGRATIONS, on_new_tenant=prepare)
    registry.migrate()
    registry.add_tenant("acme")
    registry.add_tenant("acme")
    assert notes() == 1

    registry.remove_tenant("acme")
    assert notes() == 0
    registry.close()


def test_a_tenant_that_cannot_be_prepared_is_not_made(database_url: str) -> None:
    def fail(_: SqlConnection, tenant: int) -> None:
        raise RuntimeError(f"tenant {tenant} cannot be prepared")

    registry = SqlRegistry(Database(database_url), MIGRATIONS, on_new_tenant=fail)
    registry.migrate()

    with pytest.raises(RuntimeError, match="cannot be prepared"):
        registry.add_tenant("acme")
    assert registry.tenants() == []
    registry.close()


def test_an_embedded_store_has_a_number_for_each_tenant(tmp_path: Path) -> None:
    registry = EmbeddedRegistry(EmbeddedDatabase(f"sqlite:///{tmp_path / 'test.db'}"))
    registry.migrate()
    registry.add_tenant("acme")
    access = registry.access(hash_token(registry.add_token("acme", "catman", "read")))

    assert access is not None
    assert registry.tenant_key("acme") == access.tenant_id
    with pytest.raises(UnknownTenant):
        registry.tenant_key("nobody")
    registry.close()


def test_names_of_any_script_come_back_as_they_were(registry: Registry) -> None:
    @given(names, names)
    def come_back(tenant: str, app: str) -> None:
        registry.add_tenant(tenant)
        access = registry.access(hash_token(registry.add_token(tenant, app, "read")))

        assert access is not None
        assert (access.tenant, access.app) == (tenant, app)
        assert tenant in registry.tenants()

    come_back()


def test_new_tokens_are_never_the_same_and_are_stored_as_hashes_only() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == len({hash_token(token) for token in tokens}) == 100
    assert all(token.startswith("catrelay_") for token in tokens)


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [("read", ["read"]), ("write", ["read", "write"]), ("admin", ["read", "write", "admin"])],
)
def test_scopes_include_each_other(scope: str, allowed: list[str]) -> None:
    access = Access(1, "acme", "catman", scope)  # type: ignore[arg-type]  # each is one of Scope

    assert [needed for needed in ("read", "write", "admin") if access.allows(needed)] == allowed
