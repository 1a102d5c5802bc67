"""Pages of lists: which conditions their bounds and filters stand for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from ats_stub.domain.references import Kind
from ats_stub.store import schema
from ats_stub.store.links import LinkStore
from catrelay.models import CategoriesActual

category_values = schema.category_values


@dataclass(frozen=True)
class Bound:
    """An end of the range asked for, exclusive: of dates if there is one, then of ids.

    A record lies above a bound with date D and id I when its date > D, or its date = D and its id > I.
    """

    id: int | None = None
    date: datetime | None = None


UNBOUNDED = Bound()


def between(
    above: Bound, below: Bound, ids: ColumnElement[int], dates: ColumnElement[Any] | None
) -> Iterator[ColumnElement[bool]]:
    """The conditions that both bounds stand for. dates: what those of the bounds mean; None: there are ids only."""
    yield from _beyond(above, ids, dates, descending=False)
    yield from _beyond(below, ids, dates, descending=True)


def _beyond(
    bound: Bound, ids: ColumnElement[int], dates: ColumnElement[Any] | None, *, descending: bool
) -> Iterator[ColumnElement[bool]]:
    """The condition that *bound* stands for: above it, or descending, below it."""

    def past(column: ColumnElement[Any], end: object) -> ColumnElement[bool]:
        return column < end if descending else column > end

    if dates is not None and bound.date is not None:
        if bound.id is None:
            yield past(dates, bound.date)
        else:
            # The first half says what an index on the date can be searched for.
            yield dates <= bound.date if descending else dates >= bound.date
            yield or_(past(dates, bound.date), past(ids, bound.id))
    elif bound.id is not None:
        yield past(ids, bound.id)


def order(ids: ColumnElement[int], dates: ColumnElement[Any] | None, *, descending: bool) -> list[ColumnElement[Any]]:
    """What to order by: the dates if there are any, then the ids."""
    columns: list[ColumnElement[Any]] = [ids] if dates is None else [dates, ids]
    return [column.desc() for column in columns] if descending else columns


def in_categories(
    tenant: int, links: LinkStore, kind: Kind, ids: ColumnElement[int], wanted: CategoriesActual | None
) -> Iterator[ColumnElement[bool]]:
    """One condition per category: the object holds one of the values, or one below them."""
    for entry in wanted.root if wanted is not None else ():
        below = category_values.alias("below")
        subtree = (
            select(category_values.c.id)
            .where(
                category_values.c.tenant == tenant,
                category_values.c.category == entry.category,
                category_values.c.id.in_(entry.values),
            )
            .cte(recursive=True)
        )
        subtree = subtree.union(
            select(below.c.id).join(subtree, below.c.parent == subtree.c.id).where(below.c.tenant == tenant)
        )
        yield ids.in_(links.objects(kind, select(subtree.c.id)))
