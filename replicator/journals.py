"""Reading the journal on: objects follow, and values that are gone are retired. Source: docs/contract/."""

from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from replicator.domain.trees import by_category, retired, still_unclear
from replicator.moving import Mover, Reading
from replicator.source import HistoryLost, Source, is_last
from replicator.threads import Transactions
from replicator.unit import Unit

MAX_UNSEEN_FETCHED = 100
"""Values that came and went unseen: above so many of a category, nobody asks what they were called."""

MAX_READ_AT_ONCE = 100
"""Entries of a page above which they are folded where that holds nobody up."""

MAX_FOLDED = 100_000
"""Entries that are folded into one mapping, and carried out in one transaction."""

Key = tuple[int, int]


@dataclass(frozen=True)
class _Backlog:
    """Entries of a journal after a cursor, without a gap.

    last: the newest seq of them. head, first: the newest and the oldest that the journal has, where it says so.
    is_all: up to the journal's end.
    """

    journal: int
    after: int
    last: int
    head: int | None
    first: int | None
    reading: Reading
    is_all: bool


class Journals:
    """The journals of the ATS, as far as they are applied here."""

    def __init__(self, source: Source, transactions: Transactions, mover: Mover) -> None:
        self._source = source
        self._within = transactions
        self._mover = mover
        self._first_seq = 1

    async def read_on(self) -> set[Key]:
        """Apply all from their cursors to their ends. Returns the (category, value) whose state they leave unclear.

        Raises HistoryLost or JournalCompacted.
        """
        unclear: set[Key] = set()
        one_journal = self._source.abilities.one_journal
        for journal in self._source.journals(() if one_journal else await self._within.read(Unit.category_ids)):
            is_all = False
            while not is_all:
                backlog = await self._backlog(journal)
                if backlog.last != backlog.after:
                    unclear |= await self._within.write(partial(self._apply, backlog=backlog))
                is_all = backlog.is_all
            await self._forget_receipts_before(backlog.first)
        return unclear

    async def _forget_receipts_before(self, first: int | None) -> None:
        """first: the oldest entry that the journal had when its end was read. What undid older ones is read by then."""
        if first is not None and first > self._first_seq:
            await self._within.write(lambda unit: unit.forget_receipts_before(first))
            self._first_seq = first

    async def _backlog(self, journal: int) -> _Backlog:
        """What is to be applied next."""
        state, cursors = await self._within.read(lambda unit: (unit.state(), unit.cursors()))
        cursor = last = cursors.get(journal, 0)
        reading = self._mover.reading()
        count = 0
        async with aclosing(self._source.pages(journal, after=cursor)) as pages:
            async for page in pages:
                if page.epoch != state.epoch and page.epoch is not None:
                    raise HistoryLost(f"the ATS has another history: {page.epoch}, not {state.epoch}")
                if page.last_seq is not None and page.last_seq < cursor:
                    raise HistoryLost(f"the journal ends at {page.last_seq}, before the cursor {cursor}")
                if page.results:
                    if len(page.results) > MAX_READ_AT_ONCE:
                        await self._within.in_thread(partial(reading.read, page.results))
                    else:
                        reading.read(page.results)
                    last = page.results[-1].seq
                    count += len(page.results)
                is_all = is_last(page)
                if count >= MAX_FOLDED:
                    break
        if last == cursor and page.last_seq is not None and page.last_seq != state.head:
            await self._within.write(lambda unit: unit.note_head(page.last_seq))
        return _Backlog(journal, cursor, last, page.last_seq, page.first_seq, reading, is_all)

    def _apply(self, unit: Unit, backlog: _Backlog) -> set[Key]:
        """Cursor, receipts, objects and replica: all of it or nothing."""
        if unit.cursors().get(backlog.journal, 0) != backlog.after:
            return set()  # another process with this database was faster
        self._mover.follow(unit, backlog.reading)
        unclear: set[Key] = set()
        for category, entries in by_category(backlog.reading.last).items():
            known = unit.known_ids(category, entries)
            unit.retire_values(category, retired(entries, known))
            unclear |= {(category, value) for value in still_unclear(entries, known, limit=MAX_UNSEEN_FETCHED)}
        unit.set_cursor(backlog.journal, backlog.last)
        if backlog.head is not None:
            unit.note_head(backlog.head)
        return unclear
