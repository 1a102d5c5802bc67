"""Moving links, in pieces that others can write between. The rules are those of ats_stub.domain.moves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, not_, or_, select, update

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
    following: int = 4_000


Counts = Mapping[Kind, int]
"""How many objects of each kind were moved."""

_COUNTED: Mapping[Kind, str] = {"job": "jobs", "user": "users", "candidate": "candidates"}


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
        """Make *move*: at once when it is a small one and no other is pending; else None, and its links will follow."""
        few = select(links.c.link).where(*self._at_source(move)).limit(self._sizes.at_once + 1).subquery()
        count = 0 if self.pending else self._connection.scalar(select(func.count()).select_from(few)) or 0
        if not self.pending and count <= self._sizes.at_once:
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
        waiting = and_(*self._at_source(move), links.c.kind == kind, links.c.object > after)
        piece = select(links.c.object).where(waiting).order_by(links.c.object).limit(limit).subquery()
        objects, last = self._connection.execute(
            select(func.count(piece.c.object.distinct()), func.max(piece.c.object))
        ).one()
        if last is not None:
            trail = links.c.trail + f",{move.seq}"
            if move.undoes is not None:
                trail = func.substr(links.c.trail, 1, func.length(links.c.trail) - len(f",{move.undoes}"))
            self._connection.execute(
                update(links)
                .where(waiting, links.c.object <= last)
                .values(value=move.target, trail=trail, moved_by=move.seq)
            )
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

    def _at_source(self, move: Move) -> Iterator[ColumnElement[bool]]:
        yield links.c.tenant == self._tenant
        yield links.c.value == move.source
        yield links.c.link < move.before
        if move.undoes is not None:
            yield links.c.trail.like(f"%,{move.undoes}")

    def _count(self, move: Move, kind: Kind, objects: int) -> None:
        column = pending.c[_COUNTED[kind]]
        known = (pending.c.tenant == self._tenant) & (pending.c.seq == move.seq)
        self._connection.execute(update(pending).where(known).values({column: column + objects}))

    def _note_date(self, move: Move) -> None:
        self._connection.execute(insert(schema.move_dates).values(tenant=self._tenant, seq=move.seq, at=move.at))


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
