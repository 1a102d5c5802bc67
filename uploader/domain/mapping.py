"""Which object each wanted node is. Source: docs/contract/, "Uploads", mapping."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from catrelay.models import CategoryValue
from catrelay.problems import (
    ExternalIdMismatch,
    ExternalIdTaken,
    InvalidRequest,
    NotFound,
    NullNotAllowed,
    Problem,
)
from uploader.domain.changes import location_members
from uploader.domain.present import Present
from uploader.domain.wanted import WantedNode, refuse_ambiguity


@dataclass(frozen=True)
class Earlier:
    """What is known from the first plan of the same upload.

    baseline: the ids that were available then. pins: by pointer, the id that a node was found or created under.
    """

    baseline: Collection[int]
    pins: Mapping[str, int]


@dataclass(frozen=True)
class Match:
    """objects: the object of each wanted node that has one, by index. failures: by index, why a node cannot be one."""

    objects: dict[int, CategoryValue] = field(default_factory=dict)
    failures: dict[int, Problem] = field(default_factory=dict)


@dataclass(frozen=True)
class Lookups:
    """What the tree of available values does not answer."""

    ids: frozenset[int]
    external_ids: frozenset[str]


def lookups(wanted: Sequence[WantedNode], present: Present, earlier: Earlier | None = None) -> Lookups:
    """The ids and externalIds that are named, but not by an available node."""
    pins = earlier.pins if earlier is not None else {}
    ids = {node.value.id for node in wanted} | {node.value.remapped_to for node in wanted} | set(pins.values())
    by_external_id = {
        node.value.external_id for node in wanted if node.value.id is None and node.pointer not in pins
    } - present.by_external_id.keys()
    return Lookups(
        frozenset(id_ for id_ in ids if id_ is not None and id_ not in present.nodes),
        frozenset(external_id for external_id in by_external_id if external_id is not None),
    )


def match(wanted: Sequence[WantedNode], present: Present, earlier: Earlier | None = None) -> Match:
    """Map *wanted* to *present*, which has what `lookups` asked for, as far as it exists.

    Raises UploadMappingAmbiguous when two nodes map to one object.
    """
    found = Match()
    for node in wanted:
        _identify(node, present, earlier.pins if earlier is not None else {}, found)
    _refuse_twins(wanted, found)
    if earlier is not None:
        _adopt(wanted, present, earlier, found)
    for node in wanted:
        if node.index not in found.failures:
            _check_parent(node, found)
    return found


def _identify(node: WantedNode, present: Present, pins: Mapping[str, int], found: Match) -> None:
    named = pins.get(node.pointer, node.value.id)
    if named is None:
        known = present.by_external_id.get(node.value.external_id) if node.value.external_id is not None else None
        if known is not None:
            found.objects[node.index] = known
        return
    target = present.nodes.get(named)
    if target is None:
        found.failures[node.index] = NotFound(f"There is no value {named} in this category")
        return
    found.objects[node.index] = target
    failure = _external_id_failure(node, target, present)
    if failure is not None:
        found.failures[node.index] = failure


def _external_id_failure(node: WantedNode, target: CategoryValue, present: Present) -> Problem | None:
    external_id = node.value.external_id
    if external_id is None:
        if node.gives("external_id") and target.external_id is not None:
            return NullNotAllowed(f"The externalId of value {target.id} cannot be cleared")
        return None
    if target.external_id is not None:
        if target.external_id != external_id:
            return ExternalIdMismatch(f"Value {target.id} has the externalId {target.external_id!r}")
        return None
    owner = present.by_external_id.get(external_id)
    return ExternalIdTaken(f"Value {owner.id} has the externalId {external_id!r}") if owner is not None else None


def _refuse_twins(wanted: Sequence[WantedNode], found: Match) -> None:
    pointers: dict[str, list[str]] = defaultdict(list)
    for index, target in found.objects.items():
        pointers[f"value {target.id}"].append(wanted[index].pointer)
    refuse_ambiguity(pointers)


def _adopt(wanted: Sequence[WantedNode], present: Present, earlier: Earlier, found: Match) -> None:
    """Recognise what this upload created when nobody took note: nodes that nothing in the body names."""
    owned = {target.id for target in found.objects.values()}
    candidates: dict[tuple[int | None, str], list[CategoryValue]] = defaultdict(list)
    for target in sorted(present.available.values(), key=lambda target: target.id):
        if target.id not in owned and target.id not in earlier.baseline:
            candidates[target.parent, target.name].append(target)
    for node in wanted if candidates else ():
        if not node.nameless or node.index in found.objects or node.value.name is None:
            continue
        parent = None
        if node.parent is not None:
            if node.parent not in found.objects:
                continue
            parent = found.objects[node.parent].id
        twins = candidates.get((parent, node.value.name), [])
        adopted = next((target for target in twins if _was_made_from(node, target)), None)
        if adopted is not None:
            twins.remove(adopted)
            found.objects[node.index] = adopted


def _was_made_from(node: WantedNode, target: CategoryValue) -> bool:
    value = node.value
    given = (value.code, value.sequence, location_members(value.location), None)
    return given == (target.code, target.sequence, location_members(target.location), target.external_id)


def _check_parent(node: WantedNode, found: Match) -> None:
    if node.value.parent is None or node.parent is None:
        return
    above = found.objects.get(node.parent)
    if above is None or above.id != node.value.parent:
        found.failures[node.index] = InvalidRequest(f"The parent at {node.pointer} says otherwise than the nesting")
