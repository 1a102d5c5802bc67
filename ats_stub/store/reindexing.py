"""Making the words anew that objects are found by, for rows that came in past the stores."""

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, Table, select

from ats_stub.domain import jobs, people, users
from ats_stub.domain.references import Kind
from ats_stub.store import schema
from ats_stub.store.search import search_index
from catrelay.models import CandidateRead, JobWrite, UserWrite

Texts = Iterable[str | None]
ROWS_AT_ONCE = 100

_SEARCHED: tuple[tuple[Kind, Table, Callable[[str], Texts]], ...] = (
    ("job", schema.jobs, lambda document: jobs.texts_of(JobWrite.model_validate_json(document))),
    ("user", schema.users, lambda document: users.texts_of(UserWrite.model_validate_json(document))),
    (
        "candidate",
        schema.candidates,
        lambda document: people.texts_of(CandidateRead.model_validate_json(document).person),
    ),
)


def index_all(connection: Connection) -> None:
    """Index every object of every tenant, in a database whose index is empty."""
    for kind, table, texts_of in _SEARCHED:
        statement = select(table.c.tenant, table.c.id, table.c.document)
        rows = connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
        for tenant, owner, document in rows:
            search_index(connection, tenant).put(kind, owner, texts_of(document))
