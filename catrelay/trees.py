"""The order and the nesting of a category's values. Source: docs/contract/, "Categories and values"."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from catrelay.models import CategoryValue

Document = dict[str, Any]


def sibling_order(value_id: int, name: str, sequence: float | None) -> tuple[bool, float, str, int]:
    """Sort key: those with a sequence first, ascending, then the others by case-folded name, then id."""
    if sequence is not None:
        return (False, sequence, "", value_id)
    return (True, 0, name.casefold(), value_id)


def nested(nodes: Iterable[Document]) -> list[Document]:
    """*nodes*, the JSON documents of values, as a tree: roots, each with its children under "values" when it has any.

    The documents become part of the tree. One whose parent is not among them stands at the root.
    """
    ordered = sorted(nodes, key=_order)
    by_id = {node["id"]: node for node in ordered}
    roots: list[Document] = []
    for node in ordered:
        parent = by_id.get(node.get("parent"))
        (roots if parent is None else parent.setdefault("values", [])).append(node)
    return roots


def nested_json(nodes: Iterable[Sequence[Any]]) -> bytes:
    """The same as JSON, of nodes whose own JSON is ready: id, parent, sequence, name and the document's text."""
    children: dict[int | None, list[_Ready]] = {}
    for value_id, parent, sequence, name, document in nodes:
        # As `sibling_order` has it, written out: a call for each node would be a third of the whole.
        if sequence is None:
            ready = (True, 0, name.casefold(), value_id, document)
        else:
            ready = (False, sequence, "", value_id, document)
        siblings = children.get(parent)
        if siblings is None:
            children[parent] = [ready]
        else:
            siblings.append(ready)
    pieces: list[str] = []
    _write(children.get(None, []), children, pieces)
    return f"[{''.join(pieces)}]".encode()


_Ready = tuple[bool, float, str, int, str]
"""A node's sort key, which ends with its id, and its document."""


def _write(siblings: list[_Ready], children: Mapping[int | None, list[_Ready]], pieces: list[str]) -> None:
    siblings.sort()
    separator = ""
    for _, _, _, value_id, document in siblings:
        below = children.get(value_id)
        if below is None:
            pieces += (separator, document)
        else:
            pieces += (separator, document[:-1], ',"values":[')
            _write(below, children, pieces)
            pieces.append("]}")
        separator = ","


def flattened(roots: Iterable[CategoryValue]) -> list[CategoryValue]:
    """All nodes of a tree, without their nesting but with their *parent*."""
    found: list[CategoryValue] = []
    pending: list[tuple[CategoryValue, int | None]] = [(root, None) for root in roots]
    while pending:
        node, parent = pending.pop()
        found.append(node.model_copy(update={"parent": parent, "values": None}))
        pending.extend((child, node.id) for child in node.values or ())
    return found


def _order(node: Document) -> tuple[bool, float, str, int]:
    return sibling_order(node["id"], node["name"], node.get("sequence"))
