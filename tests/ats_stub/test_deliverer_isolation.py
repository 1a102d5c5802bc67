"""A subscription that cannot be served, and the others, on both databases."""

import asyncio
from datetime import UTC, datetime

from structlog.testing import capture_logs

from ats_stub.operations import subscriptions
from ats_stub.operations.values import write_value
from ats_stub.store import Store
from catrelay.models import CategoryValueWrite, SubscriptionCreate
from catrelay.tokens import Access
from catrelay.vault import Vault
from tests.ats_stub.test_deliverer import delivering
from tests.receivers import Receiver

ORGS = 1
PRESENT, LOST = Vault(["a key drawn by chance of 32 or more"]), Vault(["a key that was lost, of 32 or more"])


def subscribe(store: Store, access: Access, vault: Vault, url: str) -> int:
    """A subscription whose secret *vault* seals."""
    sealing = Store(store.database, vault=vault)
    with sealing.write(access.tenant_id, app="tests", now=datetime.now(UTC)) as unit:
        return subscriptions.subscribe(unit, access, SubscriptionCreate(url=url, topics=("orgs",))).id


def change(store: Store, access: Access, name: str) -> str:
    """Make an org. Returns the path of the ping about it."""
    with store.write(access.tenant_id, app="tests", now=datetime.now(UTC)) as unit:
        org, _ = write_value(unit, ORGS, CategoryValueWrite(name=name))
    return f"/t/acme/orgs/values/byID/{org.id}/deltaPings"


def test_a_secret_that_cannot_be_opened_keeps_nobody_else_from_being_told(
    store: Store, access: Access, database_url: str
) -> None:
    with Receiver().listening() as one, Receiver().listening() as sealed, Receiver().listening() as other:
        subscribe(store, access, PRESENT, one.url)
        unopened = subscribe(store, access, LOST, sealed.url)
        subscribe(store, access, PRESENT, other.url)

        async def be_told(vault: Vault, *receivers: Receiver, paths: list[str]) -> None:
            serving = Store(store.database, vault=vault)
            async with delivering(serving, database_url):
                for name in ("Sales", "Support"):
                    paths.append(await asyncio.to_thread(change, serving, access, name))
                    for receiver in receivers:
                        await asyncio.to_thread(receiver.wait_for, *paths)

        paths: list[str] = []
        with capture_logs() as logs:
            asyncio.run(be_told(PRESENT, one, other, paths=paths))
        without_its_key = list(sealed.paths)
        with capture_logs():
            asyncio.run(be_told(LOST, sealed, paths=paths))

        assert without_its_key == []
        assert {line["subscription"] for line in logs if line["event"] == "delivery failed"} == {unopened}
        assert sealed.paths == paths
        assert one.paths == other.paths == paths[:2]
