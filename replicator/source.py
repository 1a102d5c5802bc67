"""The ATS as a replicator sees it: ours, or another vendor's that speaks the plain contract only."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from catrelay.client import AtsClient, Snapshot
from catrelay.models import Category, CategoryValue, CategoryVersions, JournalEntry, JournalPage, ValuesDigest
from catrelay.problems import JournalCompacted, MethodNotAllowed, NotFound, ServiceUnreachable
from replicator.domain.trees import Document
from replicator.unit import WHOLE_TENANT

PAGE_ENTRIES = 1_000
LONG_PAGE_ENTRIES = 5_000
"""What an ATS of ours gives at most."""

MAX_BRANCHES = 200
FETCHES_AT_ONCE = 8


@dataclass(frozen=True)
class Abilities:
    """What the ATS can do beyond the plain contract. orgs_category: of the org tree, where there is one to see.

    digests: it sums up trees, and has one journal that says what a tree alone does not. versions: it tells by one
    answer which categories changed, likewise. branches: it gives some branches of a tree alone.
    """

    one_journal: bool = False
    batches: bool = False
    orgs_category: int | None = None
    digests: bool = False
    versions: bool = False
    branches: bool = False


class HistoryLost(Exception):
    """The journal cannot be read on from the cursor: it is another history's, or what follows was dropped."""


class Source:
    """Asks the ATS. Categories are named by id throughout, the org tree's too."""

    def __init__(self, ats: AtsClient) -> None:
        self._ats = ats
        self._abilities: Abilities | None = None

    @property
    def abilities(self) -> Abilities:
        """What the ATS can do, once it was asked."""
        assert self._abilities is not None, "describe() comes first"
        return self._abilities

    @property
    def is_described(self) -> bool:
        """Whether the ATS was asked what it can do."""
        return self._abilities is not None

    async def describe(self) -> Abilities:
        """Ask what the ATS can do."""
        try:
            said = await self._ats.discover()
        except MethodNotAllowed:
            said = None
        if said is None and self._abilities is not None and self._abilities.one_journal:
            # A proxy's answer, perhaps: to take it for a plain ATS would cost all receipts.
            raise ServiceUnreachable("the ATS no longer says what it can do", url=self._ats.url)
        can = said.capabilities if said else ()
        orgs_category = said.orgs_category if said else None
        one_journal = "remapped.tenant" in can
        self._abilities = Abilities(
            one_journal,
            batches="pings.batch" in can,
            orgs_category=orgs_category,
            digests=one_journal and "values.digest" in can,
            versions=one_journal and "categories.versions" in can,
            branches="values.branches" in can,
        )
        return self._abilities

    async def categories(self) -> Snapshot[tuple[Category, ...]]:
        """All categories, the org tree's not among them."""
        return await self._ats.categories()

    async def versions(self) -> CategoryVersions | None:
        """What each category's state is called; None: the ATS does not say."""
        return await self._ats.versions() if self.abilities.versions else None

    async def tree(
        self, category: int, *, branches: Sequence[int] | None = None
    ) -> Snapshot[dict[int, Document]] | None:
        """The available values, by id; None: the category is gone. branches: those below these roots alone."""
        try:
            return await self._ats.tree_documents(self._name(category), branches=branches)
        except NotFound:
            return None

    async def digest(self, category: int) -> ValuesDigest | None:
        """The available values in short; None: the category is gone, or the ATS gives no digest."""
        if not self.abilities.digests:
            return None
        try:
            return await self._ats.digest(self._name(category))
        except NotFound:
            return None

    async def values(self, category: int, ids: Iterable[int]) -> dict[int, CategoryValue | None]:
        """The present state of each, also when unavailable; None: there is no such value."""
        turn = asyncio.Semaphore(FETCHES_AT_ONCE)

        async def fetch(value: int) -> tuple[int, CategoryValue | None]:
            async with turn:
                try:
                    return value, await self._ats.value(self._name(category), value)
                except NotFound:
                    return value, None

        answers = await asyncio.gather(*map(fetch, ids), return_exceptions=True)
        found: dict[int, CategoryValue | None] = {}
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            found[answer[0]] = answer[1]
        return found

    async def chains(
        self, category: int, ids: Iterable[int], available: Mapping[int, object]
    ) -> dict[int, CategoryValue | None]:
        """The present state of each, and of every value on its way to the end of its remaps."""
        found: dict[int, CategoryValue | None] = {}
        wanted = set(ids)
        while wanted:
            fetched = await self.values(category, wanted)
            found |= fetched
            targets = {node.remapped_to for node in fetched.values() if node is not None and node.remapped_to}
            wanted = targets - found.keys() - available.keys()
        return found

    def journals(self, categories: Iterable[int]) -> list[int]:
        """The journals there are to read: one for the whole tenant, or one for each category."""
        return [WHOLE_TENANT] if self.abilities.one_journal else sorted(categories)

    async def page(self, journal: int, *, after: int) -> JournalPage:
        """Entries after a cursor. Raises JournalCompacted."""
        page = await self._page(journal, after=after)
        if not _goes_on(page, after):
            raise ServiceUnreachable("the journal of the ATS does not go on as journals do", url=self._ats.url)
        return page

    async def _page(self, journal: int, *, after: int) -> JournalPage:
        if journal == WHOLE_TENANT:
            return await self._ats.tenant_journal(after=after, limit=LONG_PAGE_ENTRIES)
        try:
            return await self._ats.journal(self._name(journal), after=after, limit=PAGE_ENTRIES)
        except NotFound:  # a category that is gone has nothing more to say
            return JournalPage(results=())

    async def pages(self, journal: int, *, after: int) -> AsyncGenerator[JournalPage]:
        """Pages from a cursor to the end, at least one. The next is asked for before the last is done with."""
        page = await self.page(journal, after=after)
        while not is_last(page):
            coming = asyncio.ensure_future(self.page(journal, after=page.results[-1].seq))
            try:
                await asyncio.sleep(0)  # so that it is on its way
                yield page
                page = await coming
            finally:
                coming.cancel()
        yield page

    async def head(self, journal: int) -> JournalPage:
        """A page that tells the newest seq and the epoch, from a journal of which nothing is known."""
        after = 0
        try:
            page = await self.page(journal, after=after)
        except JournalCompacted as compacted:
            first = compacted.members.get("firstSeq")
            if not isinstance(first, int):
                raise
            after = first - 1
            page = await self.page(journal, after=after)
        if page.last_seq is not None:
            return page
        *_, last = [after, *(entry.seq for entry in await self.entries(journal, after=after))]
        return page.model_copy(update={"last_seq": last})

    async def entries(self, journal: int, *, after: int) -> list[JournalEntry]:
        """All entries after a cursor."""
        return [entry async for page in self.pages(journal, after=after) for entry in page.results]

    def _name(self, category: int) -> int | None:
        return None if category == self.abilities.orgs_category else category


def _goes_on(page: JournalPage, after: int) -> bool:
    """Whether entries ascend from the cursor: whoever read on from one that did not would never come to an end."""
    seqs = [after, *(entry.seq for entry in page.results)]
    return all(earlier < later for earlier, later in pairwise(seqs)) and not any(
        (entry.operation == "remap" and entry.remapped_to is None)
        or (entry.operation == "undo" and entry.undoes is None)
        for entry in page.results
    )


def is_last(page: JournalPage) -> bool:
    """Whether there is nothing after it. A plain ATS says so by an empty page only."""
    return not page.results or (page.last_seq is not None and page.results[-1].seq >= page.last_seq)
