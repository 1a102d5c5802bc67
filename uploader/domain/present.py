"""What is there: the tree that the ATS answers, and unavailable nodes that were looked up."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from catrelay.models import CategoryValue


@dataclass(frozen=True)
class Present:
    """nodes: by id, each with its parent and without its children; the available ones whole, parents first."""

    nodes: Mapping[int, CategoryValue]

    @classmethod
    def of(cls, tree: Sequence[CategoryValue]) -> "Present":
        """From a tree answer, where the nesting says who stands under whom."""
        nodes: dict[int, CategoryValue] = {}
        stack: list[tuple[CategoryValue, int | None]] = [(root, None) for root in reversed(tree)]
        while stack:
            value, parent = stack.pop()
            nodes[value.id] = value.model_copy(update={"parent": parent, "values": None, "available": True})
            stack += [(child, value.id) for child in reversed(value.values or ())]
        return cls(nodes)

    def with_found(self, found: Iterable[CategoryValue]) -> "Present":
        """With nodes that were looked up besides; what the tree says goes first."""
        nodes = dict(self.nodes)
        for value in found:
            # One that became available since the tree was read may stand under one that the tree does not have.
            parent = value.parent if value.parent in nodes else None
            nodes.setdefault(value.id, value.model_copy(update={"parent": parent}))
        return Present(nodes)

    @cached_property
    def available(self) -> Mapping[int, CategoryValue]:
        """The available nodes."""
        return {id_: node for id_, node in self.nodes.items() if node.available}

    @cached_property
    def by_external_id(self) -> Mapping[str, CategoryValue]:
        """The nodes that have an externalId."""
        return {node.external_id: node for node in self.nodes.values() if node.external_id is not None}

    @cached_property
    def children(self) -> Mapping[int | None, Sequence[CategoryValue]]:
        """Available children by parent; None: the roots."""
        found: dict[int | None, list[CategoryValue]] = defaultdict(list)
        for node in self.available.values():
            found[node.parent].append(node)
        return found

    @cached_property
    def depths(self) -> Mapping[int, int]:
        """How many available nodes stand above each available node."""
        depths: dict[int, int] = {}
        for id_, node in self.available.items():
            depths[id_] = 0 if node.parent is None else depths[node.parent] + 1
        return depths
