"""The ATS as its clients see it in a simulated run: what its API does, without HTTP."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from ats_stub.app import CAPABILITIES
from ats_stub.operations import categories, subscriptions, undo, values
from ats_stub.store import Unit, WriteUnit
from catrelay.client import AtsClient, Snapshot
from catrelay.digest import digest
from catrelay.models import (
    DEFAULT_PAGE_ENTRIES,
    BatchResults,
    Category,
    CategoryValue,
    CategoryValues,
    CategoryValueWrite,
    CategoryVersion,
    CategoryVersions,
    CategoryWrite,
    Discovery,
    JournalEntry,
    JournalPage,
    Subscription,
    SubscriptionCreate,
    SubscriptionList,
    SubscriptionUpdate,
    ValueList,
    ValuesDigest,
)
from catrelay.problems import NotFound, ServiceUnreachable
from catrelay.tokens import Access, Scope
from catrelay.trees import documents
from tests.system.simulated_ats import ORGS, TENANT, TENANT_NAME, Ats, now
from tests.system.simulated_network import Link
from tests.system.simulated_processes import Crash

Done = TypeVar("Done")


class SimulatedAts(AtsClient):
    """A client whose requests go by *link*, to whatever life of the ATS there is then.

    page_entries: the most that a page of the journal has.
    """

    def __init__(
        self, find: Callable[[], Ats | None], link: Link, app: str, scope: Scope, *, page_entries: int = 5_000
    ) -> None:
        self.url, self.tenant = "http://ats", TENANT_NAME
        self._find = find
        self._link = link
        self._page_entries = page_entries
        self._access = Access(TENANT, TENANT_NAME, app, scope)

    async def close(self) -> None:
        pass

    async def discover(self) -> Discovery:
        return await self._ask(
            lambda ats: Discovery(service="ats", version="1", orgs_category=ORGS, capabilities=CAPABILITIES)
        )

    async def categories(self) -> Snapshot[tuple[Category, ...]]:
        return await self._read(
            lambda unit: Snapshot(tuple(unit.categories.listed(orgs_category=ORGS)), unit.counters.seq)
        )

    async def create_category(self, category: CategoryWrite) -> Category:
        return await self._write(lambda unit: categories.create_category(unit, category))

    async def delete_category(self, category: int) -> None:
        """With all its values."""
        await self._write(lambda unit: categories.delete_category(unit, category, force=True))

    async def versions(self) -> CategoryVersions:
        def versions(ats: Ats) -> CategoryVersions:
            found = ats.store.versions.of_all(TENANT)
            listed = tuple(CategoryVersion(id=each.category, version=each.name) for each in found)
            return CategoryVersions(epoch=found[0].epoch, seq=found[0].seq, categories=listed)

        return await self._ask(versions)

    async def tree(
        self, category: int | None, *, branches: Sequence[int] | None = None
    ) -> Snapshot[tuple[CategoryValue, ...]]:
        found = await self._tree(category, branches)
        return Snapshot(CategoryValues.model_validate_json(found.answer).root, found.journal_seq)

    async def tree_documents(
        self, category: int | None, *, branches: Sequence[int] | None = None
    ) -> Snapshot[dict[int, dict[str, Any]]]:
        found = await self._tree(category, branches)
        return Snapshot(documents(orjson.loads(found.answer)), found.journal_seq)

    async def _tree(self, category: int | None, branches: Sequence[int] | None) -> Snapshot[bytes]:
        def tree(unit: Unit) -> Snapshot[bytes]:
            _check_there(unit, category)
            trees, of = unit.trees, category or ORGS
            found = trees.whole(of) if branches is None else trees.branches(of, branches)
            return Snapshot(found, unit.counters.seq)

        return await self._read(tree)

    async def digest(self, category: int | None) -> ValuesDigest:
        def found(unit: Unit) -> ValuesDigest:
            _check_there(unit, category)
            return digest(unit.trees.documents(category or ORGS), seq=unit.counters.seq)

        return await self._read(found)

    async def value(self, category: int | None, value: int) -> CategoryValue:
        return await self._read(lambda unit: values.value_of(unit, category or ORGS, value).as_answered())

    async def value_by_external_id(self, category: int | None, external_id: str) -> CategoryValue | None:
        def found(unit: Unit) -> CategoryValue | None:
            value = unit.values.by_external_id(category or ORGS, external_id)
            return None if value is None else value.as_answered()

        return await self._read(found)

    async def unavailable(self, category: int | None, *, after: int = 0, limit: int = 1000) -> ValueList:
        def found(unit: Unit) -> ValueList:
            listed = unit.values.unavailable(category or ORGS, after=after, limit=limit)
            return ValueList(results=tuple(value.as_answered() for value in listed))

        return await self._read(found)

    async def write_value(
        self, category: int | None, value: CategoryValueWrite, *, if_journal_seq: int | None = None
    ) -> CategoryValue:
        return await self._write(lambda unit: values.write_value(unit, category or ORGS, value)[0].as_answered())

    async def write_values(
        self, category: int | None, values_: Sequence[CategoryValueWrite], *, atomic: bool
    ) -> BatchResults:
        return await self._write(lambda unit: values.write_values(unit, category or ORGS, values_, atomic=atomic))

    async def undo(self, category: int | None, seq: int) -> JournalEntry:
        return await self._write(lambda unit: undo.undo(unit, category or ORGS, seq))

    async def journal(self, category: int | None, *, after: int, limit: int | None = None) -> JournalPage:
        entries = self._entries(limit)
        return await self._ask(
            lambda ats: JournalPage.model_validate_json(
                ats.pages.of_category(TENANT, category, after=after, limit=entries)
            )
        )

    async def tenant_journal(self, *, after: int, limit: int | None = None) -> JournalPage:
        entries = self._entries(limit)
        return await self._ask(
            lambda ats: JournalPage.model_validate_json(ats.pages.of_tenant(TENANT, after=after, limit=entries))
        )

    def _entries(self, limit: int | None) -> int:
        return min(self._page_entries, limit or DEFAULT_PAGE_ENTRIES)

    async def subscribe(self, subscription: SubscriptionCreate) -> Subscription:
        def subscribe(unit: WriteUnit) -> Subscription:
            made = subscriptions.subscribe(unit, self._access, subscription)
            return made.model_copy(update={"secret": unit.subscriptions.secret(made.id)})

        return await self._write(subscribe)

    async def subscription(self, subscription: int) -> Subscription:
        return await self._ask(
            lambda ats: ats.read(
                lambda unit: subscriptions.subscription_of(unit, self._access, subscription, now=now())
            )
        )

    async def subscriptions(self, *, after: int = 0) -> SubscriptionList:
        def listed(ats: Ats) -> SubscriptionList:
            reach = subscriptions.reach(self._access)
            found = ats.read(lambda unit: unit.subscriptions.listed(app=reach, after=after, limit=1000, now=now()))
            return SubscriptionList(results=tuple(found))

        return await self._ask(listed)

    async def unsubscribe(self, subscription: int) -> None:
        await self._write(lambda unit: subscriptions.unsubscribe(unit, self._access, subscription))

    async def resume_subscription(self, subscription: int) -> Subscription:
        return await self._write(lambda unit: subscriptions.resume(unit, self._access, subscription))

    async def update_subscription(self, subscription: int, change: SubscriptionUpdate) -> None:
        await self._write(lambda unit: subscriptions.update_subscription(unit, self._access, subscription, change))

    async def report_applied(self, subscription: int, seq: int) -> None:
        await self._write(lambda unit: subscriptions.set_applied(unit, self._access, subscription, seq))

    async def _read(self, question: Callable[[Unit], Done]) -> Done:
        return await self._ask(lambda ats: ats.read(question))

    async def _write(self, act: Callable[[WriteUnit], Done]) -> Done:
        return await self._ask(lambda ats: ats.write(self._access.app, act))

    async def _ask(self, question: Callable[[Ats], Done]) -> Done:
        def serve() -> Done:
            ats = self._find()
            if ats is None:
                raise ServiceUnreachable("connection refused")
            try:
                return question(ats)
            except Crash:
                raise ServiceUnreachable("connection reset") from None

        return await self._link.ask(serve)


def _check_there(unit: Unit, category: int | None) -> None:
    if unit.categories.version(category or ORGS) is None:
        raise NotFound(f"There is no category {category}")
