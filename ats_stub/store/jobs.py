"""Jobs, and the lists that they are in."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from ats_stub.domain.jobs import Job, JobList, searchable, words
from ats_stub.domain.references import References, as_answered
from ats_stub.store import schema
from catrelay.models import Availability, CategoriesActual, JobWrite

table = schema.jobs
links = schema.links
category_values = schema.category_values

KIND = "job"
MEMBERS_ELSEWHERE = {"categories", "org"}
"""What the links say is not stored a second time in the document."""

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


class JobStore:
    """The jobs of a tenant. What a job references is in the links, its org as a link of the org tree's category."""

    def __init__(self, connection: Connection, tenant: int, orgs_category: int) -> None:
        self._connection = connection
        self._tenant = tenant
        self._orgs_category = orgs_category

    def get(self, job: int) -> Job | None:
        """One job, templates included."""
        found = self._read([table.c.id == job])
        return found[0] if found else None

    def in_list(self, which: JobList, job: int, now: datetime) -> Job | None:
        """One job, if it is in the list."""
        found = self._read([table.c.id == job, is_in(which, now)])
        return found[0] if found else None

    def with_external_id(self, external_id: str) -> int | None:
        """The id of the job that has it."""
        statement = select(table.c.id).where(table.c.tenant == self._tenant, table.c.external_id == external_id)
        return self._connection.scalar(statement)

    def page(self, query: JobQuery, now: datetime) -> list[Job]:
        """The jobs that *query* asks for, in its order."""
        date = None if query.by is None else table.c[query.by]
        conditions = [
            is_in(query.which, now),
            *self._in_categories(query.categories),
            *(
                table.c.words.contains(word, autoescape=True)
                for word in sorted(set(searchable(query.keywords).split()))
            ),
            *_beyond(query.above, date, descending=False),
            *_beyond(query.below, date, descending=True),
        ]
        if date is not None:
            conditions.append(date.is_not(None))
        order = [table.c.id] if date is None else [date, table.c.id]
        return self._read(
            conditions, [column.desc() for column in order] if query.descending else order, limit=query.limit
        )

    def insert(self, job: Job) -> None:
        """Add a job with its references."""
        self._connection.execute(insert(table).values(tenant=self._tenant, id=job.id, **_columns(job)))
        self._link(job.id, job.references(self._orgs_category))

    def update(self, job: Job, *, before: Job) -> None:
        """Store a job's new state and references."""
        self._connection.execute(
            update(table).where(table.c.tenant == self._tenant, table.c.id == job.id).values(_columns(job))
        )
        now, was = job.references(self._orgs_category), before.references(self._orgs_category)
        self._unlink(job.id, _without(was, now))
        self._link(job.id, _without(now, was))

    def holding(self, value: int) -> int:
        """How many jobs reference the value, templates included."""
        return self._count(_holds(self._tenant, value))

    def holding_both(self, value: int, other: int) -> int:
        """How many jobs reference both values."""
        return self._count(_holds(self._tenant, value), _holds(self._tenant, other))

    def open_holding(self, value: int, now: datetime) -> int:
        """How many open jobs reference the value."""
        return self._count(_holds(self._tenant, value), is_in("jobs/open", now))

    def titles_holding(self, value: int, *, limit: int) -> list[str]:
        """Titles of the newest jobs that reference the value."""
        found = self._read([_holds(self._tenant, value)], [table.c.id.desc()], limit=limit)
        return [job.state.title for job in found if job.state.title is not None]

    def _count(self, *conditions: ColumnElement[bool]) -> int:
        statement = select(func.count()).select_from(table).where(table.c.tenant == self._tenant, *conditions)
        return self._connection.scalar(statement) or 0

    def _read(
        self,
        conditions: Sequence[ColumnElement[bool]],
        order: Sequence[ColumnElement[object]] = (),
        *,
        limit: int | None = None,
    ) -> list[Job]:
        statement = select(table.c.id, table.c.document, table.c.date_last_updated).where(
            table.c.tenant == self._tenant, *conditions
        )
        rows = self._connection.execute(statement.order_by(*order).limit(limit)).all()
        references = self._references([row.id for row in rows])
        return [self._job(row, references[row.id]) for row in rows]

    def _references(self, jobs: Sequence[int]) -> dict[int, dict[int, list[int]]]:
        statement = select(links.c.object, links.c.category, links.c.value).where(
            links.c.tenant == self._tenant, links.c.kind == KIND, links.c.object.in_(jobs)
        )
        references: dict[int, dict[int, list[int]]] = {job: {} for job in jobs}
        for job, category, value in self._connection.execute(statement) if jobs else ():
            references[job].setdefault(category, []).append(value)
        return references

    def _job(self, row: Row[int, str, datetime], references: dict[int, list[int]]) -> Job:
        orgs = references.pop(self._orgs_category, None)
        state = JobWrite.model_validate_json(row.document).model_copy(
            update={"org": orgs[0] if orgs else None, "categories": as_answered(references)}
        )
        return Job(row.id, state, row.date_last_updated)

    def _link(self, job: int, references: References) -> None:
        rows = [
            {"tenant": self._tenant, "kind": KIND, "object": job, "category": category, "value": value}
            for category, values in references.items()
            for value in values
        ]
        if rows:
            self._connection.execute(insert(links), rows)

    def _unlink(self, job: int, references: References) -> None:
        for category, values in references.items():
            self._connection.execute(
                delete(links).where(
                    links.c.tenant == self._tenant,
                    links.c.kind == KIND,
                    links.c.object == job,
                    links.c.category == category,
                    links.c.value.in_(values),
                )
            )

    def _in_categories(self, wanted: CategoriesActual | None) -> Iterator[ColumnElement[bool]]:
        """One condition per category: the job holds one of the values, or one below them."""
        for entry in wanted.root if wanted is not None else ():
            below = category_values.alias("below")
            subtree = (
                select(category_values.c.id)
                .where(
                    category_values.c.tenant == self._tenant,
                    category_values.c.category == entry.category,
                    category_values.c.id.in_(entry.values),
                )
                .cte(recursive=True)
            )
            subtree = subtree.union(
                select(below.c.id).join(subtree, below.c.parent == subtree.c.id).where(below.c.tenant == self._tenant)
            )
            yield table.c.id.in_(
                select(links.c.object).where(
                    links.c.tenant == self._tenant,
                    links.c.kind == KIND,
                    links.c.value.in_(select(subtree.c.id)),
                )
            )


