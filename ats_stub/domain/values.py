"""What a write to a category's tree means. Source: docs/contract/, "Rules of POST .../values"."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from ats_stub.domain.names import is_blank
from catrelay.models import Category, CategoryValue, CategoryValueWrite, Location
from catrelay.problems import (
    ExternalIdImmutable,
    ExternalIdMismatch,
    ExternalIdTaken,
    FieldError,
    InvalidLocation,
    LimitExceeded,
    LocationNotAllowed,
    Loop,
    NameRequired,
    NestedValues,
    NotFound,
    NullNotAllowed,
    ParentHasLocation,
    ParentUnavailable,
    RemapAcrossCategories,
    RemapTargetNotSelectable,
    RemapTargetUnavailable,
    RemapToItself,
    RemapWithoutInactivation,
    UnavailableWithParent,
    UnknownParent,
    UnknownRemapTarget,
    ValueHasChildren,
)

MAX_TREE_DEPTH = 50
"""Levels of a tree, its roots being the first."""

_TAKEN_AS_SENT = frozenset(("available", "name", "code", "external_id", "sequence", "parent", "remapped_to"))

Effect = Literal["inactivate", "remap", "restore"]


@dataclass(frozen=True, slots=True)
class Value:
    """A node's whole state."""

    id: int
    category: int
    name: str
    available: bool = True
    code: str | None = None
    external_id: str | None = None
    sequence: int | float | None = None
    parent: int | None = None
    remapped_to: int | None = None
    location: Location | None = None

    def document(self) -> dict[str, Any]:
        """The node as answered, JSON-ready, without its children."""
        members = {
            "id": self.id,
            "available": self.available,
            "name": self.name,
            "code": self.code,
            "externalId": self.external_id,
            "sequence": self.sequence,
            "parent": self.parent,
            "remappedTo": self.remapped_to,
            "location": None if self.location is None else self.location.to_document(),
        }
        return {name: member for name, member in members.items() if member is not None}

    def as_answered(self) -> CategoryValue:
        """The node as answered, without its children."""
        return CategoryValue.model_validate(self.document())


class Surroundings(Protocol):
    """What the rules ask of the tree around a node."""

    def value(self, value_id: int) -> Value | None:
        """Any value of the tenant."""

    def by_external_id(self, category: int, external_id: str) -> Value | None:
        """The node of the category that has it, available or not."""

    def children(self, value_id: int) -> Sequence[int]:
        """The ids of its children (all of them available, by rule 4)."""


@dataclass(frozen=True)
class Decision:
    """What becomes of the node. before: None when it is made. effect: what the journal has to say, if anything."""

    before: Value | None
    after: Value
    effect: Effect | None

    @property
    def created(self) -> bool:
        """Whether the node is new."""
        return self.before is None

    @property
    def changes_something(self) -> bool:
        """Whether there is anything to store and to tell."""
        return self.before != self.after


def decide(category: Category, write: CategoryValueWrite, around: Surroundings, *, new_id: int) -> Decision:
    """The decision on *write*, a JSON Merge Patch of one node of *category*.

    new_id: the id that the node gets if it is made. Raises a ValueRuleBroken, LimitExceeded or, for an unknown id,
    NotFound.
    """
    given = write.model_fields_set
    _refuse_nulls(write)
    before = _identify(category, write, around)
    if before is None:
        if write.name is None:
            raise NameRequired("A new value needs a name", errors=[FieldError("/name", "is missing")])
        before_or_new = Value(id=new_id, category=category.id, name=write.name)
    else:
        before_or_new = before
    _check_external_id(category, write, before, around)
    after = _check_availability(_merged(before_or_new, write), before, write, around)
    if after.parent is not None and (before is None or after.parent != before.parent):
        _check_parent(category, after, around, is_new=before is None)
    if "location" in given and after.location is not None:
        _check_location(category, after, around)
    effect = _effect(before, after)
    if effect == "remap":
        _check_remap_target(category, after, around)
    return Decision(before, after, effect)


def _refuse_nulls(write: CategoryValueWrite) -> None:
    for member in ("id", "name", "available"):
        if member in write.model_fields_set and getattr(write, member) is None:
            raise NullNotAllowed(f"{member} cannot be null", errors=[FieldError(f"/{member}", "cannot be null")])
    if write.name is not None and is_blank(write.name):
        raise NameRequired("A value's name cannot be blank", errors=[FieldError("/name", "is blank")])
    if "values" in write.model_fields_set:
        raise NestedValues(
            "Send each child as a node of its own", errors=[FieldError("/values", "is not accepted here")]
        )


def _identify(category: Category, write: CategoryValueWrite, around: Surroundings) -> Value | None:
    if write.id is not None:
        found = around.value(write.id)
        if found is None or found.category != category.id:
            raise NotFound(f"Category {category.id} has no value {write.id}")
        return found
    if write.external_id is not None:
        return around.by_external_id(category.id, write.external_id)
    return None


def _check_external_id(
    category: Category, write: CategoryValueWrite, before: Value | None, around: Surroundings
) -> None:
    if "external_id" not in write.model_fields_set or before is None:
        return
    present = before.external_id
    if present is not None and write.external_id is None:
        raise ExternalIdImmutable(
            f"Value {before.id} keeps its externalId {present!r}", errors=[FieldError("/externalId", "cannot be null")]
        )
    if present is not None and write.external_id != present:
        raise ExternalIdMismatch(
            f"Value {before.id} has the externalId {present!r}, not {write.external_id!r}",
            errors=[FieldError("/externalId", f"is not that of value {before.id}")],
        )
    if present is None and write.external_id is not None:
        other = around.by_external_id(category.id, write.external_id)
        if other is not None:
            raise ExternalIdTaken(
                f"Value {other.id} has the externalId {write.external_id!r}",
                errors=[FieldError("/externalId", f"belongs to value {other.id}")],
            )


