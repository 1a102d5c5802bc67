"""The lists of jobs: which conditions on the columns their filters and bounds stand for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_, select

from ats_stub.domain.jobs import JobList, searchable
from ats_stub.domain.references import Kind
from ats_stub.store import schema
from ats_stub.store.links import LinkStore
from catrelay.models import CategoriesActual

table = schema.jobs
category_values = schema.category_values

KIND: Kind = "job"

DateColumn = Literal["publish_date", "internal_publish_date", "external_publish_date"]


@dataclass(frozen=True)
class Bound:
    """An end of the range asked for, exclusive: of dates if there is one, then of ids.

    A record lies above a bound with date D and id I when its date > D, or its date = D and its id > I.
    """

    id: int | None = None
    date: datetime | None = None


@dataclass(frozen=True)
class JobQuery:
    """A page of a list. by: the date that *above*, *below* and the order mean; None: there are ids only."""

    which: JobList
    categories: CategoriesActual | None = None
    keywords: str = ""
    by: DateColumn | None = None
    above: Bound = Bound()
    below: Bound = Bound()
    descending: bool = False
    limit: int = 100

    @property
    def order(self) -> list[ColumnElement[Any]]:
        """Columns to order by."""
        columns = [table.c.id] if self.by is None else [table.c[self.by], table.c.id]
        return [column.desc() for column in columns] if self.descending else list(columns)

    def conditions(self, tenant: int, links: LinkStore, now: datetime) -> Iterator[ColumnElement[bool]]:
        """What a job of *tenant* must meet to be in the list *now* and within the filters and bounds."""
        date = None if self.by is None else table.c[self.by]
        yield is_in(self.which, now)
        yield from _in_categories(tenant, links, self.categories)
        for word in sorted(set(searchable(self.keywords).split())):
            yield table.c.words.contains(word, autoescape=True)
        yield from _beyond(self.above, date, descending=False)
        yield from _beyond(self.below, date, descending=True)
        if date is not None:
            yield date.is_not(None)


def is_in(which: JobList, now: datetime) -> ColumnElement[bool]:
    """The condition on the jobs' columns that `ats_stub.domain.jobs.is_in` states of one job."""
    if which == "jobs/template":
        return table.c.template.is_(True)
    if which == "jobs":
        return table.c.template.is_(False)
    is_open = and_(table.c.template.is_(False), table.c.active.is_(True), _not_passed(table.c.close_date, now))
    if which == "jobs/open":
        return is_open
    return and_(is_open, table.c.available_externally.is_(True), _not_passed(table.c.external_close_date, now))


def _not_passed(date: ColumnElement[datetime | None], now: datetime) -> ColumnElement[bool]:
    return or_(date.is_(None), date > now)


def _beyond(
    bound: Bound, date: ColumnElement[datetime | None] | None, *, descending: bool
) -> Iterator[ColumnElement[bool]]:
    """The condition that *bound* stands for: above it, or descending, below it."""

    def past(column: ColumnElement[Any], end: object) -> ColumnElement[bool]:
        return column < end if descending else column > end

    if date is not None and bound.date is not None:
        if bound.id is None:
            yield past(date, bound.date)
        else:
            # The first half says what an index on the date can be searched for.
            yield date <= bound.date if descending else date >= bound.date
            yield or_(past(date, bound.date), past(table.c.id, bound.id))
    elif bound.id is not None:
        yield past(table.c.id, bound.id)


def _in_categories(tenant: int, links: LinkStore, wanted: CategoriesActual | None) -> Iterator[ColumnElement[bool]]:
    """One condition per category: the job holds one of the values, or one below them."""
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
        yield table.c.id.in_(links.objects(KIND, select(subtree.c.id)))
