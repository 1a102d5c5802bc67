"""Where a value that leaves and one that comes look like one renamed value. Source: docs/contract/, "Uploads"."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from catrelay.models import CategoryValue, Suggestion, SuggestionTarget
from uploader.domain.plan import Action, Plan
from uploader.domain.wanted import WantedNode

LIKENESS = 0.8
SAME_CHILDREN = "same children"
LIKE_NAME = "like name, same parent"
MAX_COMPARISONS = 20_000
"""Bound over all pairs of names that are compared by edits, so that a plan's cost stays linear."""


@dataclass(frozen=True, slots=True)
class _Coming:
    node: WantedNode
    name: str
    parent: int | None
    target: SuggestionTarget


def suggest(plan: Plan) -> tuple[Suggestion, ...]:
    """Remaps that the sender may mean: each value that leaves at most once, in the order of the plan."""
    leaving = {
        action.target.id: action.target
        for action in plan.actions
        if action.operation == "inactivate" and action.problem is None and action.target is not None
    }
    coming = [one for action in plan.actions if (one := _coming(action, plan)) is not None]
    found = _by_children(leaving, plan) if leaving else {}
    taken = {(target.id, target.pointer) for target, _ in found.values()}
    rest = [target for id_, target in leaving.items() if id_ not in found]
    free = [one for one in coming if (one.target.id, one.target.pointer) not in taken]
    found |= _by_name(rest, free)
    return tuple(Suggestion(remap=id_, to=found[id_][0], why=found[id_][1]) for id_ in leaving if id_ in found)


def _coming(action: Action, plan: Plan) -> _Coming | None:
    node = action.node
    if node is None or action.problem is not None or not node.available:
        return None
    above = plan.match.objects.get(node.parent) if node.parent is not None else None
    if node.parent is not None and above is None:
        return None  # what stands under a new node has no parent in common with anything that is there
    parent = above.id if above is not None else None
    if action.operation == "create" and node.value.name is not None:
        return _Coming(node, node.value.name, parent, SuggestionTarget(pointer=node.pointer))
    if action.operation == "activate" and action.target is not None:
        return _Coming(node, node.value.name or action.target.name, parent, SuggestionTarget(id=action.target.id))
    return None


_Found = dict[int, tuple[SuggestionTarget, str]]


def _by_children(leaving: dict[int, CategoryValue], plan: Plan) -> _Found:
    """Values all of whose children go on under one and the same node."""
    new_parents: dict[int, set[int | None]] = defaultdict(set)
    for index, target in plan.match.objects.items():
        if target.parent is not None and target.parent in leaving and plan.wanted[index].available:
            new_parents[target.parent].add(plan.wanted[index].parent)
    found: _Found = {}
    for id_, indexes in new_parents.items():
        above, *others = indexes
        if above is None or others or any(child.id in leaving for child in plan.present.children[id_]):
            continue
        found[id_] = _shown(above, plan), SAME_CHILDREN
    return found


def _shown(index: int, plan: Plan) -> SuggestionTarget:
    known = plan.match.objects.get(index)
    return SuggestionTarget(id=known.id) if known is not None else SuggestionTarget(pointer=plan.wanted[index].pointer)


def _by_name(leaving: list[CategoryValue], coming: list[_Coming]) -> _Found:
    """Values with the same or a like name under the same parent; each value that comes is taken once."""
    same: dict[tuple[int | None, str], list[_Coming]] = defaultdict(list)
    for one in reversed(coming):
        same[one.parent, one.name.casefold()].append(one)
    found: _Found = {}
    for target in leaving:
        if same.get((target.parent, target.name.casefold())):
            found[target.id] = same[target.parent, target.name.casefold()].pop().target, LIKE_NAME
    siblings: dict[int | None, list[_Coming]] = defaultdict(list)
    for one in (one for left in same.values() for one in left):
        siblings[one.parent].append(one)
    comparisons = 0
    for target in leaving:
        near = siblings.get(target.parent, []) if target.id not in found else []
        comparisons += len(near)
        if comparisons > MAX_COMPARISONS:
            break
        best = max(_alike(target.name, near), default=None, key=lambda pair: pair[0])
        if best is not None:
            near.remove(best[1])
            found[target.id] = best[1].target, LIKE_NAME
    return found


def _alike(name: str, coming: list[_Coming]) -> Iterator[tuple[float, _Coming]]:
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(name.casefold())
    for one in coming:
        matcher.set_seq1(one.name.casefold())
        if matcher.real_quick_ratio() >= LIKENESS and matcher.quick_ratio() >= LIKENESS:
            likeness = matcher.ratio()
            if likeness >= LIKENESS:
                yield likeness, one
