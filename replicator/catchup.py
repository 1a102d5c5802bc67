"""Bringing replica and objects up to date, however pings came. Source: docs/contract/, "Replicator".

Each round reads the journal from the cursor to its end, then fetches present states. A state is never older than the
journal read before it, and what is newer about it the next round's journal explains: so every order of pings, and none
at all, comes to the same end.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import uuid4

import structlog

from catrelay.client import Snapshot
from catrelay.digest import digest
from catrelay.models import Category, CategoryValue, CategoryVersions, JournalEntry, JournalPage
from catrelay.problems import JournalCompacted
from replicator.domain.transfers import Transfer, settlement
from replicator.domain.trees import Document, differing_branches
from replicator.journals import Journals, Key
from replicator.moving import Mover
from replicator.source import MAX_BRANCHES, HistoryLost, Source
from replicator.store import ReplicaStore
from replicator.threads import InThread, Transactions
from replicator.unit import WHOLE_TENANT, Unit

MAX_SINGLE_FETCHES = 100
"""Above so many pinged values of one category, its tree is fetched instead."""

MAX_ROUNDS = 3
"""Rounds of journal and trees until both show the same; of a journal that grows faster, the rest comes next time."""

_Place = tuple[str | None, dict[int, int]]
"""In which history, and where in it: the epoch and the cursors."""
log = structlog.get_logger()


@dataclass(frozen=True)
class _Fetched:
    """What was fetched of a category, whose available values are saved by then.

    available: of the values that were asked for. nodes: values that no tree tells of; None: there is no such value.
    """

    category: int
    available: Set[int]
    nodes: Mapping[int, CategoryValue | None]
    journal_seq: int = 0

    def settled(self, later: frozenset[int] = frozenset()) -> Transfer:
        """Where objects belong by the values' own remappedTo."""
        return settlement(self.category, self.nodes, available=frozenset(self.available), nodes=self.nodes, later=later)


