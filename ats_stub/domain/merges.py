"""Choices in a tree, put as briefly as possible. Source: docs/contract/, "Jobs, users, candidates"."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Surroundings:
    """What is above chosen values. parents: of each of them and of all that stands above, but for those at the top.

    children: how many available children each of those parents has.
    """

    parents: Mapping[int, int]
    children: Mapping[int, int]

    def above(self, value: int) -> Iterator[int]:
        """What *value* stands below, from its parent up."""
        parent = self.parents.get(value)
        while parent is not None:
            yield parent
            parent = self.parents.get(parent)


def normalised(chosen: Collection[int], surroundings: Surroundings) -> set[int]:
    """The fewest values that select the same leaves as *chosen* do.

    Whatever stands below a chosen folder is dropped, a folder whose children are all chosen takes their place, and so
    on until nothing changes: the order does not matter.
    """
    full = _with_full_folders(chosen, surroundings)
    return {value for value in full if full.isdisjoint(surroundings.above(value))}


def _with_full_folders(chosen: Collection[int], surroundings: Surroundings) -> set[int]:
    full = set(chosen)
    full_children: Counter[int] = Counter()
    waiting = list(full)
    while waiting:
        parent = surroundings.parents.get(waiting.pop())
        if parent is None:
            continue
        full_children[parent] += 1
        if full_children[parent] == surroundings.children[parent] and parent not in full:
            full.add(parent)
            waiting.append(parent)
    return full
