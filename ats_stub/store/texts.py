"""A whole column as one text, made by the database: a row each costs more than all the rest of reading many rows."""

from typing import Any

from sqlalchemy import ColumnElement, Text, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def joined(column: ColumnElement[str], separator: str) -> ColumnElement[str]:
    """What *column* holds. Without rows it is NULL."""
    # Not as the parameter that it is meant to be: that is put into the text anew each time.
    between: Any = literal_column(f"'{separator}'")
    return func.aggregate_strings(column, between)


class json_array(FunctionElement[str]):  # noqa: N801 - a function, as it is written in a statement
    """What the given column holds, as JSON. Without rows it is NULL or an empty array."""

    type = Text()
    inherit_cache = True


@compiles(json_array, "sqlite")
def _on_sqlite(element: json_array, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_group_array({compiler.process(element.clauses, **options)})"


@compiles(json_array, "postgresql")
def _on_postgresql(element: json_array, compiler: SQLCompiler, **options: Any) -> str:
    # As text: the driver's own parser takes its time.
    return f"CAST(json_agg({compiler.process(element.clauses, **options)}) AS TEXT)"
