"""One piece of a move: the links of some objects go on to where the move brings them."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Integer, Select, Text, Update, and_, bindparam, func, select, update

from ats_stub.domain.moves import Move
from ats_stub.domain.references import Kind
from ats_stub.store import schema

links = schema.links
users = schema.users

MAX_LINKS_READ = 4
"""Per object of a piece, of those between its first object and its last, where reading all costs less than looking up
those that move."""

# Statements are built once: a large move runs them hundreds of times. By whether the move takes another one back.
_UNDOES = (False, True)
_TENANT = links.c.tenant == bindparam("of_tenant")
_AFTER = and_(_TENANT, links.c.kind == bindparam("of_kind"), links.c.object > bindparam("after"))
_BETWEEN = and_(_AFTER, links.c.object <= bindparam("last"))


def _standing(undoes: bool, value: ColumnElement[int] = links.c.value) -> ColumnElement[bool]:
    """Which links are where the move takes them from."""
    own = [links.c.trail.like(bindparam("trail_end"))] if undoes else []
    return and_(_TENANT, value == bindparam("source"), links.c.link < bindparam("before"), *own)


def _few(undoes: bool) -> Select[int]:
    found = select(links.c.link).where(_standing(undoes)).limit(bindparam("count")).subquery()
    return select(func.count()).select_from(found)


def _next(undoes: bool) -> Select[int, int | None]:
    waiting = select(links.c.object).distinct().where(_standing(undoes), _AFTER)
    found = waiting.order_by(links.c.object).limit(bindparam("count")).subquery()
    return select(func.count(), func.max(found.c.object)).select_from(found)


def _follow(undoes: bool, value: ColumnElement[int]) -> Update:
    # Text(): or a bind parameter next to || would be of no type on PostgreSQL.
    trail = (
        func.substr(links.c.trail, 1, func.length(links.c.trail) - bindparam("step_back", type_=Integer))
        if undoes
        else links.c.trail.concat(bindparam("step", type_=Text))
    )
    return (
        update(links)
        .where(_standing(undoes, value), _BETWEEN)
        .values(value=bindparam("target"), trail=trail, moved_by=bindparam("moved_by"))
    )


_FEW = {undoes: _few(undoes) for undoes in _UNDOES}
_NEXT = {undoes: _next(undoes) for undoes in _UNDOES}
_LINKS_BETWEEN = select(func.count()).select_from(
    select(links.c.link).where(_BETWEEN).limit(bindparam("count")).subquery()
)
_FOLLOW_LOOKED_UP = {undoes: _follow(undoes, links.c.value) for undoes in _UNDOES}
_FOLLOW_AMONG_ALL = {undoes: _follow(undoes, links.c.value + 0) for undoes in _UNDOES}  # no index has such a sum


def count_standing(connection: Connection, tenant: int, move: Move, *, limit: int) -> int:
    """How many links *move* is about, if they are fewer than *limit*."""
    return connection.scalar(_FEW[move.undoes is not None], _of(tenant, move) | {"count": limit}) or 0


@dataclass(frozen=True)
class Piece:
    """Of *move*: the objects of *kind* that come next after the one with the id *after*, so many as *size* at most."""

    tenant: int
    move: Move
    kind: Kind
    after: int
    size: int

    def make(self, connection: Connection) -> tuple[int, int | None]:
        """Move their links. Returns how many objects there are, and the last of them, if there is any."""
        undoes = self.move.undoes is not None
        given = _of(self.tenant, self.move) | {"of_kind": self.kind, "after": self.after}
        objects, last = connection.execute(_NEXT[undoes], given | {"count": self.size}).one()
        if last is not None:
            follow = _FOLLOW_AMONG_ALL if self._is_dense(connection, objects, last) else _FOLLOW_LOOKED_UP
            connection.execute(follow[undoes], given | {"last": last} | _step(self.move))
            if self.kind == "user":
                self._touch_users(connection, last)
        return objects, last

    def _is_dense(self, connection: Connection, objects: int, last: int) -> bool:
        # SQLite notes all that it finds by an index before it changes what the index has. PostgreSQL does not.
        if connection.dialect.name != "sqlite":
            return False
        between = {"of_tenant": self.tenant, "of_kind": self.kind, "after": self.after, "last": last}
        most = objects * MAX_LINKS_READ
        return (connection.scalar(_LINKS_BETWEEN, between | {"count": most + 1}) or 0) <= most

    def _touch_users(self, connection: Connection, last: int) -> None:
        """Store the date with the users that moved, as lists are ordered by it; elsewhere it is read from the links."""
        moved = select(links.c.object).where(
            links.c.tenant == self.tenant,
            links.c.kind == "user",
            links.c.object > self.after,
            links.c.object <= last,
            links.c.moved_by == self.move.seq,
        )
        connection.execute(
            update(users)
            .where(
                users.c.tenant == self.tenant,
                users.c.id > self.after,
                users.c.id <= last,
                users.c.id.in_(moved),
                users.c.date_last_updated < self.move.at,
            )
            .values(date_last_updated=self.move.at)
        )


def _of(tenant: int, move: Move) -> dict[str, object]:
    given: dict[str, object] = {"of_tenant": tenant, "source": move.source, "before": move.before}
    return given if move.undoes is None else given | {"trail_end": f"%,{move.undoes}"}


def _step(move: Move) -> dict[str, object]:
    trail = {"step": f",{move.seq}"} if move.undoes is None else {"step_back": len(f",{move.undoes}")}
    return {"target": move.target, "moved_by": move.seq, **trail}
