"""Crashes between statements."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from catrelay.database import Database


class Crash(Exception):
    """Stands for whatever may happen between two statements."""


@contextmanager
def crash_at(database: Database, statement_number: int) -> Iterator[None]:
    """Let the statement of this number, counted from 1, not happen, nor any after it in its transaction."""
    executed = 0

    def count(*_: object) -> None:
        nonlocal executed
        executed += 1
        if executed == statement_number:
            raise Crash

    event.listen(database.engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", count)