def _merged(present: Value, write: CategoryValueWrite) -> Value:
    given: dict[str, Any] = {name: getattr(write, name) for name in write.model_fields_set & _TAKEN_AS_SENT}
    if "location" in write.model_fields_set:
        given["location"] = _merged_location(present.location, write.location)
    return replace(present, **given)


def _merged_location(present: Location | None, patch: Location | None) -> Location | None:
    if patch is None:
        return None
    return (present or Location()).model_copy(update={name: getattr(patch, name) for name in patch.model_fields_set})


def _check_availability(after: Value, before: Value | None, write: CategoryValueWrite, around: Surroundings) -> Value:
    """*after* with what follows from its availability, once rules 4, 5 and 8 hold."""
    was_available = before is not None and before.available
    if not after.available and write.parent is not None:
        raise UnavailableWithParent(
            "An unavailable value has no parent", errors=[FieldError("/parent", "is given for an unavailable value")]
        )
    if was_available and not after.available:
        if around.children(after.id):
            raise ValueHasChildren(f"Value {after.id} still has available children: move or inactivate them first")
        return replace(after, parent=None)
    earlier_target = before.remapped_to if before is not None else None
    is_restored = before is not None and not before.available and after.available
    if is_restored and write.remapped_to in (None, earlier_target):
        # Sent back as it was answered, but for its availability: the remap is cleared all the same.
        return replace(after, remapped_to=None)
    if after.remapped_to != earlier_target:
        raise RemapWithoutInactivation(
            "remappedTo is set only in the request that makes the value unavailable",
            errors=[FieldError("/remappedTo", "comes with making the value unavailable")],
        )
    return after


def _effect(before: Value | None, after: Value) -> Effect | None:
    if before is None or before.available == after.available:
        return None
    if after.available:
        return "restore"
    return "inactivate" if after.remapped_to is None else "remap"


def _check_parent(category: Category, after: Value, around: Surroundings, *, is_new: bool) -> None:
    assert after.parent is not None

    def wrong(detail: str) -> list[FieldError]:
        return [FieldError("/parent", detail)]

    parent = around.value(after.parent)
    if parent is None or parent.category != category.id:
        raise UnknownParent(f"Category {category.id} has no value {after.parent}", errors=wrong("does not exist"))
    if not parent.available:
        raise ParentUnavailable(f"Value {parent.id} is not available", errors=wrong("is not available"))
    if parent.location is not None:
        raise ParentHasLocation(
            f"Value {parent.id} has a location, so it has no children", errors=wrong("has a location")
        )
    level = 1
    for ancestor in _upwards(parent, around):
        if ancestor.id == after.id:
            raise Loop(f"Value {after.id} cannot stand below itself", errors=wrong("is the value or stands below it"))
        level += 1
    height = 1 if is_new else _height(after.id, around)
    if level + height - 1 > MAX_TREE_DEPTH:
        raise LimitExceeded(f"A tree has at most {MAX_TREE_DEPTH} levels", errors=wrong("stands too deep"))


def _upwards(value: Value, around: Surroundings) -> Iterator[Value]:
    current: Value | None = value
    while current is not None:
        yield current
        current = None if current.parent is None else around.value(current.parent)


def _height(value_id: int, around: Surroundings) -> int:
    """Levels of the subtree: 1 for a leaf."""
    height, level = 0, [value_id]
    while level:
        height += 1
        level = [child for node in level for child in around.children(node)]
    return height


def _check_location(category: Category, after: Value, around: Surroundings) -> None:
    assert after.location is not None
    if category.key != "LOCATION":
        raise LocationNotAllowed(
            f"Category {category.id} is not the LOCATION category", errors=[FieldError("/location", "is not allowed")]
        )
    if around.children(after.id):
        raise LocationNotAllowed(
            f"Value {after.id} has children: only a leaf has a location",
            errors=[FieldError("/location", "is not allowed")],
        )
    missing = [name for name in ("lat", "lng") if getattr(after.location, name) is None]
    if missing:
        raise InvalidLocation(
            f"A location needs {' and '.join(missing)}",
            errors=[FieldError(f"/location/{name}", "is missing") for name in missing],
        )


def _check_remap_target(category: Category, after: Value, around: Surroundings) -> None:
    assert after.remapped_to is not None

    def wrong(detail: str) -> list[FieldError]:
        return [FieldError("/remappedTo", detail)]

    if after.remapped_to == after.id:
        raise RemapToItself(f"Value {after.id} cannot be remapped to itself", errors=wrong("is the value itself"))
    target = around.value(after.remapped_to)
    if target is None:
        raise UnknownRemapTarget(f"There is no value {after.remapped_to}", errors=wrong("does not exist"))
    if target.category != category.id:
        raise RemapAcrossCategories(
            f"Value {target.id} is not in category {category.id}", errors=wrong("is in another category")
        )
    if not target.available:
        raise RemapTargetUnavailable(f"Value {target.id} is not available", errors=wrong("is not available"))
    leaves_only = category.job_rules.leaf_selection_only or category.candidate_rules.leaf_selection_only
    if leaves_only and set(around.children(target.id)) - {after.id}:
        raise RemapTargetNotSelectable(
            f"Value {target.id} has children, and category {category.id} takes leaves only",
            errors=wrong("cannot be selected"),
        )
