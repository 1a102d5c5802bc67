"""Whole tables at once: what a backup reads and a restore writes."""

from sqlalchemy import Connection, LargeBinary, Table, func, insert, select, text

from ats_stub.store import schema

ROWS_AT_ONCE = 1_000
ROWS_WITH_CONTENT_AT_ONCE = 4
"""Of tables that hold files: each row may be as large as a request."""


def tables() -> list[Table]:
    """All tables, those that others refer to first. What is made from them (words to search by) is none of them."""
    return schema.metadata.sorted_tables


def copy(table: Table, source: Connection, target: Connection) -> int:
    """Copy all rows of *table*, a few in memory at a time. Returns how many."""
    has_content = any(isinstance(column.type, LargeBinary) for column in table.columns)
    at_once = ROWS_WITH_CONTENT_AT_ONCE if has_content else ROWS_AT_ONCE
    copied = 0
    for rows in source.execute(select(table), execution_options={"yield_per": at_once}).mappings().partitions():
        target.execute(insert(table), [dict(row) for row in rows])
        copied += len(rows)
    return copied


def count(table: Table, connection: Connection) -> int:
    """How many rows *table* has."""
    return connection.scalar(select(func.count()).select_from(table)) or 0


def keep_writers_out(connection: Connection) -> None:
    """Let others read until the transaction ends, and do nothing else. On SQLite every write does that."""
    if connection.dialect.name == "postgresql":
        for table in [schema.counters, *tables()]:  # in the order of every write: counters first
            connection.execute(text(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE"))


def go_on_numbering(connection: Connection) -> None:
    """Let PostgreSQL give numbers after those that were copied; SQLite looks for itself."""
    if connection.dialect.name == "postgresql":
        for table in tables():
            numbered = table.autoincrement_column
            if numbered is not None:
                sequence = func.pg_get_serial_sequence(table.name, numbered.name)
                connection.execute(select(func.setval(sequence, func.max(numbered))))