def is_in(which: JobList, now: datetime) -> ColumnElement[bool]:
    """The condition on the jobs' columns that `ats_stub.domain.jobs.is_in` states of one job."""
    match which:
        case "jobs/template":
            return table.c.template.is_(True)
        case "jobs":
            return table.c.template.is_(False)
        case "jobs/open":
            return and_(table.c.template.is_(False), table.c.active.is_(True), _not_passed(table.c.close_date, now))
        case "jobs/open/externally":
            return and_(
                is_in("jobs/open", now),
                table.c.available_externally.is_(True),
                _not_passed(table.c.external_close_date, now),
            )


def _not_passed(date: ColumnElement[datetime | None], now: datetime) -> ColumnElement[bool]:
    return or_(date.is_(None), date > now)


def _holds(tenant: int, value: int) -> ColumnElement[bool]:
    return table.c.id.in_(
        select(links.c.object).where(links.c.tenant == tenant, links.c.kind == KIND, links.c.value == value)
    )


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
            yield or_(past(date, bound.date), and_(date == bound.date, past(table.c.id, bound.id)))
    elif bound.id is not None:
        yield past(table.c.id, bound.id)


def _without(references: References, others: References) -> dict[int, Collection[int]]:
    return {category: set(values) - set(others.get(category, ())) for category, values in references.items()}


def _columns(job: Job) -> dict[str, object]:
    state = job.state
    availability = state.availability or Availability()
    published, closing = availability.job_publish_dates, availability.application_close_dates
    stored = state.model_copy(update=dict.fromkeys(MEMBERS_ELSEWHERE))
    return {
        "document": stored.to_json().decode(),
        "words": words(state),
        "external_id": state.external_id,
        "template": state.template_flag is True,
        "active": state.status == "active",
        "available_externally": availability.available_externally is True,
        "publish_date": published and published.publish_date,
        "internal_publish_date": published and (published.internal_publish_date or published.publish_date),
        "external_publish_date": published and (published.external_publish_date or published.publish_date),
        "close_date": closing and closing.close_date,
        "external_close_date": closing and (closing.external_close_date or closing.close_date),
        "date_last_updated": job.date_last_updated,
    }
