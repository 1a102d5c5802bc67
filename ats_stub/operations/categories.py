"""What can be done to categories."""

from ats_stub.domain import categories as rules
from ats_stub.operations import journal
from ats_stub.store import Unit, WriteUnit
from ats_stub.store.changes import Change
from catrelay.models import Category, CategoryWrite
from catrelay.problems import CategoryInUse, CategoryKeyTaken, Conflict, NotFound


def category_of(unit: Unit, category_id: int) -> Category:
    """The category. Raises NotFound."""
    category = unit.categories.get(category_id)
    if category is None:
        raise NotFound(f"There is no category {category_id}")
    return category


def create_category(unit: WriteUnit, write: CategoryWrite) -> Category:
    """Make a category. Raises CategoryKeyTaken when its key is another's."""
    category = rules.created(write, new_id=unit.new_id())
    if category.key is not None and unit.categories.with_key(category.key) is not None:
        raise CategoryKeyTaken(f"Another category has the key {category.key}")
    unit.categories.insert(category)
    unit.changes.append(Change("category", category.id, "insert"))
    return category


def update_category(unit: WriteUnit, category_id: int, write: CategoryWrite) -> Category:
    """Apply a merge patch to a category."""
    present = category_of(unit, category_id)
    unit.check_match(present)
    category = rules.updated(present, write)
    if category != present:
        unit.categories.update(category)
        unit.changes.append(Change("category", category.id, "update"))
    return category


def delete_category(unit: WriteUnit, category_id: int, *, force: bool) -> None:
    """Remove a category with all its values: one `inactivate` entry per available value.

    Raises CategoryInUse while objects use its values, unless *force*; Conflict for the org tree's category.
    """
    category = category_of(unit, category_id)
    unit.check_match(category)
    journal.check_journal(unit, category.id)
    if category.id == unit.counters.orgs_category:
        raise Conflict("The category of the org tree cannot be deleted")
    if not force and unit.links.is_used(category.id):
        raise CategoryInUse(f"Objects still use values of category {category.id}: repeat with ?force=true")
    for value in sorted(unit.values.available(category.id), key=lambda value: value.id):
        journal.inactivate(unit, value)
    unit.categories.delete(category.id)
    unit.values.forget()
    unit.changes.append(Change("category", category.id, "delete"))