class CatchUp:
    """What a replicator does, one thing at a time: its caller sees to that.

    before_resync: waits a little, so that the many replicas of an ATS that lost its history do not ask all at once.
    """

    def __init__(
        self,
        source: Source,
        store: ReplicaStore,
        mover: Mover,
        *,
        now: Callable[[], datetime],
        before_resync: Callable[[], Awaitable[None]],
        in_thread: InThread,
    ) -> None:
        self._source = source
        self._mover = mover
        self._within = Transactions(store, in_thread)
        self._journals = Journals(source, self._within, mover)
        self._now = now
        self._before_resync = before_resync
        self._mark = f"fetched by {uuid4().hex}"

    async def everything(self, *, verify: bool = False) -> None:
        """The journal after the cursor, then the present trees. The first time: everything there is.

        verify: compare also what did not change at the ATS.
        """
        await self._catch_up(partial(self._read_on_and_refresh, verify=verify))

    async def pinged(self, values: Iterable[Key], categories: Iterable[int]) -> None:
        """The journal after the cursor, then the present state of what pings named."""

        async def answer() -> None:
            await self._fetch({*values, *await self._journals.read_on()}, set(categories))

        await self._catch_up(answer)

    async def _catch_up(self, how: Callable[[], Awaitable[None]]) -> None:
        if not self._source.is_described:
            await self._source.describe()
        try:
            if await self._within.read(self._is_installed):
                await how()
            else:
                await self._resynchronise()
        except (HistoryLost, JournalCompacted) as lost:
            log.info("the journal cannot be read on, resynchronising", reason=str(lost))
            await self._before_resync()
            await self._resynchronise()

    def _is_installed(self, unit: Unit) -> bool:
        has_one_cursor = WHOLE_TENANT in unit.cursors()
        return unit.state().last_catch_up is not None and has_one_cursor == self._source.abilities.one_journal

    # Present states

    async def _read_on_and_refresh(self, *, verify: bool) -> None:
        for _ in range(MAX_ROUNDS):
            versions = await self._source.versions()
            here = await self._within.read(
                lambda unit: (unit.state().epoch, unit.cursors().get(WHOLE_TENANT), unit.versions())
            )
            there = None if versions is None else {each.id: each.version for each in versions.categories}
            if versions is not None and not verify and (versions.epoch, versions.seq, there) == here:
                return
            unclear = await self._journals.read_on()
            if not await self._refresh(unclear, versions, verify=verify):
                return

    async def _refresh(self, unclear: set[Key], versions: CategoryVersions | None, *, verify: bool) -> bool:
        """Take over the present trees. Returns whether they show what the journal says after the cursor.

        versions: asked for before the journal was read; those of all categories whose trees are the same now.
        """
        categories = await self._source.categories()
        held, known = await self._within.read(lambda unit: (unit.category_ids(), unit.versions()))
        there = {} if versions is None else {each.id: each.version for each in versions.categories}
        everywhere = {*self._ids(categories.answer), *held}
        compared = everywhere if verify else everywhere - held
        same = {category for category in everywhere - compared if known.get(category, "") == there.get(category)}
        if versions is not None and everywhere - same:
            await self._within.write(lambda unit: self._begin(unit, everywhere - same))
        fetched = [await self._fetch_unless_same(category, unclear) for category in sorted(everywhere - same)]
        fetched += [
            await self._fetch_values(category, {value for of, value in unclear if of == category})
            for category in sorted(same & {of for of, _ in unclear})
        ]
        await self._within.write(lambda unit: self._take_over(unit, fetched, categories=categories, versions=there))
        cursor = (await self._within.read(Unit.cursors)).get(WHOLE_TENANT)
        newest = max(categories.journal_seq or 0, *(one.journal_seq for one in fetched), 0)
        return cursor is not None and newest > cursor

    async def _resynchronise(self) -> None:
        """Everything anew: the journal's head, then trees and, for what the app holds beyond them, each value."""
        before = await self._within.read(_place)
        versions = await self._source.versions()
        categories = await self._source.categories()
        journals = self._source.journals(self._ids(categories.answer))
        heads = {journal: await self._source.head(journal) for journal in journals}
        held = await self._within.read(Unit.category_ids)
        everywhere = sorted({*self._ids(categories.answer), *held})
        fetched = [await self._fetch_tree(category, set(), resync=True) for category in everywhere]
        cursors = {journal: head.last_seq or 0 for journal, head in heads.items()}
        # What is in the journal by now but after the head is left to the journal: it leaves receipts.
        later = [entry for journal in journals for entry in await self._source.entries(journal, after=cursors[journal])]
        there = {} if versions is None else {each.id: each.version for each in versions.categories}
        await self._within.write(lambda unit: self._install(unit, before, categories, fetched, later, heads, there))
        await self._fetch(await self._journals.read_on(), set())

    def _install(
        self,
        unit: Unit,
        before: _Place,
        categories: Snapshot[tuple[Category, ...]],
        fetched: Sequence[_Fetched],
        later: Sequence[JournalEntry],
        heads: Mapping[int, JournalPage],
        versions: Mapping[int, str],
    ) -> None:
        if _place(unit) != before:
            return  # another process with this database was faster: its cursor must not go back
        epoch = next((page.epoch for page in heads.values()), None)
        earlier = unit.state().epoch
        if epoch != earlier:
            unit.forget_receipts()
        if earlier is not None and epoch != earlier:
            # In another history the same number may be another app's subscription.
            unit.remember_subscription(None)
        unit.note_history(epoch, self._source.abilities.orgs_category)
        not_yet = {(entry.category, entry.id) for entry in later}
        self._take_over(unit, fetched, categories=categories, versions=versions, later=not_yet, resync=True)
        unit.replace_cursors({journal: page.last_seq or 0 for journal, page in heads.items()})
        unit.note_head(max((page.last_seq or 0 for page in heads.values()), default=0))
        unit.note_catch_up(self._now())

    async def _fetch(self, values: set[Key], pinged_categories: set[int]) -> None:
        """Take over the present state of some values, and of categories that are new or changed."""
        if not values and not pinged_categories:
            return
        held = await self._within.read(Unit.category_ids)
        new: set[int] = set()
        if pinged_categories or {category for category, _ in values} - held:
            categories = await self._source.categories()
            new = set(self._ids(categories.answer)) - held
            fetched = [await self._fetch_tree(category, set()) for category in sorted(new)]
            await self._within.write(lambda unit: self._take_over(unit, fetched, categories=categories))
        for category in sorted(held - new):
            ids = {value for of, value in values if of == category}
            if ids:
                one = await self._fetch_values(category, ids)
                await self._within.write(partial(self._take_over, fetched=[one]))

    async def _fetch_values(self, category: int, ids: set[int]) -> _Fetched:
        if len(ids) > MAX_SINGLE_FETCHES:
            return await self._fetch_tree(category, {(category, value) for value in ids})
        return _Fetched(category, frozenset(), await self._source.chains(category, ids, {}))

    async def _fetch_unless_same(self, category: int, unclear: set[Key]) -> _Fetched:
        """The tree, or those of its branches that differ from the replica's by their digests."""
        there = await self._source.digest(category)
        here = await self._within.read(lambda unit: unit.documents(category)) if there is not None else {}
        if there is None or not here:
            return await self._fetch_tree(category, unclear)
        mine = await self._within.in_thread(partial(digest, here.values(), seq=there.seq))
        unknown = {value for of, value in unclear if of == category} - here.keys()
        if mine == there:
            return _Fetched(category, frozenset(), await self._source.chains(category, unknown, here), there.seq)
        roots, gone = differing_branches(mine, there, here)
        if not self._source.abilities.branches or len(roots) > MAX_BRANCHES:
            return await self._fetch_tree(category, unclear)
        return await self._fetch_branches(category, roots, gone | unknown)

    async def _fetch_branches(self, category: int, roots: Sequence[int], suspects: Set[int]) -> _Fetched:
        """Some branches, and each of *suspects* that is in none of them: it may be anywhere, or gone."""
        snapshot = await self._source.tree(category, branches=roots)
        if snapshot is None:
            return await self._fetch_tree(category, set())
        await self._within.write(lambda unit: self._save(unit, category, snapshot.answer.values()))
        nodes = await self._source.chains(category, suspects - snapshot.answer.keys(), snapshot.answer)
        return _Fetched(category, snapshot.answer.keys(), nodes, snapshot.journal_seq or 0)

    async def _fetch_tree(self, category: int, unclear: set[Key], *, resync: bool = False) -> _Fetched:
        """The tree, and each value that the replica holds (or that is unclear, or pinned to) beyond it."""
        snapshot = await self._source.tree(category)
        held = await self._within.read(lambda unit: self._held_values(unit, category, resync=resync))
        held |= {value for of, value in unclear if of == category}
        if snapshot is None:
            return _Fetched(category, frozenset(), dict.fromkeys(held))
        tree = snapshot.answer
        await self._within.write(lambda unit: self._save(unit, category, tree.values()))
        nodes = await self._source.chains(category, held - tree.keys(), tree)
        return _Fetched(category, tree.keys(), nodes, snapshot.journal_seq or 0)

    def _take_over(
        self,
        unit: Unit,
        fetched: Sequence[_Fetched],
        *,
        categories: Snapshot[tuple[Category, ...]] | None = None,
        versions: Mapping[int, str] | None = None,
        later: Set[Key] = frozenset(),
        resync: bool = False,
    ) -> None:
        """Make the replica what was fetched. categories: all there are. versions: of what all of them are now."""
        held = unit.versions() if versions else {}
        for one in fetched:
            self._save(unit, one.category, [node.to_document() for node in one.nodes.values() if node is not None])
            unit.remove_values(one.category, [value for value, node in one.nodes.items() if node is None])
        if resync or self._by_states:
            settled = [one.settled(frozenset(value for of, value in later if of == one.category)) for one in fetched]
            self._mover.settle(unit, [moves for moves in settled if moves])
        if categories is not None:
            for category in categories.answer:
                unit.save_category(category)
            # Without the category, what it went with could not be made up for if its entries were dropped unread.
            if resync or self._by_states or unit.cursors().get(WHOLE_TENANT, 0) >= (categories.journal_seq or 0):
                for gone in (unit.category_ids() | unit.versions().keys()) - set(self._ids(categories.answer)):
                    unit.remove_category(gone)
        unit.save_versions({each: name for each, name in (versions or {}).items() if held.get(each) == self._mark})

    def _save(self, unit: Unit, category: int, values: Iterable[Document]) -> None:
        """Save states that were fetched: which version the tree is then, is not known until all of it is compared."""
        unit.save_values(category, values)
        self._begin(unit, [category])

    def _begin(self, unit: Unit, categories: Iterable[int]) -> None:
        """Put this process' mark in the place of versions: while it stays there, no other process wrote."""
        if self._source.abilities.versions:
            unit.save_versions(dict.fromkeys(categories, self._mark))

    @property
    def _by_states(self) -> bool:
        """Whether a value's own remappedTo moves objects: on a plain ATS, and everywhere in want of a journal."""
        return not self._source.abilities.one_journal

    def _held_values(self, unit: Unit, category: int, *, resync: bool) -> set[int]:
        held = unit.available_ids(category)
        return held | self._mover.pinned_values(unit, category) if resync or self._by_states else held

    def _ids(self, categories: Iterable[Category]) -> list[int]:
        """Of all categories, the org tree's among them."""
        orgs = self._source.abilities.orgs_category
        return [*(category.id for category in categories), *([] if orgs is None else [orgs])]


def _place(unit: Unit) -> _Place:
    return unit.state().epoch, unit.cursors()
