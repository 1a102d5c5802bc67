"""One replicator for each tenant that has a connection named `ats`, as connections come and go."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
import httpx
import structlog
from anyio.abc import TaskGroup
from starlette.concurrency import run_in_threadpool

from catrelay.client import AtsClient
from catrelay.models import Topic
from catrelay.tokens import Connection, UnknownTenant
from replicator import Replicator
from replicator.careersite.settings import CareersiteSettings
from replicator.careersite.store import BINDINGS, Store

log = structlog.get_logger()

ATS = "ats"
TOPICS: tuple[Topic, ...] = ("categories", "orgs", "jobs/open", "jobs/open/externally")


@dataclass(frozen=True)
class _Connected:
    tenant: str
    key: int
    connection: Connection


@dataclass(frozen=True)
class _Followed:
    connected: _Connected
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

    def replicators(self) -> list[Replicator]:
        """Of all tenants that are connected."""
        return [followed.replicator for followed in list(self._followed.values())]

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
            await anyio.sleep(self._settings.connection_check_seconds)
            try:
                await self._compare(group)
            except Exception:  # whatever it was, it must not end what follows the ATS of any tenant
                log.exception("connections cannot be compared")

    async def _compare(self, group: TaskGroup) -> None:
        """Begin with tenants that are connected now, and end with those whose connection is gone or another."""
        connected = await run_in_threadpool(self._connected)
        for tenant, followed in list(self._followed.items()):
            if connected.get(tenant) != followed.connected:
                followed.scope.cancel()
                del self._followed[tenant]
        for tenant in connected.keys() - self._followed.keys():
            self._follow(group, connected[tenant])

    def _follow(self, group: TaskGroup, connected: _Connected) -> None:
        to = connected.connection
        ats = AtsClient(to.url, connected.tenant, to.token, transport=self._ats_transport)
        replicator = Replicator(
            ats=ats,
            store=self._store.replica(connected.tenant),
            bindings=BINDINGS,
            public_url=self._settings.root_url,
            topics=TOPICS,
            interval=self._settings.catch_up_interval,
            resync_delay=self._settings.resync_delay,
        )
        scope = anyio.CancelScope()
        self._followed[connected.tenant] = _Followed(connected, replicator, scope)

        async def follow() -> None:
            with scope:
                try:
                    async with ats:
                        await replicator.run()
                except Exception:  # likewise; the next comparison begins anew
                    log.exception("following ended", tenant=connected.tenant)
                    self._followed.pop(connected.tenant, None)

        group.start_soon(follow)

    def _connected(self) -> dict[str, _Connected]:
        registry = self._store.registry
        found: dict[str, _Connected] = {}
        for tenant in registry.tenants():
            with suppress(UnknownTenant):  # it was removed this moment
                for connection in registry.connections(tenant):
                    if connection.name == ATS:
                        found[tenant] = _Connected(tenant, registry.tenant_key(tenant), connection)
        return found
