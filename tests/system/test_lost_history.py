"""Replicators of a real ATS whose journal was compacted, or whose database was restored from a backup."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from ats_stub.store import Store, open_registry
from ats_stub.store.backup import back_up
from ats_stub.store.compaction import compact, tenants
from ats_stub.store.restore import restore
from catrelay.client import AtsClient
from catrelay.database import Database
from catrelay.models import CategoryValueWrite, CategoryWrite
from catrelay.problems import JournalCompacted
from replicator import Replicator
from tests.answers import ValidatingTransport
from tests.replicator.objects import App, app_database, articles, quotes

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


class Scene:
    """An ATS with one category, and an app with a replica that has taken none of it yet."""

    def __init__(self, database: Database, ats: AtsClient, app: App, category: int) -> None:
        self.database = database
        self.ats = ats
        self.app = app
        self.category = category

    def replicator(self) -> Replicator:
        return Replicator(
            ats=self.ats,
            store=self.app.store,
            bindings=[quotes(), articles()],
            public_url="http://127.0.0.1:9",
            resync_delay=timedelta(0),
        )

    async def catch_up(self) -> None:
        """As a restarted process does it."""
        await self.replicator().catch_up()

    async def add(self, name: str, parent: int | None = None) -> int:
        write = CategoryValueWrite(name=name) if parent is None else CategoryValueWrite(name=name, parent=parent)
        return (await self.ats.write_value(self.category, write)).id

    async def remap(self, value: int, to: int) -> None:
        await self.ats.write_value(self.category, CategoryValueWrite(id=value, available=False, remapped_to=to))

    async def inactivate(self, value: int) -> None:
        await self.ats.write_value(self.category, CategoryValueWrite(id=value, available=False))

    def compact(self) -> int:
        """Drop all entries. Returns the first seq that is still to come."""
        store = Store(self.database)
        ((_, tenant),) = tenants(store, None)
        far = datetime.now(UTC) + timedelta(days=1)
        return compact(store, tenant, app="tests", now=NOW, keep_since=far).first_seq

    def cursor(self) -> int | None:
        with self.app.store.read() as unit:
            return unit.cursors().get(0)

    async def check(self) -> None:
        """Replica, cursor and epoch are the ATS's."""
        tree = await self.ats.tree(self.category)
        head = await self.ats.tenant_journal(after=tree.journal_seq or 0)
        with self.app.store.read() as unit:
            assert unit.available_ids(self.category) == {value.id for value in tree.answer}
            assert unit.state().epoch == head.epoch
        assert self.cursor() == head.last_seq


@asynccontextmanager
async def scene(url: str, folder: Path) -> AsyncIterator[Scene]:
    registry = open_registry(url)
    registry.migrate()
    registry.add_tenant("acme")
    token = registry.add_token("acme", "site", "admin")
    app = create_app(AtsSettings(database=url, allow_targets="127.0.0.0/8"))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = ValidatingTransport(httpx.ASGITransport(app))
        ats = AtsClient("http://ats", "acme", token, transport=transport)
        await stack.enter_async_context(ats)
        replica = App(stack.enter_context(app_database(folder)))
        category = (await ats.create_category(CategoryWrite(name="Expertise"))).id
        yield Scene(registry.database, ats, replica, category)
    registry.close()


def test_a_replica_below_the_horizon_ends_where_one_that_read_every_entry_does(
    database_url: str, tmp_path: Path
) -> None:
    async def flow() -> None:
        async with scene(database_url, tmp_path) as at:
            first, second, third, fourth = [await at.add(name) for name in ("A", "B", "C", "D")]
            await at.catch_up()
            moved, lost = at.app.add_quote(first, at.category), at.app.add_quote(fourth, at.category)
            article = at.app.add_article({first, second}, at.category)
            await at.remap(first, second)
            await at.remap(second, third)
            await at.inactivate(fourth)

            assert at.compact() == 4
            with pytest.raises(JournalCompacted) as refused:
                await at.ats.tenant_journal(after=0)
            assert refused.value.members == {"firstSeq": 4}
            await at.catch_up()

            assert at.app.quotes() == {moved: third, lost: None}
            assert at.app.articles() == {article: {third}}
            await at.check()

    asyncio.run(flow())


def test_a_resynchronisation_that_changes_nothing_saves_its_cursor(database_url: str, tmp_path: Path) -> None:
    async def flow() -> None:
        async with scene(database_url, tmp_path) as at:
            value = await at.add("A")
            await at.catch_up()
            await at.inactivate(value)
            await at.ats.write_value(at.category, CategoryValueWrite(id=value, available=True))
            at.compact()

            await at.catch_up()
            assert at.cursor() == 2

            await at.inactivate(value)
            await at.catch_up()
            await at.check()

    asyncio.run(flow())


def test_a_replica_at_the_horizon_reads_on(database_url: str, tmp_path: Path) -> None:
    async def flow() -> None:
        async with scene(database_url, tmp_path) as at:
            first, second, third = [await at.add(name) for name in ("A", "B", "C")]
            await at.remap(first, second)
            await at.catch_up()
            quote = at.app.add_quote(second, at.category)
            at.compact()
            await at.remap(second, third)

            await at.catch_up()
            assert at.app.quotes() == {quote: third}
            await at.ats.undo(at.category, 2)
            await at.catch_up()

            assert at.app.quotes() == {quote: second}  # its receipt was kept: no resynchronisation
            await at.check()

    asyncio.run(flow())


def test_after_a_restore_a_replica_starts_anew_and_loses_no_object_that_has_a_value(
    database_url: str, tmp_path: Path
) -> None:
    async def flow() -> None:
        async with scene(database_url, tmp_path) as at:
            first, second = await at.add("A"), await at.add("B")
            await at.catch_up()
            back_up(at.database, tmp_path / "backup", now=NOW)

            third = await at.add("C")
            remapped, gone = at.app.add_quote(first, at.category), at.app.add_quote(third, at.category)
            await at.remap(first, second)
            await at.catch_up()
            assert at.app.quotes() == {remapped: second, gone: third}
            restore(at.database, tmp_path / "backup", replace=True)
            await at.catch_up()

            # What the lost remap moved stays on its target, which is there. A value that is gone leaves objects bare.
            assert at.app.quotes() == {remapped: second, gone: None}
            await at.check()

            # The same number is another entry's now: an undo of it brings back only what that entry moved.
            again = at.app.add_quote(second, at.category)
            await at.remap(second, first)
            await at.catch_up()
            await at.ats.undo(at.category, 1)
            await at.catch_up()
            assert at.app.quotes() == {remapped: second, gone: None, again: second}
            assert len((await at.ats.subscriptions()).results) == 1
            await at.check()

    asyncio.run(flow())


def test_a_restore_to_a_journal_as_long_as_the_cursor_is_noticed_too(database_url: str, tmp_path: Path) -> None:
    async def flow() -> None:
        async with scene(database_url, tmp_path) as at:
            first, second, third = [await at.add(name) for name in ("A", "B", "C")]
            back_up(at.database, tmp_path / "backup", now=NOW)
            await at.remap(first, second)
            await at.catch_up()
            quote = at.app.add_quote(third, at.category)
            restore(at.database, tmp_path / "backup", replace=True)
            await at.remap(third, first)

            await at.catch_up()

            assert at.app.quotes() == {quote: first}
            await at.check()

    asyncio.run(flow())
