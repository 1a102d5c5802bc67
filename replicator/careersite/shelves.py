"""How the page arranges what it holds: by category and value, each with its way through the tree. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from catrelay.models import CategoryValue
from catrelay.trees import sibling_order
from replicator.careersite.store import Held

ORGS_NAME = "Organisation"


@dataclass(frozen=True)
class Label:
    """A value that holds testimonials. above: the names above it, from the root. count: with what is below."""

    value: int
    name: str
    above: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Shelf:
    """A category with the values that hold testimonials, in the tree's order."""

    name: str
    labels: tuple[Label, ...]


def shelves(
    categories: Iterable[tuple[int, str]],
    values: Mapping[int, Mapping[int, CategoryValue]],
    held: Sequence[Held],
) -> list[Shelf]:
    """The categories that hold testimonials, in the order given. values: the available ones, by category and id."""
    counts = {(each.category, each.value): each.testimonials for each in held if each.value is not None}
    found: list[Shelf] = []
    for category, name in categories:
        known = values[category]
        holding = [value for of, value in counts if of == category and value in known]
        holding.sort(key=lambda value: _order_of_way(value, known))
        totals: Counter[int] = Counter()
        for value in holding:
            for node in way_to(value, known):
                totals[node.id] += counts[category, value]
        labels = tuple(
            Label(value, known[value].name, tuple(path_to(value, known)[:-1]), totals[value]) for value in holding
        )
        if labels:
            found.append(Shelf(name, labels))
    return found


def _order_of_way(value: int, values: Mapping[int, CategoryValue]) -> list[tuple[bool, float, str, int]]:
    return [sibling_order(node.id, node.name, node.sequence) for node in way_to(value, values)]


def path_to(value: int, values: Mapping[int, CategoryValue]) -> list[str]:
    """The names from the root to *value*; none when it is not among *values*."""
    return [node.name for node in way_to(value, values)]


def way_to(value: int, values: Mapping[int, CategoryValue]) -> list[CategoryValue]:
    """The nodes from the root to *value*; one whose parent is not there (yet) counts as a root."""
    way: list[CategoryValue] = []
    at = values.get(value)
    while at is not None and at not in way:
        way.append(at)
        at = values.get(at.parent) if at.parent is not None else None
    return way[::-1]
