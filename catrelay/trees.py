"""The order and the nesting of a category's values. Source: docs/contract/, "Categories and values"."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from catrelay.models import MAX_ID, CategoryValue

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


def nested_json(
    ids: Sequence[int],
    parents: Sequence[int | None],
    names: Sequence[str],
    documents: Sequence[bytes],
    sequences: Mapping[int, float],
) -> bytes:
    """The same as JSON, of nodes whose own JSON is ready: *documents*. The parent of each is among them.

    Column by column, *sequences* by id: an object for each node would cost more than all the rest.
    """
    siblings: defaultdict[int | None, list[int]] = defaultdict(list)
    for place in sorted(range(len(ids)), key=ids.__getitem__):
        siblings[parents[place]].append(place)
    keys = _sort_keys(ids, names, sequences)
    for places in siblings.values():
        places.sort(key=keys.__getitem__)
    pieces = [b"["]
    _write(siblings[None], documents, list(map(siblings.get, ids)), pieces)
    pieces.append(b"]")
    return b"".join(pieces)


def _write(
    places: Sequence[int],
    documents: Sequence[bytes],
    below: Sequence[Sequence[int] | None],
    pieces: list[bytes],
) -> None:
    separator = b""
    for place in places:
        children = below[place]
        if children is None:
            pieces += (separator, documents[place])
        else:
            pieces += (separator, documents[place][:-1], b',"values":[')
            _write(children, documents, below, pieces)
            pieces.append(b"]}")
        separator = b","


def _sort_keys(ids: Sequence[int], names: Sequence[str], sequences: Mapping[int, float]) -> Sequence[Any]:
    """Of nodes that are in the order of their ids already."""
    if sequences:
        return [sibling_order(*node, sequences.get(node[0])) for node in zip(ids, names, strict=True)]
    return list(map(str.casefold, names))  # the only part of `sibling_order` that is left


def flattened(roots: Iterable[CategoryValue]) -> list[CategoryValue]:
    """All nodes of a tree, without their nesting but with their *parent*."""
    found: list[CategoryValue] = []
    pending: list[tuple[CategoryValue, int | None]] = [(root, None) for root in roots]
    while pending:
        node, parent = pending.pop()
        found.append(node.model_copy(update={"parent": parent, "values": None}))
        pending.extend((child, node.id) for child in node.values or ())
    return found


def documents(roots: object) -> dict[int, Document]:
    """The nodes of a tree as it was answered, by id: JSON documents without nesting, each with its *parent*.

    Members that the contract does not know are left out. Raises ValueError where it is no tree of values.
    """
    found: dict[int, Document] = {}
    pending: list[tuple[object, int | None]] = [(roots, None)]
    while pending:
        siblings, parent = pending.pop()
        if not isinstance(siblings, list):
            raise ValueError(f"values are a list, not {siblings!r:.100}")  # noqa: TRY004 - of a body
        for node in siblings:
            document = _document(node, parent)
            found[document["id"]] = document
            if node.get("values"):
                pending.append((node["values"], document["id"]))
    return found


_MEMBERS: dict[str, tuple[type, ...]] = {
    "id": (int,),
    "available": (bool,),
    "name": (str,),
    "code": (str,),
    "externalId": (str,),
    "sequence": (int, float),
    "remappedTo": (int,),
    "location": (dict,),
}


def _document(node: object, parent: int | None) -> Document:
    if not isinstance(node, dict):
        raise ValueError(f"a value is an object, not {node!r:.100}")  # noqa: TRY004 - of a body
    document: Document = {}
    for name, member in node.items():
        types = _MEMBERS.get("externalId" if name == "externalID" else name)
        if types is None or member is None:
            continue
        if type(member) not in types:
            raise ValueError(f"the {name} of a value is {member!r:.100}")
        document["externalId" if name == "externalID" else name] = member
    if not (document.keys() >= {"id", "name"} and 0 < document["id"] <= MAX_ID):
        raise ValueError(f"a value has an id and a name: {document!r:.200}")
    document.setdefault("available", True)
    if parent is not None:
        document["parent"] = parent
    return document


def _order(node: Document) -> tuple[bool, float, str, int]:
    return sibling_order(node["id"], node["name"], node.get("sequence"))
