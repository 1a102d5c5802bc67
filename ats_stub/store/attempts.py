"""The latest attempts to reach each subscriber."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert

from ats_stub.store import schema
from catrelay.statements import Statement

table = schema.attempts

KEPT_ATTEMPTS = 100
"""Of each subscription."""

_DROP = Statement(
    delete(table).where(
        table.c.tenant == bindparam("of_tenant"),
        table.c.subscription == bindparam("of_subscription"),
        table.c.place == bindparam("of_place"),
    )
)
_INSERT = Statement(insert(table))


class MadeAttempt(NamedTuple):
    """A request that was made, with what came of it. number: counts the subscription's attempts from 1."""

    number: int
    message: str
    path: str
    pings: int
    at: datetime
    milliseconds: int
    status: int | None
    error: str | None
    next_attempt: datetime | None


def store_attempts(connection: Connection, made: Iterable[tuple[int, int, Sequence[MadeAttempt]]]) -> None:
    """Store attempts (tenant, subscription, at most as many as are kept) in the place of the oldest."""
    rows = [
        {
            "tenant": tenant,
            "subscription": subscription,
            "place": attempt.number % KEPT_ATTEMPTS,
            **attempt._asdict(),
        }
        for tenant, subscription, attempts in made
        for attempt in attempts
    ]
    _DROP.run(
        connection,
        *(
            {"of_tenant": row["tenant"], "of_subscription": row["subscription"], "of_place": row["place"]}
            for row in rows
        ),
    )
    _INSERT.run(connection, *rows)
