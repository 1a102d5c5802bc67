"""What objects reference, wherever the links are stored while a remap is under way."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
)

from ats_stub.domain.moves import Move, Moving, Stretch
from ats_stub.domain.references import Kind, References
from ats_stub.store import schema
from ats_stub.store.moves import MoveStore, are_in

if TYPE_CHECKING:
    from ats_stub.store.counters import Counters

table = schema.links
dates = schema.move_dates


@dataclass
class Held:
    """What an object references. moved_at: when a remap last changed it."""

    references: dict[int, set[int]] = field(default_factory=dict)
    moved_at: datetime | None = None

    def latest(self, stored: datetime) -> datetime:
        """dateLastUpdated: the *stored* date of the last write, or of a remap since."""
        return stored if self.moved_at is None else max(stored, self.moved_at)

    def _add(self, category: int, value: int, moved_at: datetime | None) -> None:
        if value > 0:
            self.references.setdefault(category, set()).add(value)
        if moved_at is not None:
            self.moved_at = self.latest(moved_at)


class LinkStore:
    """The links of a tenant."""

    def __init__(self, connection: Connection, tenant: int, counters: "Counters", moves: MoveStore) -> None:
        self._connection = connection
        self._tenant = tenant
        self._counters = counters
        self._moves = moves

    def of(self, kind: Kind, objects: Sequence[int]) -> dict[int, Held]:
        """What each of *objects* references."""
        held = {each: Held() for each in objects}
        if not objects:
            return held
        moving = Moving(self._moves.pending)
        statement = (
            select(table.c.object, table.c.category, table.c.value, table.c.link, table.c.trail, dates.c.at)
            .outerjoin(dates, and_(dates.c.tenant == table.c.tenant, dates.c.seq == table.c.moved_by))
            .where(table.c.tenant == self._tenant, table.c.kind == kind, table.c.object.in_(objects))
        )
        for each, category, value, link, trail, moved_at in self._connection.execute(statement):
            stretch = moving.stretch_of(value, link, _seqs(trail))
            if stretch is None or stretch.moved is None:
                held[each]._add(category, value, moved_at)
            else:
                held[each]._add(category, stretch.place, stretch.moved.at)
        return held

    def replace(self, kind: Kind, object_id: int, references: References) -> None:
        """Make the object's references exactly these. The caller stores a new date with the object."""
        moving = Moving(self._moves.pending)
        of_object = and_(table.c.tenant == self._tenant, table.c.kind == kind, table.c.object == object_id)
        statement = select(table.c.category, table.c.value, table.c.link, table.c.trail).where(of_object)
        wanted = {(category, value) for category, values in references.items() for value in values}
        present, gone = set(), []
        for category, value, link, trail in self._connection.execute(statement):
            stretch = moving.stretch_of(value, link, _seqs(trail))
            place = (category, value if stretch is None else stretch.place)
            if place in wanted:
                present.add(place)
            else:
                gone.append(link)
        if gone:
            self._connection.execute(delete(table).where(of_object, table.c.link.in_(gone)))
        self._insert(kind, object_id, sorted(wanted - present))

    def _insert(self, kind: Kind, object_id: int, places: Sequence[tuple[int, int]]) -> None:
        first = self._counters.next_link
        rows = [
            {
                "tenant": self._tenant,
                "kind": kind,
                "object": object_id,
                "link": link,
                "category": category,
                "value": value,
                "trail": "",
                "moved_by": 0,
            }
            for link, (category, value) in enumerate(places, start=first)
        ]
        if rows:
            self._connection.execute(insert(table), rows)
            self._counters.next_link += len(rows)

    def objects(self, kind: Kind, values: Select[int] | Collection[int]) -> Select[int]:
        """The ids of the objects that reference one of *values*, each perhaps several times."""
        return select(table.c.object).where(table.c.tenant == self._tenant, table.c.kind == kind, self._at(values))

    def count(self, kind: Kind, value: int) -> int:
        """How many objects reference the value."""
        return self._count(kind, self._at([value]))

    def count_both(self, kind: Kind, value: int, other: int) -> int:
        """How many objects reference both values."""
        return self._count(kind, self._at([value]), table.c.object.in_(self.objects(kind, [other])))

    def dates(
        self, kind: Kind, objects: ColumnElement[int], stored: ColumnElement[datetime]
    ) -> ColumnElement[datetime]:
        """The date that `Held.latest` makes of the *stored* one, as a column beside *objects*.

        stored: brought up to date by each piece of a move, so that this is it as soon as no move is pending.
        """
        latest_first = sorted(self._on_their_way(), key=lambda pair: pair[1].at, reverse=True)
        if not latest_first:
            return stored
        of_kind = and_(table.c.tenant == self._tenant, table.c.kind == kind)
        return case(
            *(
                (
                    and_(stored < move.at, objects.in_(select(table.c.object).where(of_kind, are_in(stretch)))),
                    literal(move.at, stored.type),
                )
                for stretch, move in latest_first
            ),
            else_=stored,
        )

    def is_used(self, category: int) -> bool:
        """Whether any object references a value of the category."""
        values = schema.category_values
        of_category = select(values.c.id).where(values.c.tenant == self._tenant, values.c.category == category)
        return bool(
            self._connection.scalar(select(exists().where(table.c.tenant == self._tenant, self._at(of_category))))
        )

    def _count(self, kind: Kind, *conditions: ColumnElement[bool]) -> int:
        statement = select(func.count(table.c.object.distinct())).where(
            table.c.tenant == self._tenant, table.c.kind == kind, *conditions
        )
        return self._connection.scalar(statement) or 0

    def _at(self, values: Select[int] | Collection[int]) -> ColumnElement[bool]:
        """The links that really are at one of *values*."""
        stored = table.c.value.in_(values)
        on_their_way = [stretch for stretch, _ in self._on_their_way()]
        if not on_their_way:
            return stored
        return or_(
            and_(stored, not_(or_(*map(are_in, on_their_way)))),
            *(and_(are_in(each), literal(each.place).in_(values)) for each in on_their_way),
        )

    def _on_their_way(self) -> list[tuple[Stretch, Move]]:
        """The links that are not stored where they really are, with the last move that they still have to make."""
        stretches = Moving(self._moves.pending).stretches
        return [(stretch, stretch.moved) for stretch in stretches if stretch.moved is not None]


def _seqs(trail: str) -> tuple[int, ...]:
    return tuple(map(int, trail.split(",")[1:])) if trail else ()
