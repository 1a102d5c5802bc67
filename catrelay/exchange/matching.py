"""Which value of the target each value of the source is. Source: docs/contract/, "Between tenants"."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import chain

from catrelay.exchange.nodes import Node, levels
from catrelay.models import Category

Nodes = Mapping[int, Node]
Key = Callable[[Node], Hashable]

# The strongest first. Codes need not be unique: of several values with one code those that are alike go together.
_KEYS: tuple[Key, ...] = (
    lambda node: node.external_id,
    lambda node: (node.code, node.name, node.available) if node.code else None,
    lambda node: (node.code, node.available) if node.code else None,
    lambda node: node.code or None,
)


def match_values(source: Nodes, target: Nodes, known: Mapping[int, int]) -> dict[int, int]:
    """The target's id by the source's, of the values that the target has.

    known: what an earlier import found. A value is matched once at most. Values that have different externalIds are
    different values.
    """
    found = {s: t for s, t in known.items() if s in source and t in target and _may_be_one(source[s], target[t])}
    for key in _KEYS:
        _pair(source, target, found, key)
    _pair_by_name(source, target, found)
    return found


def match_categories(
    source: Iterable[Category], target: Iterable[Category], known: Mapping[int, int]
) -> dict[int, int]:
    """The target's id by the source's, of the categories that the target has: by key, code, then name."""
    wanted = {category.id: category for category in source}
    present = {category.id: category for category in target}
    found = {s: t for s, t in known.items() if s in wanted and t in present and wanted[s].key == present[t].key}
    for member in ("key", "code", "name"):
        taken = set(found.values())
        free: dict[str | None, list[int]] = defaultdict(list)
        for category in present.values():
            if category.id not in taken:
                free[getattr(category, member)].append(category.id)
        for category in wanted.values():
            text = getattr(category, member)
            alike = [t for t in free[text] if present[t].key == category.key]
            if category.id not in found and text is not None and alike:
                found[category.id] = alike[0]
                free[text].remove(alike[0])
    return found


def _may_be_one(source: Node, target: Node) -> bool:
    return source.external_id is None or target.external_id is None or source.external_id == target.external_id


def _pair(source: Nodes, target: Nodes, found: dict[int, int], key: Key) -> None:
    """Match what has the same *key*, from the top down and in the order of ids; None is no key.

    That is the order in which an import makes values: those that are alike are found again as they were made.
    """
    taken = set(found.values())
    free: dict[Hashable, list[Node]] = defaultdict(list)
    for node in reversed(list(chain.from_iterable(levels(target.values())))):
        if node.id not in taken and key(node) is not None:
            free[key(node)].append(node)
    for node in chain.from_iterable(levels(source.values())):
        if node.id not in found and key(node) is not None:
            _take(node, free.get(key(node), []), found)


def _take(node: Node, alike: list[Node], found: dict[int, int]) -> None:
    """Match *node* to the last of *alike* that it may be, and take that away."""
    for index in range(len(alike) - 1, -1, -1):
        if _may_be_one(node, alike[index]):
            found[node.id] = alike.pop(index).id
            return


def _pair_by_name(source: Nodes, target: Nodes, found: dict[int, int]) -> None:
    """Match what has the same name at the same place, from the top down: a parent is matched before its children."""
    taken = set(found.values())
    free: dict[Hashable, list[Node]] = defaultdict(list)
    for node in sorted(target.values(), key=lambda node: -node.id):
        if node.id not in taken:
            free[(node.name, node.parent, node.available)].append(node)
    for level in levels(source.values()):
        for node in level:
            at_home = node.parent is None or node.parent in found
            if node.id not in found and at_home:
                parent = None if node.parent is None else found[node.parent]
                _take(node, free.get((node.name, parent, node.available), []), found)
