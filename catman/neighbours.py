"""The apps that the editor talks to: the tenant's ATS and every other connected app."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
import structlog
from starlette.concurrency import run_in_threadpool

from catman.domain.impacts import AppAnswer
from catrelay.client import AtsClient
from catrelay.models import RelatedData
from catrelay.problems import BadRequest, Forbidden, Problem, ServiceUnreachable, Unauthorized, Unavailable
from catrelay.service_client import ServiceClient
from catrelay.tokens import Connection, Registry

ATS = "ats"

log = structlog.get_logger()

Question = Callable[[ServiceClient], Awaitable[RelatedData | None]]


@dataclass(frozen=True)
class Neighbours:
    """Who is connected to a tenant. apps: by connection name, the ATS among them and first."""

    ats: AtsClient
    apps: Mapping[str, ServiceClient]


class Switchboard:
    """Clients for the connections of all tenants, kept open. transports: in place of sockets, by connection name."""

    def __init__(
        self,
        registry: Registry,
        *,
        timeout: timedelta,
        transports: Mapping[str, httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        self._registry = registry
        self._timeout = timeout
        self._transports = transports or {}
        self._clients: dict[tuple[str, Connection], ServiceClient] = {}

    async def neighbours(self, tenant: str) -> Neighbours:
        """Who is connected now. Raises Unavailable when there is no ATS."""
        connections = await run_in_threadpool(self._registry.connections, tenant)
        clients = {connection.name: self._client(tenant, connection) for connection in connections}
        ats = clients.pop(ATS, None)
        if not isinstance(ats, AtsClient):
            raise Unavailable("This tenant is not connected to an ATS yet: run `catrelay catman connect`")
        return Neighbours(ats, {ATS: ats, **clients})

    async def ask(self, apps: Mapping[str, ServiceClient], question: Question) -> AsyncGenerator[AppAnswer]:
        """Every app's answer, each as soon as it is there or its time is up."""
        tasks = [asyncio.create_task(self._answer(name, client, question)) for name, client in apps.items()]
        try:
            for task in asyncio.as_completed(tasks):
                yield await task
        finally:
            for unfinished in tasks:
                unfinished.cancel()

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.close()

    async def _answer(self, name: str, client: ServiceClient, question: Question) -> AppAnswer:
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return AppAnswer(name, data=await question(client))
        except TimeoutError:
            return AppAnswer(name, trouble=f"No answer within {self._timeout.total_seconds():g} seconds.")
        except ServiceUnreachable as problem:
            log.warning("app gave no answer", app=name, reason=problem.detail)
            return AppAnswer(name, trouble="No answer: it cannot be reached, or its answer cannot be read.")
        except BadRequest as problem:
            return AppAnswer(name, refusal=problem.detail)
        except Problem as problem:
            log.warning("app could not answer", app=name, reason=problem.detail)
            return AppAnswer(name, trouble=f"No answer: {problem.title} ({problem.status}).")

    def _client(self, tenant: str, connection: Connection) -> ServiceClient:
        key = (tenant, connection)
        if key not in self._clients:
            make = AtsClient if connection.name == ATS else ServiceClient
            transport = self._transports.get(connection.name)
            self._clients[key] = make(connection.url, tenant, connection.token, transport=transport)
        return self._clients[key]


@contextmanager
def refusals_told_apart() -> Iterator[None]:
    """That the ATS refuses the editor's own token is not the signed-in person's doing."""
    try:
        yield
    except (Unauthorized, Forbidden) as problem:
        raise ServiceUnreachable(f"The ATS does not let this editor do that: {problem.detail}") from problem
