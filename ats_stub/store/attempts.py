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
    """Store attempts (tenant, subscription, some of those made since) in the place of older ones.

    Of those that share a place, as failures far apart may, the latest is stored.
    """
    latest = {
        (tenant, subscription, attempt.number % KEPT_ATTEMPTS): attempt
        for tenant, subscription, attempts in made
        for attempt in sorted(attempts, key=lambda each: each.number)
    }
    places = [
        {"of_tenant": tenant, "of_subscription": subscription, "of_place": place}
        for tenant, subscription, place in latest
    ]
    rows = [
        {"tenant": tenant, "subscription": subscription, "place": place, **attempt._asdict()}
        for (tenant, subscription, place), attempt in latest.items()
    ]
    _DROP.run(connection, *places)
    _INSERT.run(connection, *rows)
