"""One replicator for each tenant that has a connection named `ats`, as connections come and go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpx
from anyio.abc import TaskGroup
from starlette.concurrency import run_in_threadpool

from catrelay.client import AtsClient
from catrelay.models import Topic
from catrelay.tokens import Connection
from replicator import Replicator
from replicator.careersite.settings import CareersiteSettings
from replicator.careersite.store import BINDINGS, Store

ATS = "ats"
TOPICS: tuple[Topic, ...] = ("categories", "orgs", "jobs/open", "jobs/open/externally")
CONNECTION_CHECK_SECONDS = 5


@dataclass(frozen=True)
class _Followed:
    connection: Connection
    replicator: Replicator
    scope: anyio.CancelScope


class Tenants:
    """Follows the ATS of each tenant."""

    def __init__(
        self, store: Store, settings: CareersiteSettings, ats_transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self._store = store
        self._settings = settings
        self._ats_transport = ats_transport
        self._followed: dict[str, _Followed] = {}

    def replicator(self, tenant: str) -> Replicator | None:
        """The tenant's, if it is connected."""
        followed = self._followed.get(tenant)
        return followed.replicator if followed else None

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow while entered."""
        async with anyio.create_task_group() as group:
            await self._compare(group)
            group.start_soon(self._keep_comparing, group)
            yield
            group.cancel_scope.cancel()

    async def _keep_comparing(self, group: TaskGroup) -> None:
        while True:
            await anyio.sleep(CONNECTION_CHECK_SECONDS)
            await self._compare(group)

    async def _compare(self, group: TaskGroup) -> None:
        """Begin with tenants that are connected now, and end with those whose connection is gone or another."""
        connected = await run_in_threadpool(self._connected)
        for tenant, followed in list(self._followed.items()):
            if connected.get(tenant) != followed.connection:
                followed.scope.cancel()
                del self._followed[tenant]
        for tenant in connected.keys() - self._followed.keys():
            await self._follow(group, tenant, connected[tenant])

    async def _follow(self, group: TaskGroup, tenant: str, connection: Connection) -> None:
        ats = AtsClient(connection.url, tenant, connection.token, transport=self._ats_transport)
        replicator = Replicator(
            ats=ats,
            store=self._store.replica(await run_in_threadpool(self._store.registry.tenant_key, tenant)),
            bindings=BINDINGS,
            public_url=self._settings.root_url,
            topics=TOPICS,
            interval=self._settings.catch_up_interval,
            resync_delay=self._settings.resync_delay,
        )
        scope = anyio.CancelScope()
        self._followed[tenant] = _Followed(connection, replicator, scope)

        async def follow() -> None:
            with scope:
                async with ats:
                    await replicator.run()

        group.start_soon(follow)

    def _connected(self) -> dict[str, Connection]:
        registry = self._store.registry
        return {
            tenant: connection
            for tenant in registry.tenants()
            for connection in registry.connections(tenant)
            if connection.name == ATS
        }
