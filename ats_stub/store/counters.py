"""A tenant's numbers, and what the writes of one transaction count up."""

from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, bindparam, insert, select, update

from ats_stub.store import schema
from ats_stub.store.changes import ChangeLog
from ats_stub.store.gathered import Gathered
from catrelay.models import Category
from catrelay.problems import Forbidden
from catrelay.statements import Statement

table = schema.counters


@dataclass
class Counters:
    """A tenant's numbers.

    next_id, next_link: the next to give. seq: the journal's last. position: the change log's last.
    """

    next_id: int
    next_link: int
    seq: int
    position: int
    epoch: str
    orgs_category: int


_COUNTERS = select(
    table.c.next_id,
    table.c.next_link,
    table.c.seq,
    table.c.position,
    table.c.epoch,
    table.c.orgs_category,
).where(table.c.tenant == bindparam("tenant"))
_READ, _LOCKED = Statement(_COUNTERS), Statement(_COUNTERS.with_for_update())
_COUNT = Statement(
    update(table)
    .where(table.c.tenant == bindparam("of"))
    .values({name: bindparam(name) for name in ("next_id", "next_link", "seq", "position")})
)
_LOG = Statement(insert(schema.changes))
_SET_VERSION = Statement(
    update(schema.categories)
    .where(schema.categories.c.tenant == bindparam("of"), schema.categories.c.id == bindparam("changed"))
    .values(version=bindparam("version"))
)


def read_counters(connection: Connection, tenant: int, *, lock: bool = False) -> Counters:
    """The tenant's numbers. lock: keeps all others from writing to it. Raises Forbidden when it was removed."""
    row = (_LOCKED if lock else _READ).row(connection, tenant=tenant)
    if row is None:
        raise Forbidden("The tenant of this token is no longer there")
    return Counters(*row)


@dataclass
class Tally:
    """What the writes to a tenant that share a transaction have counted so far, written once, before the commit.

    counters: as they are after the last of these writes. Each works on a copy, and what fails is never added.
    categories: known to these writes. values: what they gathered.
    """

    tenant: int
    counters: Counters
    categories: dict[int, Category] = field(default_factory=dict)
    values: Gathered = field(default_factory=Gathered)
    _changes: list[dict[str, object]] = field(default_factory=list)
    _versions: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, tenant: int) -> "Tally":
        """Of a tenant that nobody else writes to before the commit."""
        return cls(tenant, read_counters(connection, tenant, lock=True))

    def add(self, counters: Counters, changes: ChangeLog, values: Gathered) -> None:
        """Add a write that succeeded. A category's version is the position of its last change."""
        self.values.add(values)
        rows = changes.rows(after=counters.position)
        self.counters = replace(counters, position=counters.position + len(rows))
        self._changes += rows
        self._versions |= dict.fromkeys(changes.categories, self.counters.position)

    def settle(self, connection: Connection) -> None:
        """Write the values."""
        self.values.write(connection)

    def pay(self, connection: Connection) -> None:
        """Write the values, the change log rows, the categories' versions and the counters."""
        self.settle(connection)
        _LOG.run(connection, *self._changes)
        _SET_VERSION.run(
            connection,
            *({"of": self.tenant, "changed": each, "version": to} for each, to in sorted(self._versions.items())),
        )
        counters = self.counters
        _COUNT.run(
            connection,
            {
                "of": self.tenant,
                "next_id": counters.next_id,
                "next_link": counters.next_link,
                "seq": counters.seq,
                "position": counters.position,
            },
        )
