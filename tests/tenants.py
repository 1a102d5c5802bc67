"""An ATS with several tenants, exported and imported in plain (synchronous) tests."""

import io
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson
from anyio.from_thread import BlockingPortal, start_blocking_portal

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import open_registry
from catrelay.client import AtsClient
from catrelay.exchange.exporting import MissingFiles, export
from catrelay.exchange.importing import bring, note_file
from catrelay.exchange.lines import read_header
from catrelay.exchange.records import Records
from catrelay.exchange.report import Report
from catrelay.exchange.target import AtsTarget, DryTarget
from catrelay.problems import NotFound
from tests.answers import ValidatingTransport

Answer = TypeVar("Answer")
Document = dict[str, Any]


@dataclass
class Imported:
    """What an import reported. shown: what it made and changed, by kind and id. told: failures."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    shown: list[tuple[str, str, int]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def writes(self) -> int:
        """How many objects were made, changed, or failed."""
        return sum(sum(counts.values()) - counts["unchanged"] for counts in self.counts.values())


class Tenants:
    """A running ATS. Tenants are made when they are first named."""

    def __init__(self, portal: BlockingPortal, transport: httpx.AsyncBaseTransport, database_url: str) -> None:
        self._portal = portal
        self._transport = transport
        self._database_url = database_url
        self._clients: dict[str, AtsClient] = {}
        self.token: dict[str, str] = {}

    def client(self, tenant: str) -> AtsClient:
        """A client of the tenant."""
        if tenant not in self._clients:
            with closing(open_registry(self._database_url)) as registry:
                registry.add_tenant(tenant)
                self.token[tenant] = registry.add_token(tenant, "tests", "admin")
            self._clients[tenant] = AtsClient("http://ats", tenant, self.token[tenant], transport=self._transport)
        return self._clients[tenant]

    def ask(self, act: Callable[[], Awaitable[Answer]]) -> Answer:
        """The result of a coroutine function."""
        return self._portal.call(act)

    def call(self, tenant: str, method: str, path: str, body: object = None) -> Any:
        """The JSON of an answer; a problem is raised."""
        client = self.client(tenant)
        response = self.ask(lambda: client.request(method, path, body=body))  # type: ignore[arg-type] # any JSON
        return response.json()

    def download(self, tenant: str, link: str) -> bytes:
        """The file behind a preSignedUri."""
        client = self.client(tenant)
        return self.ask(lambda: client.download(link))

    def export(self, tenant: str) -> bytes:
        """The tenant's export."""
        client = self.client(tenant)

        async def written() -> bytes:
            lines = export(client, at=datetime.now(UTC), advance=lambda kind: None, missing=MissingFiles(print))
            return b"".join([line async for line in lines])

        return self.ask(written)

    def export_while(self, tenant: str, meanwhile: Callable[[Document], None]) -> bytes:
        """The tenant's export. meanwhile: called with each line once it is written."""
        client = self.client(tenant)
        lines = export(client, at=datetime.now(UTC), advance=lambda kind: None, missing=MissingFiles(print))
        written = b""
        while True:
            try:
                line = self.ask(lambda: anext(lines))
            except StopAsyncIteration:
                return written
            written += line
            meanwhile(orjson.loads(line))

    def import_(self, content: bytes, tenant: str, map_file: Path | None, *, dry_run: bool = False) -> Imported:
        """Import *content*. map_file: None for one in memory, so that nothing is remembered."""
        client = self.client(tenant)
        imported = Imported()
        report = Report(
            tell=imported.told.append,
            show=lambda kind, outcome, source, name: imported.shown.append((outcome, kind, source)),
            advance=lambda kind, done: None,
        )

        async def run() -> None:
            orgs = (await client.discover()).orgs_category  # type: ignore[union-attr] # our own ATS
            assert orgs is not None
            file = io.BytesIO(content)
            header = read_header(file)
            with closing(Records(None, copied=map_file) if dry_run else Records(map_file)) as records:
                note_file(file, records)
                real = AtsTarget(client, orgs)
                await bring(file, header, tenant, orgs, DryTarget(real) if dry_run else real, records, report)

        self.ask(run)
        imported.counts = report.document()
        return imported

    def everything(self, tenant: str) -> Document:
        """All that the tenant has, moments of last updates included."""
        client = self.client(tenant)

        async def read() -> Document:
            discovery = await client.discover()
            assert discovery is not None
            categories = {category.id: category.to_document() for category in (await client.categories()).answer}
            orgs = discovery.orgs_category
            assert orgs is not None
            real = AtsTarget(client, orgs)
            return {
                "categories": categories,
                "orgs": orgs,
                "values": {category: await real.values(category) for category in (*categories, orgs)},
                "jobs": await _listed(client, "/jobs") | await _listed(client, "/jobs/template"),
                "users": await _listed(client, "/users"),
                "candidates": await _listed(client, "/candidates"),
                "journal": (await client.tenant_journal(after=0, limit=5000)).results,
            }

        return self.ask(read)


async def _listed(client: AtsClient, path: str) -> dict[int, Document]:
    try:
        return {document["id"]: document async for document in client.documents(path)}
    except NotFound:
        return {}


@contextmanager
def tenants(database_url: str) -> Iterator[Tenants]:
    """A running ATS on *database_url*, without sockets."""
    with closing(open_registry(database_url)) as registry:
        registry.migrate()
    app = create_app(AtsSettings(database=database_url))
    transport = ValidatingTransport(httpx.ASGITransport(app))
    with start_blocking_portal() as portal:
        stack = AsyncExitStack()

        async def start() -> None:
            await stack.enter_async_context(app.router.lifespan_context(app))

        portal.call(start)
        found = Tenants(portal, transport, database_url)
        try:
            yield found
        finally:
            for client in found._clients.values():
                portal.call(client.close)
            portal.call(stack.aclose)
