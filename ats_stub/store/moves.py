"""Moving links, in pieces that others can write between. The rules are those of ats_stub.domain.moves."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    delete,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from ats_stub.domain.moves import Move, Stretch
from ats_stub.domain.references import KINDS, Kind
from ats_stub.store import schema
from catrelay.database import Database

links = schema.links
pending = schema.pending_moves
users = schema.users


@dataclass(frozen=True)
class PieceSizes:
    """How many links move in one transaction: in that of the switch itself, and in each that follows."""

    at_once: int = 500
    following: int = 5_000


Counts = Mapping[Kind, int]
"""How many objects of each kind were moved."""

_COUNTED: Mapping[Kind, str] = {"job": "jobs", "user": "users", "candidate": "candidates"}

# Statements are built once: a large move runs them hundreds of times. By whether the move takes another one back.
_STANDING: Mapping[bool, ColumnElement[bool]] = {
    undoes: and_(
        links.c.tenant == bindparam("of_tenant"),
        links.c.value == bindparam("source"),
        links.c.link < bindparam("before"),
        *([links.c.trail.like(bindparam("trail_end"))] if undoes else []),
    )
    for undoes in (False, True)
}


def _few(undoes: bool) -> Select[int]:
    """How many links wait, if they are few."""
    found = select(links.c.link).where(_STANDING[undoes]).limit(bindparam("count")).subquery()
    return select(func.count()).select_from(found)


def _waiting(undoes: bool) -> ColumnElement[bool]:
    return and_(_STANDING[undoes], links.c.kind == bindparam("of_kind"), links.c.object > bindparam("after"))


def _next(undoes: bool) -> Select[int, int | None]:
    """How many objects the next piece is about, and the last of them."""
    piece = select(links.c.object).where(_waiting(undoes)).order_by(links.c.object).limit(bindparam("count")).subquery()
    return select(func.count(piece.c.object.distinct()), func.max(piece.c.object))


def _follow(undoes: bool) -> Update:
    # Text(): or a bind parameter next to || would be of no type on PostgreSQL.
    trail = (
        func.substr(links.c.trail, 1, func.length(links.c.trail) - bindparam("step_back", type_=Integer))
        if undoes
        else links.c.trail.concat(bindparam("step", type_=Text))
    )
    return (
        update(links)
        .where(_waiting(undoes), links.c.object <= bindparam("last"))
        .values(value=bindparam("value"), trail=trail, moved_by=bindparam("moved_by"))
    )


_FEW = {undoes: _few(undoes) for undoes in (False, True)}
_NEXT = {undoes: _next(undoes) for undoes in (False, True)}
_FOLLOW = {undoes: _follow(undoes) for undoes in (False, True)}


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

    @property
    def pending(self) -> list[Move]:
        """Ascending by seq."""
        if self._pending is None:
            statement = select(pending).where(pending.c.tenant == self._tenant).order_by(pending.c.seq)
            self._pending = [
                Move(row.seq, row.category, row.source, row.target, row.before_link, row.at, row.undoes)
                for row in self._connection.execute(statement)
            ]
        return self._pending

    def start(self, move: Move) -> Counts | None:
        """Make *move*: at once when it is small and need not wait for another; else None, and its links will follow."""
        is_free = not any(_concerns(earlier, move) for earlier in self.pending)
        few = self._of(move) | {"count": self._sizes.at_once + 1}
        count = self._connection.scalar(_FEW[move.undoes is not None], few) or 0 if is_free else 0
        if is_free and count <= self._sizes.at_once:
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

    def go_on(self, move: Move, after: Place) -> Place | None:
        """Make the next piece of *move*, the first that is pending. Returns how far it came; None: to its end.

        after: how far this process brought it, so that it does not search there again; anything before is right, too.
        """
        for kind in KINDS[KINDS.index(after.kind) :]:
            objects, last = self._make(move, kind, after.object if kind == after.kind else -1, self._sizes.following)
            if last is not None:
                self._count(move, kind, objects)
                return Place(kind, last)
        return None

    def finish(self, move: Move) -> Counts:
        """End *move*, whose links have all followed. Returns how many objects it moved."""
        known = (pending.c.tenant == self._tenant) & (pending.c.seq == move.seq)
        row = self._connection.execute(select(pending).where(known)).one()
        self._connection.execute(delete(pending).where(known))
        self.pending.remove(move)
        return {kind: row._mapping[column] for kind, column in _COUNTED.items()}

    def _make(self, move: Move, kind: Kind, after: int, limit: int) -> tuple[int, int | None]:
        """Move the next links of *kind*. Returns how many objects had one, and the last of them, if there was any."""
        of_piece = self._of(move) | {"of_kind": kind, "after": after}
        undoes = move.undoes is not None
        objects, last = self._connection.execute(_NEXT[undoes], of_piece | {"count": limit}).one()
        if last is not None:
            trail = {"step_back": len(f",{move.undoes}")} if undoes else {"step": f",{move.seq}"}
            place = {"last": last, "value": move.target, "moved_by": move.seq}
            self._connection.execute(_FOLLOW[undoes], of_piece | place | trail)
            if kind == "user":
                self._touch_users(move, after, last)
        return objects, last

    def _touch_users(self, move: Move, after: int, last: int) -> None:
        """Store the date with the users that moved, as lists are ordered by it; elsewhere it is read from the links."""
        moved = select(links.c.object).where(
            links.c.tenant == self._tenant,
            links.c.kind == "user",
            links.c.object > after,
            links.c.object <= last,
            links.c.moved_by == move.seq,
        )
        self._connection.execute(
            update(users)
            .where(
                users.c.tenant == self._tenant,
                users.c.id > after,
                users.c.id <= last,
                users.c.id.in_(moved),
                users.c.date_last_updated < move.at,
            )
            .values(date_last_updated=move.at)
        )

    def _of(self, move: Move) -> dict[str, object]:
        given: dict[str, object] = {"of_tenant": self._tenant, "source": move.source, "before": move.before}
        return given if move.undoes is None else given | {"trail_end": f"%,{move.undoes}"}

    def _count(self, move: Move, kind: Kind, objects: int) -> None:
        column = pending.c[_COUNTED[kind]]
        known = (pending.c.tenant == self._tenant) & (pending.c.seq == move.seq)
        self._connection.execute(update(pending).where(known).values({column: column + objects}))

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


def tenants_with_moves(database: Database) -> list[int]:
    """Tenants with moves whose links have not all followed yet."""
    with database.read() as connection:
        return list(connection.scalars(select(pending.c.tenant).distinct()))
