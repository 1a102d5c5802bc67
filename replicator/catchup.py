"""Bringing replica and objects up to date, however pings came. Source: docs/contract/, "Replicator".

Each round reads the journal from the cursor to its end, then fetches present states. A state is never older than the
journal read before it, and what is newer about it the next round's journal explains: so every order of pings, and none
at all, comes to the same end.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog
from starlette.concurrency import run_in_threadpool

from catrelay.digest import digest
from catrelay.models import Category, CategoryValue, JournalEntry, JournalPage
from catrelay.problems import JournalCompacted
from replicator.bindings import Binding, TableBinding
from replicator.domain.transfers import Transfer, settlement, transfers
from replicator.domain.trees import changes
from replicator.source import HistoryLost, Source
from replicator.store import WHOLE_TENANT, ReplicaStore, Unit

MAX_SINGLE_FETCHES = 100
"""Above so many pinged values of one category, its tree is fetched instead."""

MAX_ROUNDS = 3
"""Rounds of journal and trees until both show the same; of a journal that grows faster, the rest comes next time."""

Result = TypeVar("Result")
Key = tuple[int, int]
log = structlog.get_logger()


@dataclass(frozen=True)
class _Fetched:
    """What was fetched of a category. nodes: values that no tree tells of; None: there is no such value."""

    category: int
    tree: Mapping[int, CategoryValue]
    nodes: Mapping[int, CategoryValue | None]
    journal_seq: int = 0

    def settled(self, later: frozenset[int] = frozenset()) -> Transfer:
        return settlement(self.category, self.nodes, available=frozenset(self.tree), nodes=self.nodes, later=later)


class CatchUp:
    """What a replicator does, one thing at a time: its caller sees to that.

    before_resync: waits a little, so that the many replicas of an ATS that lost its history do not ask all at once.
    """

    def __init__(
        self,
        source: Source,
        store: ReplicaStore,
        bindings: Sequence[Binding],
        *,
        now: Callable[[], datetime],
        before_resync: Callable[[], Awaitable[None]],
    ) -> None:
        self._source = source
        self._store = store
        self._bindings = bindings
        self._now = now
        self._before_resync = before_resync

    async def everything(self) -> None:
        """The journal after the cursor, then the present trees. The first time: everything there is."""
        await self._catch_up(self._read_on_and_refresh)

    async def pinged(self, values: Iterable[Key], categories: Iterable[int]) -> None:
        """The journal after the cursor, then the present state of what pings named."""

        async def answer() -> None:
            await self._fetch({*values, *await self._read_journals()}, set(categories))

        await self._catch_up(answer)

    async def _catch_up(self, how: Callable[[], Awaitable[None]]) -> None:
        if not self._source.is_described:
            await self._source.describe()
        try:
            if await self._read(self._is_installed):
                await how()
            else:
                await self._resynchronise()
        except (HistoryLost, JournalCompacted) as lost:
            log.info("the journal cannot be read on, resynchronising", reason=str(lost))
            await self._before_resync()
            await self._resynchronise()
        await self._write(lambda unit: unit.note_catch_up(self._now()))

    def _is_installed(self, unit: Unit) -> bool:
        has_one_cursor = WHOLE_TENANT in unit.cursors()
        return unit.state().last_catch_up is not None and has_one_cursor == self._source.abilities.one_journal

    # The journal

    async def _read_journals(self) -> set[Key]:
        """Apply all journals from their cursors to their ends. Returns the values whose state they leave unclear."""
        unclear: set[Key] = set()
        for journal in self._source.journals(await self._read(self._held_categories)):
            while (page := await self._next_page(journal)) is not None:
                unclear |= await self._write(partial(self._apply_page, journal=journal, read=page))
        return unclear

    async def _next_page(self, journal: int) -> tuple[int, JournalPage] | None:
        """The page after the cursor, and that cursor; None at the end."""
        state, cursors = await self._read(lambda unit: (unit.state(), unit.cursors()))
        cursor = cursors.get(journal, 0)
        page = await self._source.page(journal, after=cursor)
        if page.epoch != state.epoch and page.epoch is not None:
            raise HistoryLost(f"the ATS has another history: {page.epoch}, not {state.epoch}")
        if page.last_seq is not None and page.last_seq < cursor:
            raise HistoryLost(f"the journal ends at {page.last_seq}, before the cursor {cursor}")
        if page.last_seq is not None and page.last_seq != state.head:
            await self._write(lambda unit: unit.note_head(page.last_seq))
        return (cursor, page) if page.results else None

    def _apply_page(self, unit: Unit, journal: int, read: tuple[int, JournalPage]) -> set[Key]:
        """Cursor, receipts, objects and replica: all of the page or nothing of it."""
        cursor, page = read
        if unit.cursors().get(journal, 0) != cursor:
            return set()  # another process with this database was faster
        self._move(unit, page.results, ())
        found = changes(page.results, _known(unit, page.results))
        for category, value in found.values:
            unit.save_values(category, [value])
        unit.set_cursor(journal, page.results[-1].seq)
        return set(found.unclear)

    def _move(self, unit: Unit, entries: Sequence[JournalEntry], settled: Sequence[Transfer]) -> None:
        """Let the app's objects follow. settled: instead of entries, or with none."""
        moved = 0
        for binding in self._bindings:
            if not isinstance(binding, TableBinding):
                moved += binding(unit.db, entries, settled)
                continue
            keep = binding.on_inactivation == "keep"
            followed = [*transfers(entries, binding.on_inactivation), *(t.keeping() if keep else t for t in settled)]
            moved += sum(unit.transfer(binding, moves) for moves in followed if binding.covers(moves.category))
        if moved:
            unit.note_moved(moved)

    # Present states

    async def _read_on_and_refresh(self) -> None:
        for _ in range(MAX_ROUNDS):
            unclear = await self._read_journals()
            if not await self._refresh(unclear):
                return

    async def _refresh(self, unclear: set[Key]) -> bool:
        """Take over the present trees. Returns whether they show what the journal says after the cursor."""
        categories = (await self._source.categories()).answer
        held = await self._read(self._held_categories)
        everywhere = sorted({*self._ids(categories), *held})
        fetched = [await self._fetch_unless_same(category, unclear) for category in everywhere]
        await self._write(lambda unit: self._take_over(unit, fetched, categories=categories))
        cursor = (await self._read(lambda unit: unit.cursors())).get(WHOLE_TENANT)
        return cursor is not None and any(one.journal_seq > cursor for one in fetched)

    async def _resynchronise(self) -> None:
        """Everything anew: the journal's head, then trees and, for what the app holds beyond them, each value."""
        categories = (await self._source.categories()).answer
        journals = self._source.journals(self._ids(categories))
        heads = {journal: await self._source.head(journal) for journal in journals}
        held = await self._read(self._held_categories)
        everywhere = sorted({*self._ids(categories), *held})
        fetched = [await self._fetch_tree(category, set(), resync=True) for category in everywhere]
        cursors = {journal: head.last_seq or 0 for journal, head in heads.items()}
        # What is in the journal by now but after the head is left to the journal: it leaves receipts.
        later = [entry for journal in journals for entry in await self._source.entries(journal, after=cursors[journal])]
        await self._write(lambda unit: self._install(unit, categories, fetched, later, heads))
        await self._fetch(await self._read_journals(), set())

    def _install(
        self,
        unit: Unit,
        categories: Sequence[Category],
        fetched: Sequence[_Fetched],
        later: Sequence[JournalEntry],
        heads: Mapping[int, JournalPage],
    ) -> None:
        epoch = next((page.epoch for page in heads.values()), None)
        earlier = unit.state().epoch
        if epoch != earlier:
            unit.forget_receipts()
        if earlier is not None and epoch != earlier:
            # In another history the same number may be another app's subscription.
            unit.remember_subscription(None)
        self._take_over(unit, fetched, categories=categories, later={(e.category, e.id) for e in later}, resync=True)
        unit.replace_cursors({journal: page.last_seq or 0 for journal, page in heads.items()})
        unit.note_history(epoch, self._source.abilities.orgs_category)
        unit.note_head(max((page.last_seq or 0 for page in heads.values()), default=0))
        unit.note_catch_up(self._now())

    async def _fetch(self, values: set[Key], pinged_categories: set[int]) -> None:
        """Take over the present state of some values, and of categories that are new or changed."""
        held = await self._read(self._held_categories)
        new: set[int] = set()
        if pinged_categories or {category for category, _ in values} - held:
            categories = (await self._source.categories()).answer
            new = set(self._ids(categories)) - held
            fetched = [await self._fetch_tree(category, set()) for category in sorted(new)]
            await self._write(lambda unit: self._take_over(unit, fetched, categories=categories))
        for category in sorted(held - new):
            ids = {value for of, value in values if of == category}
            if ids:
                one = await self._fetch_values(category, ids)
                await self._write(partial(self._take_over, fetched=[one]))

    async def _fetch_values(self, category: int, ids: set[int]) -> _Fetched:
        if len(ids) > MAX_SINGLE_FETCHES:
            return await self._fetch_tree(category, {(category, value) for value in ids})
        return _Fetched(category, {}, await self._source.chains(category, ids, {}))

    async def _fetch_unless_same(self, category: int, unclear: set[Key]) -> _Fetched:
        """The tree; where its digest is the replica's own, only the values that are unclear and not in it."""
        there = await self._source.digest(category)
        if there is not None:
            here = await self._read(lambda unit: unit.documents(category))
            if digest(here.values(), seq=there.seq) == there:
                unknown = {value for of, value in unclear if of == category} - here.keys()
                return _Fetched(category, {}, await self._source.chains(category, unknown, here), there.seq)
        return await self._fetch_tree(category, unclear)

    async def _fetch_tree(self, category: int, unclear: set[Key], *, resync: bool = False) -> _Fetched:
        """The tree, and each value that the replica holds (or that is unclear, or pinned to) beyond it."""
        snapshot = await self._source.tree(category)
        held = await self._read(lambda unit: self._held_values(unit, category, resync=resync))
        held |= {value for of, value in unclear if of == category}
        if snapshot is None:
            return _Fetched(category, {}, dict.fromkeys(held))
        tree = snapshot.answer
        return _Fetched(
            category, tree, await self._source.chains(category, held - tree.keys(), tree), snapshot.journal_seq or 0
        )

    def _take_over(
        self,
        unit: Unit,
        fetched: Sequence[_Fetched],
        *,
        categories: Sequence[Category] | None = None,
        later: Set[Key] = frozenset(),
        resync: bool = False,
    ) -> None:
        """Make the replica what was fetched. categories: all there are."""
        for one in fetched:
            unit.save_values(one.category, one.tree.values())
            unit.save_values(one.category, [node for node in one.nodes.values() if node is not None])
            unit.remove_values(one.category, [value for value, node in one.nodes.items() if node is None])
        if resync or self._by_states:
            settled = [one.settled(frozenset(value for of, value in later if of == one.category)) for one in fetched]
            if any(settled):
                self._move(unit, (), [moves for moves in settled if moves])
        for category in categories or ():
            unit.save_category(category)
        if categories is not None:
            for category_id in {category.id for category in unit.categories()} - {each.id for each in categories}:
                unit.remove_category(category_id)

    @property
    def _by_states(self) -> bool:
        """Whether a value's own remappedTo moves objects: on a plain ATS, and everywhere in want of a journal."""
        return not self._source.abilities.one_journal

    def _held_values(self, unit: Unit, category: int, *, resync: bool) -> set[int]:
        held = unit.available_ids(category)
        if resync or self._by_states:
            for binding in self._bindings:
                if isinstance(binding, TableBinding) and binding.covers(category):
                    held |= unit.pinned_values(binding, category)
        return held

    def _held_categories(self, unit: Unit) -> set[int]:
        return set(self._ids(unit.categories()))

    def _ids(self, categories: Iterable[Category]) -> list[int]:
        """Of all categories, the org tree's among them."""
        orgs = self._source.abilities.orgs_category
        return [*(category.id for category in categories), *([] if orgs is None else [orgs])]

    async def _read(self, question: Callable[[Unit], Result]) -> Result:
        def ask() -> Result:
            with self._store.read() as unit:
                return question(unit)

        return await run_in_threadpool(ask)

    async def _write(self, change: Callable[[Unit], Result]) -> Result:
        def carry_out() -> Result:
            with self._store.write() as unit:
                return change(unit)

        return await run_in_threadpool(carry_out)


def _known(unit: Unit, entries: Iterable[JournalEntry]) -> dict[Key, CategoryValue]:
    found = {(entry.category, entry.id): unit.value(entry.category, entry.id) for entry in entries}
    return {key: value for key, value in found.items() if value is not None}
