"""What a write to a user means, and which lists a user is in. Source: docs/contract/, "Jobs, users, candidates"."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ats_stub.domain import people
from ats_stub.domain.patches import Document, check_external_id, patched_state
from ats_stub.domain.references import (
    Catalogue,
    Reference,
    References,
    check_mandatory,
    check_references,
    collapsed,
)
from catrelay.models import CategoryActual, UserRead, UserWrite
from catrelay.problems import FieldError, NullNotAllowed, UnknownCategory

UserList = Literal["users", "users/active", "users/active/managers", "users/active/recruiters"]


@dataclass(frozen=True)
class User:
    """A user's whole state. Its orgs are ids, ascending and each there once; activeFlag is set."""

    id: int
    state: UserWrite
    date_last_updated: datetime

    def as_answered(self) -> UserRead:
        """The user as answered."""
        members = dict(self.state) | {"orgs": self.orgs or None}
        return UserRead(id=self.id, date_last_updated=self.date_last_updated, **members)

    @property
    def orgs(self) -> tuple[int, ...]:
        """The values of the org tree that the user references."""
        orgs = self.state.orgs
        return orgs.values if isinstance(orgs, CategoryActual) else orgs or ()

    def references(self, orgs_category: int) -> References:
        """The values that the user references, by category."""
        return {orgs_category: self.orgs} if self.orgs else {}


def patched(present: User | None, patch: Document, catalogue: Catalogue) -> UserWrite:
    """The state of *present* (None: of a user to be made) with the JSON Merge Patch *patch* applied.

    catalogue: of the org tree alone. A user without activeFlag is active.
    Raises InvalidRequest, NullNotAllowed, ExternalIdImmutable, ReferenceBroken or LimitExceeded.
    """
    before = {} if present is None else present.state.to_document()
    check_external_id("user", before, patch)
    if patch.get("activeFlag", True) is None:
        raise NullNotAllowed("activeFlag cannot be null", errors=[FieldError("/activeFlag", "cannot be null")])
    state = patched_state(before, patch, UserWrite)
    wanted = list(_references_of(state, catalogue))
    held = {} if present is None else present.references(catalogue.orgs_category)
    check_references(wanted, held, catalogue)
    references = collapsed(wanted)
    orgs = tuple(sorted(references.get(catalogue.orgs_category, ())))
    normal = state.model_copy(update={"orgs": orgs or None, "active_flag": state.active_flag is not False})
    if present is None or normal != present.state:
        check_mandatory(references, catalogue)
    return normal


def is_in(which: UserList, user: UserWrite) -> bool:
    """Whether the user is in the list."""
    match which:
        case "users":
            return True
        case "users/active":
            return user.active_flag is True
        case "users/active/managers":
            return user.active_flag is True and user.manager is not None
        case "users/active/recruiters":
            return user.active_flag is True and user.recruiter is not None


def texts_of(user: UserWrite) -> tuple[str | None, ...]:
    """What keywords are looked for in."""
    return (*people.texts_of(user.person), None if user.login is None else user.login.name_id)


def _references_of(user: UserWrite, catalogue: Catalogue) -> Iterator[Reference]:
    orgs, pointer = user.orgs, "/orgs"
    if isinstance(orgs, CategoryActual):
        if orgs.category != catalogue.orgs_category:
            raise UnknownCategory(
                f"Category {orgs.category} is not the org tree",
                errors=[FieldError("/orgs/category", "is not the org tree's")],
            )
        orgs, pointer = orgs.values, "/orgs/values"
    for index, value in enumerate(orgs or ()):
        yield Reference(catalogue.orgs_category, value, f"{pointer}/{index}")
