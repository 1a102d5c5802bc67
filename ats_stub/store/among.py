"""Any number of ids as one parameter: a statement stays the same however many there are."""

from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _listed(FunctionElement[int]):  # noqa: N801 - a function, as it is written in a statement
    """The numbers of a JSON array."""

    inherit_cache = True


@compiles(_listed, "sqlite")
def _on_sqlite(element: _listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **options)}))"


@compiles(_listed, "postgresql")
def _on_postgresql(element: _listed, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(element.clauses, **options)
    return f"(SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST({array} AS JSON)))"


def among(column: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that *column* is one of the parameter `ids`, a JSON array."""
    return column.op("IN", is_comparison=True)(_listed(bindparam("ids", type_=Text)))
