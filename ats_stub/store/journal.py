"""The journal of remaps."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, update

from ats_stub.store import schema
from catrelay.models import JournalEntry

if TYPE_CHECKING:
    from ats_stub.store.counters import Counters

table = schema.journal

UNKNOWN_PARENT = 0
"""Where the values of remaps stood that are older than the migration 0002."""

_FIRST = select(func.min(table.c.seq)).where(table.c.tenant == bindparam("tenant"))


@dataclass(frozen=True)
class Remap:
    """An entry as an undo sees it. parent: where a remap's value stood."""

    entry: JournalEntry
    parent: int | None


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

    def append(self, entry: JournalEntry, *, parent: int | None = None) -> None:
        """Write *entry*, whose seq came from *next_seq*. parent: of a remap, where its value stood."""
        self._connection.execute(
            insert(table),
            {
                "tenant": self._tenant,
                "seq": entry.seq,
                "category": entry.category,
                "value": entry.id,
                "operation": entry.operation,
                "undoes": entry.undoes,
                "parent": parent,
                "at": entry.at,
                "entry": entry.to_json().decode(),
            },
        )

    def set_moved(self, seq: int, moved: int) -> None:
        """Note how many objects an entry moved, once they all have; nothing when it was dropped meanwhile."""
        found = self.find(seq)
        if found is not None:
            entry = found.entry.model_copy(update={"moved": moved})
            self._connection.execute(update(table).where(self._is(seq)).values(entry=entry.to_json().decode()))

    def find(self, seq: int) -> Remap | None:
        """One entry."""
        row = self._connection.execute(select(table.c.entry, table.c.parent).where(self._is(seq))).one_or_none()
        return None if row is None else Remap(JournalEntry.model_validate_json(row.entry), row.parent)

    def undone_by(self, seq: int) -> int | None:
        """The seq of the entry that takes *seq* back."""
        statement = select(table.c.seq).where(table.c.tenant == self._tenant, table.c.undoes == seq)
        return self._connection.scalar(statement)

    def standing_after(self, seq: int, value: int) -> int | None:
        """The newest entry after *seq* that took the value away, by remap or inactivation, and was not taken back."""
        undo = table.alias("undo")
        taken_back = select(undo.c.seq).where(undo.c.tenant == self._tenant, undo.c.undoes == table.c.seq).exists()
        statement = select(func.max(table.c.seq)).where(
            table.c.tenant == self._tenant,
            table.c.value == value,
            table.c.seq > seq,
            table.c.operation.in_(("remap", "inactivate")),
            ~taken_back,
        )
        newest: int | None = self._connection.scalar(statement)
        return newest

    def last_of(self, category: int) -> int:
        """The seq of the category's newest entry, 0 when it has none. Of entries that were dropped each may be its."""
        statement = select(func.max(table.c.seq)).where(table.c.tenant == self._tenant, table.c.category == category)
        return max(self._connection.scalar(statement) or 0, self.first_seq() - 1)

    def first_seq(self) -> int:
        """The oldest that is kept; the next to come when none is."""
        first = self._connection.scalar(_FIRST, {"tenant": self._tenant})
        return self._counters.seq + 1 if first is None else first

    def _is(self, seq: int) -> ColumnElement[bool]:
        return (table.c.tenant == self._tenant) & (table.c.seq == seq)
