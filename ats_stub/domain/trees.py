"""The order and the nesting of a category's available values. Source: docs/contract/, "Categories and values"."""

from collections.abc import Iterable
from typing import Any

from ats_stub.domain.values import Value


def sibling_order(value: Value) -> tuple[bool, float, str, int]:
    """Sort key: those with a sequence first, ascending, then the others by case-folded name, then id."""
    if value.sequence is not None:
        return (False, value.sequence, "", value.id)
    return (True, 0, value.name.casefold(), value.id)


def tree(values: Iterable[Value]) -> list[dict[str, Any]]:
    """The nodes as JSON-ready documents: roots, each with its children under "values" when it has any.

    values: all available values of one category.
    """
    children: dict[int | None, list[dict[str, Any]]] = {}
    documents: list[tuple[int, dict[str, Any]]] = []
    for value in sorted(values, key=sibling_order):
        document = value.as_answered().to_document()
        documents.append((value.id, document))
        children.setdefault(value.parent, []).append(document)
    for value_id, document in documents:
        if value_id in children:
            document["values"] = children[value_id]
    return children.get(None, [])
