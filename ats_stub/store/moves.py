"""Moving links, in pieces that others can write between. The rules are those of ats_stub.domain.moves."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, not_, or_, select, update

from ats_stub.domain.moves import Move, Stretch
from ats_stub.domain.references import KINDS, Kind
from ats_stub.store import schema
from ats_stub.store.pieces import Piece, count_standing
from catrelay.statements import Statement

links = schema.links
pending = schema.pending_moves


@dataclass(frozen=True)
class PieceSizes:
    """At most so many links move in the transaction of the switch; those of so many objects in each that follows."""

    at_once: int = 500
    following: int = 2_000


Counts = Mapping[Kind, int]
"""How many objects of each kind were moved."""

_COUNTED: Mapping[Kind, str] = {"job": "jobs", "user": "users", "candidate": "candidates"}

_PENDING = Statement(
    select(
        pending.c.seq,
        pending.c.category,
        pending.c.source,
        pending.c.target,
        pending.c.before_link,
        pending.c.at,
        pending.c.undoes,
    )
    .where(pending.c.tenant == bindparam("of_tenant"))
    .order_by(pending.c.seq)
)
_COUNT = {
    kind: update(pending)
    .where(pending.c.tenant == bindparam("of_tenant"), pending.c.seq == bindparam("of_seq"))
    .values({column: pending.c[column] + bindparam("moved")})
    for kind, column in _COUNTED.items()
}


@dataclass(frozen=True)
class Place:
    """How far a move has come: it has been made for all objects up to this one, in the order of KINDS, then of ids."""

    kind: Kind
    object: int


class MoveStore:
    """The moves of a tenant whose links have not all followed yet. They are made one after another, by seq."""

    def __init__(self, connection: Connection, tenant: int, sizes: PieceSizes) -> None:
        self._connection = connection
        self._tenant = tenant
        self._sizes = sizes
        self._pending: list[Move] | None = None
        self.has_started = False
        """Whether links were left behind that have to follow."""
        self.followed = 0
        """How many objects *go_on* was about."""

    @property
    def pending(self) -> list[Move]:
        """Ascending by seq."""
        if self._pending is None:
            self._pending = [Move(*row) for row in _PENDING.rows(self._connection, of_tenant=self._tenant)]
        return self._pending

    def start(self, move: Move) -> Counts | None:
        """Make *move*: at once when it is small and need not wait for another; else None, and its links will follow."""
        is_free = not any(_concerns(earlier, move) for earlier in self.pending)
        limit = self._sizes.at_once + 1
        count = count_standing(self._connection, self._tenant, move, limit=limit) if is_free else 0
        if is_free and count < limit:
            counts = {kind: self._make(move, kind, -1, count)[0] for kind in KINDS} if count else {}
            if any(counts.values()):
                self._note_date(move)
            return counts
        self.has_started = True
        self.pending.append(move)
        self._note_date(move)
        self._connection.execute(
            insert(pending).values(
                tenant=self._tenant,
                seq=move.seq,
                category=move.category,
                source=move.source,
                target=move.target,
                before_link=move.before,
                undoes=move.undoes,
                at=move.at,
                jobs=0,
                users=0,
                candidates=0,
            )
        )
        return None

    def go_on(self, move: Move, after: Place, size: int | None = None) -> Place | None:
        """Make the next piece of *move*, the first that is pending. Returns how far it came; None: to its end.

        after: how far this process brought it, so that it does not search there again; anything before is right, too.
        size: how many objects the piece is about, at most.
        """
        size = size or self._sizes.following
        for kind in KINDS[KINDS.index(after.kind) :]:
            objects, last = self._make(move, kind, after.object if kind == after.kind else -1, size)
            if last is not None:
                self.followed += objects
                self._connection.execute(
                    _COUNT[kind], {"of_tenant": self._tenant, "of_seq": move.seq, "moved": objects}
                )
                return Place(kind, last)
        return None

    def finish(self, move: Move) -> Counts:
        """End *move*, whose links have all followed. Returns how many objects it moved."""
        known = (pending.c.tenant == self._tenant) & (pending.c.seq == move.seq)
        row = self._connection.execute(select(pending).where(known)).one()
        self._connection.execute(delete(pending).where(known))
        self.pending.remove(move)
        return {kind: row._mapping[column] for kind, column in _COUNTED.items()}

    def _make(self, move: Move, kind: Kind, after: int, size: int) -> tuple[int, int | None]:
        return Piece(self._tenant, move, kind, after, size).make(self._connection)

    def _note_date(self, move: Move) -> None:
        self._connection.execute(insert(schema.move_dates).values(tenant=self._tenant, seq=move.seq, at=move.at))


def _concerns(pending_move: Move, move: Move) -> bool:
    """Whether links that *move* is about have not come to where it takes them from, or would be taken on by mistake.

    All others go at once: what is pending makes every statement about links longer.
    """
    return pending_move.target == move.source or pending_move.source in (move.source, move.target)


def are_in(stretch: Stretch) -> ColumnElement[bool]:
    """The condition on links that `Stretch.has` states of one link."""
    conditions = [links.c.value == stretch.value]
    if stretch.since:
        conditions.append(links.c.link >= stretch.since)
    if stretch.before is not None:
        conditions.append(links.c.link < stretch.before)
    if stretch.end:
        conditions.append(_ends_with(stretch.end))
    if stretch.other_ends:
        conditions.append(not_(or_(*map(_ends_with, stretch.other_ends))))
    return and_(*conditions)


def _ends_with(end: tuple[int, ...]) -> ColumnElement[bool]:
    return links.c.trail.like("%" + "".join(f",{seq}" for seq in end))


TENANTS_WITH_MOVES = select(pending.c.tenant).distinct()
"""Those with moves whose links have not all followed yet."""
