"""Values that are written later than they are decided on: together with those of others, if nobody asks before."""

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection

from ats_stub.domain.values import Value
from catrelay.statements import Statement

Row = tuple[Statement, dict[str, object]]


@dataclass
class Gathered:
    """by_id, by_external_id: values as they are now, written or not; None: there is none. rows: not written yet.

    by_external_id has the category in its key, too.
    """

    by_id: MutableMapping[int, Value | None] = field(default_factory=dict)
    by_external_id: MutableMapping[tuple[int, str], Value | None] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    _has_forgotten: bool = False

    def child(self) -> "Gathered":
        """What a part gathers that may yet fail: it sees what was gathered here, and adds to its own."""
        return Gathered(ChainMap({}, self.by_id), ChainMap({}, self.by_external_id))

    def add(self, child: "Gathered") -> None:
        """Take over what a part gathered, now that it succeeded."""
        if child._has_forgotten:
            self.forget()
        for mine, its in ((self.by_id, child.by_id), (self.by_external_id, child.by_external_id)):
            assert isinstance(its, ChainMap)
            mine.update(its.maps[0])
        self.rows += child.rows

    def note(self, value: Value) -> None:
        """Know *value*."""
        self.by_id[value.id] = value
        if value.external_id is not None:
            self.by_external_id[value.category, value.external_id] = value

    def forget(self) -> None:
        """Know no value any more; what is not written stays to be written."""
        self.by_id, self.by_external_id = ChainMap({}), ChainMap({})
        self._has_forgotten = True

    def write(self, connection: Connection) -> None:
        """Write the rows, in their order."""
        for statement, rows in groupby(self.rows, key=itemgetter(0)):
            statement.run(connection, *(row for _, row in rows))
        self.rows.clear()
