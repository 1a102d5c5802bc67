"""The available values of a category, all at once, as the JSON that is answered."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import orjson
from sqlalchemy import CTE, Connection, Select, Table, bindparam, func, select

from ats_stub.store import schema
from ats_stub.store.texts import joined, json_array
from catrelay.statements import Statement
from catrelay.trees import nested_json

table = schema.category_values

Read = Callable[[], Iterable[Any]]

_AVAILABLE = (
    table.c.tenant == bindparam("tenant"),
    table.c.category == bindparam("category"),
    table.c.available.is_(True),
)


def _nodes(values: Table | CTE) -> Select[Any, Any, Any, Any, int]:
    # No node has a line break in it.
    return select(
        json_array(values.c.id),
        json_array(values.c.parent),
        json_array(values.c.name),
        joined(values.c.node, "\n"),
        func.count(values.c.sequence),
    )


def _sequences(values: Table | CTE) -> Select[int, float]:
    # Read apart from the rest: as text, SQLite writes 15 of their digits.
    return select(values.c.id, values.c.sequence).where(values.c.sequence.is_not(None))


def _branches() -> CTE:
    columns = (table.c.id, table.c.parent, table.c.name, table.c.node, table.c.sequence)
    at_the_top = table.c.parent.is_(None) & table.c.id.in_(bindparam("roots", expanding=True))
    found = select(*columns).where(*_AVAILABLE, at_the_top).cte("found", recursive=True)
    # What stands below an available value is available, and of the same category.
    below = select(*columns).where(table.c.tenant == bindparam("tenant"), table.c.parent == found.c.id)
    return found.union_all(below)


_NODES, _SEQUENCES = Statement(_nodes(table).where(*_AVAILABLE)), Statement(_sequences(table).where(*_AVAILABLE))
_NODES_OF_BRANCHES, _SEQUENCES_OF_BRANCHES = _nodes(_branches()), _sequences(_branches())
_DOCUMENTS = Statement(select(joined(table.c.node, ",")).where(*_AVAILABLE))


class TreeStore:
    """The trees of a tenant."""

    def __init__(self, connection: Connection, tenant: int) -> None:
        self._connection = connection
        self._tenant = tenant

    def whole(self, category: int) -> bytes:
        """The available values of the category, nested and in order: JSON of CategoryValues."""
        given = {"tenant": self._tenant, "category": category}
        return _nested(
            lambda: _NODES.rows(self._connection, **given), lambda: _SEQUENCES.rows(self._connection, **given)
        )

    def branches(self, category: int, roots: Collection[int]) -> bytes:
        """The same, of those of *roots* that are available and at the top, and of what stands below them."""
        given = {"tenant": self._tenant, "category": category, "roots": list(roots)}
        return _nested(
            lambda: self._connection.execute(_NODES_OF_BRANCHES, given).all(),
            lambda: self._connection.execute(_SEQUENCES_OF_BRANCHES, given).all(),
        )

    def documents(self, category: int) -> list[dict[str, Any]]:
        """The available values of the category as answered, in no order."""
        [(documents,)] = _DOCUMENTS.rows(self._connection, tenant=self._tenant, category=category)
        found: list[dict[str, Any]] = orjson.loads(f"[{documents or ''}]")
        return found


def _nested(read_nodes: Read, read_sequences: Read) -> bytes:
    [(*texts, nodes, sequenced)] = read_nodes()
    if nodes is None:
        return b"[]"
    sequences: dict[int, float] = dict(read_sequences()) if sequenced else {}
    ids, parents, names = map(orjson.loads, texts)
    documents = nodes.encode().split(b"\n")
    del nodes  # as large as the answer
    return nested_json(ids, parents, names, documents, sequences)
