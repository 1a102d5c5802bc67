"""Jobs, with what they reference."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from ats_stub.domain.items import as_stored
from ats_stub.domain.jobs import PEOPLE, Job, JobList, texts_of
from ats_stub.domain.references import as_answered
from ats_stub.store import schema
from ats_stub.store.job_lists import KIND, JobQuery, is_in
from ats_stub.store.links import Held, LinkStore
from ats_stub.store.search import SearchIndex
from catrelay.models import Availability, JobWrite, UserName

table = schema.jobs

MEMBERS_ELSEWHERE = {"categories", "org", *PEOPLE}
"""What the links and columns say is not stored a second time in the document."""


class JobStore:
    """The jobs of a tenant. What a job references is in the links, its org as a link of the org tree's category."""

    def __init__(
        self, connection: Connection, tenant: int, orgs_category: int, links: LinkStore, search: SearchIndex
    ) -> None:
        self._connection = connection
        self._tenant = tenant
        self._orgs_category = orgs_category
        self._links = links
        self._search = search

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
        return self._read(self._conditions(query, now), query.order, limit=query.limit)

    def insert(self, job: Job) -> None:
        """Add a job with its references."""
        self._connection.execute(insert(table).values(tenant=self._tenant, id=job.id, **_columns(job)))
        self._relate(job)

    def update(self, job: Job) -> None:
        """Store a job's new state and references."""
        self._connection.execute(
            update(table).where(table.c.tenant == self._tenant, table.c.id == job.id).values(_columns(job))
        )
        self._relate(job)

    def _relate(self, job: Job) -> None:
        self._links.replace(KIND, job.id, job.references(self._orgs_category))
        self._search.put(KIND, job.id, texts_of(job.state))

    def open_holding(self, value: int, now: datetime) -> int:
        """How many open jobs reference the value."""
        statement = select(func.count()).where(
            table.c.tenant == self._tenant, self._holds(value), is_in("jobs/open", now)
        )
        return self._connection.scalar(statement) or 0

    def titles_holding(self, value: int, *, limit: int) -> list[str]:
        """Titles of the newest jobs that reference the value."""
        found = self._read([self._holds(value)], [table.c.id.desc()], limit=limit)
        return [job.state.title for job in found if job.state.title is not None]

    def _holds(self, value: int) -> ColumnElement[bool]:
        return table.c.id.in_(self._links.objects(KIND, [value]))

    def _conditions(self, query: JobQuery, now: datetime) -> Iterator[ColumnElement[bool]]:
        yield from query.conditions(self._tenant, self._links, now)
        matching = self._search.matching(KIND, query.keywords)
        if matching is not None:
            yield table.c.id.in_(matching)

    def _read(
        self,
        conditions: Iterable[ColumnElement[bool]],
        order: Sequence[ColumnElement[Any]] = (),
        *,
        limit: int | None = None,
    ) -> list[Job]:
        columns = [table.c[name] for name in ("id", "document", *PEOPLE, "date_last_updated")]
        statement = select(*columns).where(table.c.tenant == self._tenant, *conditions)
        rows = self._connection.execute(statement.order_by(*order).limit(limit)).all()
        held = self._links.of(KIND, [row.id for row in rows])
        return [self._job(row, held[row.id]) for row in rows]

    def _job(self, row: Row[Any], held: Held) -> Job:
        orgs = held.references.pop(self._orgs_category, None)
        document = JobWrite.model_validate_json(row.document)
        people = {name: getattr(row, name) for name in PEOPLE}
        elsewhere = {
            "org": min(orgs) if orgs else None,
            "categories": as_answered(held.references),
            "items": as_stored(document.items),
            **{name: None if user is None else UserName(id=user) for name, user in people.items()},
        }
        return Job(row.id, document.model_copy(update=elsewhere), held.latest(row.date_last_updated))


def _columns(job: Job) -> dict[str, object]:
    state = job.state
    availability = state.availability or Availability()
    published, closing = availability.job_publish_dates, availability.application_close_dates
    stored = state.model_copy(update=dict.fromkeys(MEMBERS_ELSEWHERE))
    return {
        "document": stored.to_json().decode(),
        "external_id": state.external_id,
        **{name: job.people().get(name) for name in PEOPLE},
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
