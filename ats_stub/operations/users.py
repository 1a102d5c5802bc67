"""What can be done to users."""

from ats_stub.domain.patches import Document
from ats_stub.domain.references import Catalogue
from ats_stub.domain.users import User, patched
from ats_stub.store import Unit, WriteUnit
from ats_stub.store.changes import Change
from catrelay.models import UserWrite
from catrelay.problems import ExternalIdTaken, FieldError, LoginTaken, NotFound


def create_user(unit: WriteUnit, patch: Document) -> User:
    """Make a user."""
    state = patched(None, patch, _catalogue(unit))
    _check_unique(unit, state, None)
    user = User(unit.new_id(), state, unit.now)
    unit.users.insert(user)
    unit.changes.append(Change("user", user.id, "insert"))
    return user


def patch_user(unit: WriteUnit, user_id: int, patch: Document) -> User:
    """Apply a merge patch to a user. One that changes nothing leaves its date, too."""
    present = user_of(unit, user_id)
    unit.check_match(present.as_answered())
    state = patched(present, patch, _catalogue(unit))
    if state == present.state:
        return present
    _check_unique(unit, state, user_id)
    user = User(user_id, state, unit.now)
    unit.users.update(user)
    unit.changes.append(Change("user", user.id, "update"))
    return user


def user_of(unit: Unit, user_id: int) -> User:
    """The user. Raises NotFound."""
    user = unit.users.get(user_id)
    if user is None:
        raise NotFound(f"There is no user {user_id}")
    return user


def _catalogue(unit: Unit) -> Catalogue:
    orgs = unit.counters.orgs_category
    tree = unit.categories.get(orgs)
    assert tree is not None
    return Catalogue({orgs: tree}, orgs, unit.values, orgs_member="orgs")


def _check_unique(unit: Unit, state: UserWrite, user_id: int | None) -> None:
    """Raise ExternalIdTaken or LoginTaken when another user than *user_id* has them."""
    other = None if state.external_id is None else unit.users.with_external_id(state.external_id)
    if other not in (None, user_id):
        raise ExternalIdTaken(
            f"User {other} has the externalId {state.external_id!r}",
            errors=[FieldError("/externalId", f"belongs to user {other}")],
        )
    other = None if state.login is None else unit.users.with_login(state.login)
    if other not in (None, user_id):
        raise LoginTaken(f"User {other} has this login", errors=[FieldError("/login", f"belongs to user {other}")])
