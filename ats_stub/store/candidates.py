"""Candidates, with what they reference."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from ats_stub.domain.candidates import Candidate
from ats_stub.domain.people import texts_of
from ats_stub.domain.references import Kind, as_answered
from ats_stub.store import schema
from ats_stub.store.links import Held, LinkStore
from ats_stub.store.pages import UNBOUNDED, Bound, between, in_categories, order
from ats_stub.store.search import SearchIndex
from catrelay.models import CandidateRead, CategoriesActual

table = schema.candidates

KIND: Kind = "candidate"


@dataclass(frozen=True)
class CandidateQuery:
    """A page of the list, by id."""

    categories: CategoriesActual | None = None
    keywords: str = ""
    above: Bound = UNBOUNDED
    below: Bound = UNBOUNDED
    descending: bool = False
    limit: int = 100


class CandidateStore:
    """The candidates of a tenant."""

    def __init__(self, connection: Connection, tenant: int, links: LinkStore, search: SearchIndex) -> None:
        self._connection = connection
        self._tenant = tenant
        self._links = links
        self._search = search

    def get(self, candidate: int) -> Candidate | None:
        """One candidate."""
        found = self._read([table.c.id == candidate])
        return found[0] if found else None

    def page(self, query: CandidateQuery) -> list[Candidate]:
        """The candidates that *query* asks for, in its order."""
        conditions = [
            *between(query.above, query.below, table.c.id, None),
            *in_categories(self._tenant, self._links, KIND, table.c.id, query.categories),
        ]
        matching = self._search.matching(KIND, query.keywords)
        if matching is not None:
            conditions.append(table.c.id.in_(matching))
        return self._read(conditions, order(table.c.id, None, descending=query.descending), limit=query.limit)

    def insert(self, candidate: Candidate) -> None:
        """Add a candidate with its references."""
        self._connection.execute(insert(table).values(tenant=self._tenant, id=candidate.id, **_columns(candidate)))
        self._relate(candidate)

    def update(self, candidate: Candidate) -> None:
        """Store a candidate's new state and references."""
        known = (table.c.tenant == self._tenant) & (table.c.id == candidate.id)
        self._connection.execute(update(table).where(known).values(_columns(candidate)))
        self._relate(candidate)

    def _relate(self, candidate: Candidate) -> None:
        self._links.replace(KIND, candidate.id, candidate.references())
        self._search.put(KIND, candidate.id, texts_of(candidate.state.person))

    def _read(
        self,
        conditions: Iterable[ColumnElement[bool]],
        order_by: Sequence[ColumnElement[Any]] = (),
        *,
        limit: int | None = None,
    ) -> list[Candidate]:
        statement = select(table.c.id, table.c.document, table.c.date_last_updated).where(
            table.c.tenant == self._tenant, *conditions
        )
        rows = self._connection.execute(statement.order_by(*order_by).limit(limit)).all()
        held = self._links.of(KIND, [row.id for row in rows])
        return [_candidate(row, held[row.id]) for row in rows]


def _candidate(row: Row[int, str, datetime], held: Held) -> Candidate:
    state = CandidateRead.model_validate_json(row.document).model_copy(
        update={"categories": as_answered(held.references)}
    )
    return Candidate(state, held.latest(row.date_last_updated))


def _columns(candidate: Candidate) -> dict[str, object]:
    # What the links say is not stored a second time in the document.
    stored = candidate.state.model_copy(update={"categories": None})
    return {"document": stored.to_json().decode(), "date_last_updated": candidate.date_last_updated}
