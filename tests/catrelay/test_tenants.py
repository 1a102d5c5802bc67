"""Both kinds of registry treat tenants the same."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import text

from catrelay.database import Database
from catrelay.embedded import EmbeddedDatabase, EmbeddedRegistry
from catrelay.sql_registry import SqlRegistry
from catrelay.tokens import (
    BadTenantName,
    Connection,
    Registry,
    SchemaMismatch,
    UnknownTenant,
    hash_token,
    new_token,
)
from tests.catrelay.conftest import MIGRATIONS
from tests.strategies import names, tenant_names
from tests.threads import THREADS, in_threads


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


def test_the_same_app_in_two_tenants_is_two_numbers(registry: Registry) -> None:
    registry.add_tenant("beta")
    found = [registry.access(hash_token(registry.add_token(name, "catman", "read"))) for name in ("acme", "beta")]

    assert len({access.tenant_id for access in found if access is not None}) == 2


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
    @given(tenant_names, names)
    def come_back(tenant: str, app: str) -> None:
        registry.add_tenant(tenant)
        access = registry.access(hash_token(registry.add_token(tenant, app, "read")))

        assert access is not None
        assert (access.tenant, access.app) == (tenant, app)
        assert tenant in registry.tenants()

    come_back()


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a" * 101,
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a%41",
        ".",
        "..",
        " acme",
        "acme ",
        "ac\tme",
        "ac\x00me",
        "ac\u200bme",
        "\u202eacme",
        "ac\xa0me",
        "\ud800",
        "e\u0301",
    ],
)
def test_a_name_that_a_path_or_a_reader_could_mistake_is_no_tenants(registry: Registry, name: str) -> None:
    with pytest.raises(BadTenantName, match="a tenant's name"):
        registry.add_tenant(name)

    assert registry.tenants() == ["acme"]


@pytest.mark.parametrize("name", ["a", "a" * 100, "Söhne & Co. KG", "客户", "acme-2_x~(b)", "\N{HAMSTER FACE}", "..."])
def test_a_tenants_name_is_of_any_script(registry: Registry, name: str) -> None:
    registry.add_tenant(name)

    assert name in registry.tenants()


def test_a_tenant_that_many_make_at_once_is_made_once(registry: Registry) -> None:
    in_threads(lambda: registry.add_tenant("beta"))

    assert registry.tenants() == ["acme", "beta"]


def test_a_tenant_that_many_remove_at_once_is_removed_once(registry: Registry) -> None:
    def remove() -> bool:
        try:
            registry.remove_tenant("acme")
        except UnknownTenant:
            return False
        return True

    assert sorted(in_threads(remove)) == [*[False] * (THREADS - 1), True]
    assert registry.tenants() == []


def test_what_is_added_to_a_tenant_that_is_being_removed_stays_or_is_refused(registry: Registry) -> None:
    for _ in range(5):
        registry.add_tenant("beta")
        turns = iter(range(THREADS))

        def work() -> None:
            with contextlib.suppress(UnknownTenant):
                if next(turns) == THREADS // 2:  # noqa: B023 - all of its threads end within this round
                    registry.remove_tenant("beta")
                registry.add_token("beta", "catman", "read")
                registry.connect("beta", Connection("ats", "http://ats", "secret"))

        in_threads(work)

        assert registry.tenants() == ["acme"]
