"""The journal of remaps."""

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Row, func, insert, select

from ats_stub.store import schema
from catrelay.models import JournalEntry, JournalPage
from catrelay.problems import JournalCompacted

if TYPE_CHECKING:
    from ats_stub.store.unit import Counters

table = schema.journal


class JournalStore:
    """A tenant's entries. A reader sees them without gaps: their numbers come from the locked counters."""

    def __init__(self, connection: Connection, tenant: int, counters: "Counters") -> None:
        self._connection = connection
        self._tenant = tenant
        self._counters = counters

    def next_seq(self) -> int:
        """Take the next number. The caller appends an entry with it in the same transaction."""
        self._counters.seq += 1
        return self._counters.seq

    def append(self, entry: JournalEntry) -> None:
        """Write *entry*, whose seq came from *next_seq*."""
        self._connection.execute(
            insert(table).values(
                tenant=self._tenant,
                seq=entry.seq,
                category=entry.category,
                value=entry.id,
                operation=entry.operation,
                remapped_to=entry.remapped_to,
                moved=entry.moved,
                undoes=entry.undoes,
                at=entry.at,
                app=entry.by,
            )
        )

    def after(self, seq: int, *, limit: int, category: int | None = None) -> JournalPage:
        """The page of entries above *seq*, of one category or of all.

        Raises JournalCompacted when entries above *seq* are no longer there.
        """
        first = self._first_seq()
        if seq + 1 < first:
            raise JournalCompacted(f"The journal starts at {first}; read the trees instead", firstSeq=first)
        statement = select(table).where(table.c.tenant == self._tenant, table.c.seq > seq)
        if category is not None:
            statement = statement.where(table.c.category == category)
        rows = self._connection.execute(statement.order_by(table.c.seq).limit(limit))
        return JournalPage(
            results=tuple(_entry(row) for row in rows),
            last_seq=self._counters.seq,
            first_seq=first,
            epoch=self._counters.epoch,
        )

    def last_of(self, category: int) -> int:
        """The seq of the category's newest entry, 0 when it has none."""
        statement = select(func.max(table.c.seq)).where(table.c.tenant == self._tenant, table.c.category == category)
        return self._connection.scalar(statement) or 0

    def _first_seq(self) -> int:
        first = self._connection.scalar(select(func.min(table.c.seq)).where(table.c.tenant == self._tenant))
        return self._counters.seq + 1 if first is None else first


def _entry(row: Row[tuple[object, ...]]) -> JournalEntry:
    return JournalEntry(
        seq=row.seq,
        category=row.category,
        id=row.value,
        operation=row.operation,
        remapped_to=row.remapped_to,
        moved=row.moved,
        undoes=row.undoes,
        at=row.at,
        by=row.app,
    )
