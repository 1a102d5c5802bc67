"""The lists of jobs: which conditions on the columns their filters and bounds stand for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, or_

from ats_stub.domain.jobs import JobList
from ats_stub.domain.references import Kind
from ats_stub.store import schema
from ats_stub.store.links import LinkStore
from ats_stub.store.pages import UNBOUNDED, Bound, between, in_categories, order
from catrelay.models import CategoriesActual

table = schema.jobs

KIND: Kind = "job"

DateColumn = Literal["publish_date", "internal_publish_date", "external_publish_date"]


@dataclass(frozen=True)
class JobQuery:
    """A page of a list. by: the date that *above*, *below* and the order mean; None: there are ids only."""

    which: JobList
    categories: CategoriesActual | None = None
    keywords: str = ""
    by: DateColumn | None = None
    above: Bound = UNBOUNDED
    below: Bound = UNBOUNDED
    descending: bool = False
    limit: int = 100

    @property
    def order(self) -> list[ColumnElement[Any]]:
        """Columns to order by."""
        return order(table.c.id, None if self.by is None else table.c[self.by], descending=self.descending)

    def conditions(self, tenant: int, links: LinkStore, now: datetime) -> Iterator[ColumnElement[bool]]:
        """What a job of *tenant* must meet to be in the list *now* and within the filters and bounds, but keywords."""
        date = None if self.by is None else table.c[self.by]
        yield is_in(self.which, now)
        yield from in_categories(tenant, links, KIND, table.c.id, self.categories)
        yield from between(self.above, self.below, table.c.id, date)
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
