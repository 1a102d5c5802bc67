"""The statements that reach a database, whichever layer sends them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg
from sqlalchemy import event
from sqlalchemy.pool import Pool

# A request's threads have its context, other work of the same app does not.
_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)

OF_CONNECTIONS = ("PRAGMA", "SET ", "SELECT 1", ";")
"""Sent when a connection is opened or found idle, whatever it is for."""


@contextmanager
def noted_statements() -> Iterator[list[str]]:
    """The statements that are sent within the `with`, by requests that are made within it.

    Sees the connections that were opened within `watched_connections`.
    """
    noted: list[str] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


@contextmanager
def watched_connections() -> Iterator[None]:
    """While it lasts, `noted_statements` sees what passes through connections that are opened."""
    event.listen(Pool, "connect", _watch)
    try:
        yield
    finally:
        event.remove(Pool, "connect", _watch)


def _watch(connection: Any, _record: object) -> None:
    if isinstance(connection, psycopg.Connection):
        connection.cursor_factory = _NotingCursor
    else:
        connection.set_trace_callback(_note)


def _note(statement: str) -> None:
    noted = _noted.get()
    if noted is not None and not statement.startswith(OF_CONNECTIONS):
        noted.append(statement)


class _NotingCursor(psycopg.Cursor[Any]):
    def execute(self, query: Any, *arguments: Any, **options: Any) -> "_NotingCursor":
        _note(str(query))
        return super().execute(query, *arguments, **options)
