"""Answers that a repeat of their request is given again, by its Idempotency-Key."""

from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import ColumnElement, Connection, delete, insert, select, tuple_

from ats_stub.store import schema

table = schema.answers


@dataclass(frozen=True)
class Answer:
    """What a request was answered. fingerprint: of the request, so that another one under its key is noticed."""

    fingerprint: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class AnswerStore:
    """The answers to one app of a tenant."""

    def __init__(self, connection: Connection, tenant: int, app: str) -> None:
        self._connection = connection
        self._tenant = tenant
        self._app = app

    def find(self, key: str) -> Answer | None:
        """The answer that was kept for *key*."""
        row = self._connection.execute(select(table).where(self._is(key))).one_or_none()
        if row is None:
            return None
        headers = [(name, value) for name, value in orjson.loads(row.headers)]
        return Answer(row.fingerprint, row.status, headers, row.body)

    def keep(self, key: str, answer: Answer, *, now: datetime) -> None:
        """Keep *answer* for repeats."""
        self._connection.execute(
            insert(table).values(
                tenant=self._tenant,
                app=self._app,
                key=key,
                fingerprint=answer.fingerprint,
                status=answer.status,
                headers=orjson.dumps(answer.headers).decode(),
                body=answer.body,
                at=now,
            )
        )

    def _is(self, key: str) -> ColumnElement[bool]:
        return (table.c.tenant == self._tenant) & (table.c.app == self._app) & (table.c.key == key)


def forget_before(connection: Connection, tenant: int, before: datetime, *, limit: int) -> int:
    """Drop answers of the tenant that are older than *before*, at most so many. Returns how many."""
    old = select(table.c.app, table.c.key).where(table.c.tenant == tenant, table.c.at < before).limit(limit)
    dropped = delete(table).where(table.c.tenant == tenant, tuple_(table.c.app, table.c.key).in_(old))
    return connection.execute(dropped).rowcount
