"""The deliverer when its database or its subscribers trouble it, on both databases."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from ats_stub.delivering import Deliverer, DeliveryMetrics
from ats_stub.domain.delivery import LEASE
from ats_stub.operations import subscriptions
from ats_stub.operations.values import write_value
from ats_stub.settings import AtsSettings
from ats_stub.store import Store, schema
from catrelay.models import CategoryValueWrite, SubscriptionCreate
from catrelay.sending import PingSender
from catrelay.targets import Targets
from catrelay.tokens import Access
from tests.receivers import WAIT_SECONDS, Receiver

ORGS = 1
LOOPBACK = "127.0.0.0/8"


@asynccontextmanager
async def delivering(
    store: Store, database_url: str, *, lease: timedelta = LEASE, prune_seconds: float = 60
) -> AsyncIterator[None]:
    settings = AtsSettings(database=database_url, allow_targets=LOOPBACK, changes_keep_seconds=0)
    rules = replace(settings.delivery_rules, lease=lease, poll_seconds=0.2, prune_seconds=prune_seconds)
    sender = PingSender(Targets(LOOPBACK), timeout=timedelta(seconds=WAIT_SECONDS))
    async with sender, Deliverer(store, rules, sender, DeliveryMetrics(CollectorRegistry())).running():
        yield


def subscribe_and_change(store: Store, access: Access, url: str) -> str:
    """Subscribe to orgs at *url* and make one. Returns the path of the ping about it."""
    now = datetime.now(UTC)
    wanted = SubscriptionCreate(url=url, topics=("orgs",))
    with store.write(access.tenant_id, app="tests", now=now) as unit:
        subscriptions.subscribe(unit, access, wanted)
        org, _ = write_value(unit, ORGS, CategoryValueWrite(name="Sales"))
    return f"/t/acme/orgs/values/byID/{org.id}/deltaPings"


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline


@contextmanager
def without(store: Store, table: str) -> Iterator[None]:
    """A database that is out of order for a while."""

    def rename(name: str, to: str) -> None:
        with store.database.write() as connection:
            connection.execute(text(f"ALTER TABLE {name} RENAME TO {to}"))

    rename(table, "elsewhere")
    yield
    rename("elsewhere", table)


@pytest.mark.parametrize(
    ("table", "trouble"),
    [
        ("subscriptions", "cannot see what is to be delivered"),
        ("attempts", "delivery failed"),
        ("changes", "cannot drop old changes"),
    ],
)
def test_trouble_with_the_database_is_logged_and_outlived(
    store: Store, access: Access, database_url: str, table: str, trouble: str
) -> None:
    receiver = Receiver()
    receiver.reserve()
    path = subscribe_and_change(store, access, receiver.url)

    def outlive(logs: list[dict[str, object]]) -> None:
        wait_until(lambda: any(line["event"] == trouble for line in logs))

    async def scenario() -> None:
        with without(store, table), capture_logs() as logs:
            stack = delivering(store, database_url, prune_seconds=0.01)
            await stack.__aenter__()
            await asyncio.to_thread(outlive, logs)  # type: ignore[arg-type] # a line is a mutable mapping
        await asyncio.to_thread(receiver.wait_for, path)
        await stack.__aexit__(None, None, None)

    with receiver.listening():
        asyncio.run(scenario())


def test_a_subscription_stays_leased_as_long_as_its_pings_take(store: Store, access: Access, database_url: str) -> None:
    def leased_until() -> datetime | None:
        with store.database.read() as connection:
            return connection.scalar(select(schema.subscriptions.c.leased_until))

    def wait_for_renewals() -> None:
        wait_until(lambda: leased_until() is not None)
        first = leased_until()
        wait_until(lambda: leased_until() != first)

    async def scenario() -> None:
        async with delivering(store, database_url, lease=timedelta(seconds=0.3)):
            await asyncio.to_thread(wait_for_renewals)

    with socket.create_server(("127.0.0.1", 0)) as stalled:
        subscribe_and_change(store, access, f"http://127.0.0.1:{stalled.getsockname()[1]}")
        asyncio.run(scenario())

    assert leased_until() is None


def test_old_changes_are_dropped_once_they_were_told(store: Store, access: Access, database_url: str) -> None:
    def changes() -> int | None:
        with store.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(schema.changes))

    async def scenario(url: str) -> None:
        path = subscribe_and_change(store, access, url)
        async with delivering(store, database_url, prune_seconds=0.01):
            await asyncio.to_thread(receiver.wait_for, path)
            await asyncio.to_thread(wait_until, lambda: changes() == 0)

    with Receiver().listening() as receiver:
        asyncio.run(scenario(receiver.url))


@pytest.mark.parametrize("delays", ["", "2,,0", "-1", "2;3", "soon"])
def test_retry_delays_are_seconds_above_zero(delays: str) -> None:
    with pytest.raises(ValidationError):
        AtsSettings(database="sqlite:///ats.db", ping_retry_seconds=delays)
