"""A category's values as they are compared between two tenants."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from catrelay.models import CategoryValue, Location


@dataclass(frozen=True, slots=True)
class Node:
    """One value. Lighter than the wire's model: a whole category of both tenants is held at a time."""

    id: int
    available: bool
    name: str
    code: str | None = None
    external_id: str | None = None
    sequence: int | float | None = None
    parent: int | None = None
    remapped_to: int | None = None
    location: Location | None = None


def node_of(value: CategoryValue) -> Node:
    """The node that *value* stands for."""
    return Node(
        value.id,
        value.available,
        value.name,
        value.code,
        value.external_id,
        value.sequence,
        value.parent,
        value.remapped_to,
        value.location,
    )


def chain(node: Node, nodes: Mapping[int, Node]) -> Iterator[Node]:
    """The values that took over from *node*, one after the other, as far as they are among *nodes*."""
    seen = {node.id}
    while node.remapped_to is not None and not node.available and node.remapped_to in nodes:
        node = nodes[node.remapped_to]
        if node.id in seen:
            return
        seen.add(node.id)
        yield node


def end_of(node: Node, nodes: Mapping[int, Node]) -> Node | None:
    """The available value that objects at *node* belong to; None when there is none."""
    if node.available:
        return node
    return next((each for each in chain(node, nodes) if each.available), None)


def levels(nodes: Iterable[Node]) -> list[list[Node]]:
    """*nodes* by their depth, each level in the order of ids; one whose parent is not among them is a root."""
    present = {node.id: node for node in nodes}
    children: dict[int | None, list[Node]] = defaultdict(list)
    for node in sorted(present.values(), key=lambda node: node.id):
        children[node.parent if node.parent in present else None].append(node)
    found: list[list[Node]] = []
    level = children[None]
    while level:
        found.append(level)
        level = [child for node in level for child in children.get(node.id, ())]
    return found
