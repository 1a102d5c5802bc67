"""A small pure model of the ATS's rules of `POST .../values`, to carry plans out without a server."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from catrelay.models import CategoryValue, CategoryValueWrite, Location
from catrelay.problems import (
    ExternalIdMismatch,
    ExternalIdTaken,
    InvalidLocation,
    LocationNotAllowed,
    Loop,
    NameRequired,
    NotFound,
    ParentHasLocation,
    ParentUnavailable,
    RemapTargetUnavailable,
    RemapWithoutInactivation,
    UnavailableWithParent,
    UnknownParent,
    UnknownRemapTarget,
    ValueHasChildren,
)
from uploader.domain.changes import merged_location
from uploader.domain.present import Present

FIRST_ID = 1_001


@dataclass
class AtsRules:
    """One category of an ATS. writes: every write that changed something."""

    values: dict[int, CategoryValue] = field(default_factory=dict)
    next_id: int = FIRST_ID
    writes: list[CategoryValueWrite] = field(default_factory=list)

    def write(self, write: CategoryValueWrite) -> CategoryValue:
        """Create or update one value. Raises the problem whose rule is broken."""
        before = self._find(write)
        after = self._created(write) if before is None else self._updated(before, write)
        if after != before:
            self._check(after, before)
            self.values[after.id] = after
            self.next_id = max(self.next_id, after.id + 1)
            self.writes.append(write)
        return after

    def children(self, value: int) -> list[CategoryValue]:
        return [child for child in self.values.values() if child.parent == value]

    def by_external_id(self, external_id: str) -> CategoryValue | None:
        return next((value for value in self.values.values() if value.external_id == external_id), None)

    def tree(self) -> tuple[CategoryValue, ...]:
        """The available values, as the ATS answers them."""
        below: dict[int | None, list[CategoryValue]] = defaultdict(list)
        for value in self.values.values():
            if value.available:
                below[value.parent].append(value)

        def branch(parent: int | None) -> tuple[CategoryValue, ...]:
            return tuple(value.model_copy(update={"values": branch(value.id) or None}) for value in below[parent])

        return branch(None)

    def present(self) -> Present:
        """Everything there is."""
        return Present.of(self.tree()).with_found(value for value in self.values.values() if not value.available)

    def shape(self) -> object:
        """The available tree without what the ATS gives: ids."""
        return self._shape(None)

    def _shape(self, parent: int | None) -> list[list[object]]:
        return sorted(
            (
                [value.name, value.code, value.external_id, value.sequence, self._shape(value.id)]
                for value in self.values.values()
                if value.available and value.parent == parent
            ),
            key=repr,
        )

    def _find(self, write: CategoryValueWrite) -> CategoryValue | None:
        if write.id is not None:
            if write.id not in self.values:
                raise NotFound(f"There is no value {write.id}")
            return self.values[write.id]
        return self.by_external_id(write.external_id) if write.external_id is not None else None

    def _created(self, write: CategoryValueWrite) -> CategoryValue:
        if write.name is None:
            raise NameRequired("A value needs a name")
        if write.remapped_to is not None:
            raise RemapWithoutInactivation("A new value has nothing to remap")
        return CategoryValue(
            id=self.next_id,
            available=write.available is not False,
            name=write.name,
            code=write.code,
            external_id=write.external_id,
            sequence=write.sequence,
            parent=write.parent,
            location=write.location,
        )

    def _updated(self, before: CategoryValue, write: CategoryValueWrite) -> CategoryValue:
        given = write.model_fields_set - {"id", "location", "available"}
        patch: dict[str, object] = {name: getattr(write, name) for name in given}
        if "external_id" in given and before.external_id not in (None, write.external_id):
            raise ExternalIdMismatch("An externalId never changes")
        if "location" in write.model_fields_set:
            location = merged_location(write.location, before.location)
            patch["location"] = Location.model_validate(location) if location else None
        takes_over = write.remapped_to is not None and before.remapped_to != write.remapped_to
        if takes_over and not (before.available and write.available is False):
            raise RemapWithoutInactivation("Only with making it unavailable")
        if write.available is not None and write.available != before.available:
            patch["available"] = write.available
            if write.available:
                patch |= {"remapped_to": None, "parent": write.parent}
            else:
                patch |= {"parent": write.parent}
        return before.model_copy(update=patch)

    def _check(self, after: CategoryValue, before: CategoryValue | None) -> None:
        owner = self.by_external_id(after.external_id) if after.external_id is not None else None
        if owner is not None and owner.id != after.id:
            raise ExternalIdTaken("Another value has it")
        if after.parent is not None:
            self._check_parent(after)
        if not after.available and self.children(after.id):
            raise ValueHasChildren("It has children")
        if after.remapped_to is not None and (before is None or before.remapped_to != after.remapped_to):
            target = self.values.get(after.remapped_to)
            if target is None:
                raise UnknownRemapTarget("There is none")
            if not target.available or target.id == after.id:
                raise RemapTargetUnavailable("Gone itself")
        if after.location is not None:
            if self.children(after.id):
                raise LocationNotAllowed("It is no leaf")
            if after.location.lat is None or after.location.lng is None:
                raise InvalidLocation("Needs both")

    def _check_parent(self, after: CategoryValue) -> None:
        if not after.available:
            raise UnavailableWithParent("An unavailable value has no parent")
        above = self.values.get(after.parent) if after.parent is not None else None
        if above is None:
            raise UnknownParent("There is none")
        if not above.available:
            raise ParentUnavailable("It is not available")
        if above.location is not None:
            raise ParentHasLocation("It is a place")
        while above is not None:
            if above.id == after.id:
                raise Loop("It would stand below itself")
            above = self.values.get(above.parent) if above.parent is not None else None


def copy_of(rules: AtsRules) -> AtsRules:
    """The same state, apart from the list of writes."""
    values: Mapping[int, CategoryValue] = rules.values
    return AtsRules(dict(values), rules.next_id)
