"""A tenant goes while others write to it, and nothing of it stays."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Semaphore

import pytest
import structlog
from sqlalchemy import select

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import open_database, open_registry, schema
from catrelay.tokens import Access, Scope, UnknownTenant, hash_token
from tests.receivers import WAIT_SECONDS, Receiver
from tests.running import Running, running

WRITERS = 6
WRITES_BEFORE = 3
MAX_WRITES = 300
ROUNDS = 4


@pytest.fixture
def deaf() -> str:
    """The URL of a subscriber that does not listen: each ping fails, and is kept to be sent again."""
    receiver = Receiver()
    receiver.reserve()
    return receiver.url


@pytest.fixture
def ats(database_url: str, access: Access) -> Iterator[Running]:
    settings = AtsSettings.model_validate(
        {"database": database_url, "allow_targets": "127.0.0.0/8", "ping_retry_seconds": "0.01"}
    )
    with running(create_app(settings), tenant=access.tenant, token="") as service:
        yield service


def test_a_tenant_is_removed_while_it_is_written_to_and_pinged(
    ats: Running, deaf: str, database_url: str, new_token: Callable[[str, str, Scope], str]
) -> None:
    with structlog.testing.capture_logs() as logs:
        for _ in range(ROUNDS):
            beta = ats.with_token(new_token("beta", "tests", "admin"), tenant="beta")
            for _ in range(2):
                beta.post("/subscriptions", {"url": deaf, "topics": ["orgs"]})
            written = Semaphore(0)

            with ThreadPoolExecutor(WRITERS) as pool:
                ended = [pool.submit(write_until_refused, beta, written) for _ in range(WRITERS)]
                for _ in range(WRITERS * WRITES_BEFORE):
                    assert written.acquire(timeout=WAIT_SECONDS)
                remove(database_url, "beta")

                assert {writer.result() for writer in ended} <= {401, 403}

    assert rows_by_tenant(database_url) == {"acme"}
    assert [log for log in logs if log["log_level"] in ("warning", "error", "critical")] == []


def write_until_refused(tenant: Running, written: Semaphore) -> int:
    """Make values until that is no longer possible; the status that says so."""
    for _ in range(MAX_WRITES):
        status = tenant.call("POST", "/orgs/values", {"name": "Newtown"}).status_code
        if status != 201:
            return status
        written.release()
    return 201


def remove(database_url: str, tenant: str) -> None:
    """As the command does, with connections of its own."""
    with closing(open_registry(database_url)) as registry:
        registry.remove_tenant(tenant)


def rows_by_tenant(database_url: str) -> set[str]:
    """Whose rows there are, in all tables."""
    database = open_database(database_url)
    with database.read() as connection:
        names = {row.tenant: row.name for row in connection.execute(select(schema.tenants))}
        found = {
            names.get(tenant, f"{table.name} of {tenant}")
            for table in schema.metadata.sorted_tables
            for (tenant,) in connection.execute(select(table.c.tenant).distinct())
        }
    database.close()
    return found


def test_a_tenant_that_is_made_again_is_another_one(
    access: Access, database_url: str, new_token: Callable[[str, str, Scope], str]
) -> None:
    old = new_token("beta", "tests", "admin")
    remove(database_url, "beta")
    new = new_token("beta", "tests", "admin")

    registry = open_registry(database_url)
    found = [registry.access(hash_token(token)) for token in (old, new)]
    registry.close()
    assert found[0] is None
    assert found[1] is not None
    assert found[1].tenant == "beta"


def test_a_tenant_that_is_not_there_is_not_removed(access: Access, database_url: str) -> None:
    with pytest.raises(UnknownTenant):
        remove(database_url, "beta")
