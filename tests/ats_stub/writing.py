"""Units of work as a test's arrangement needs them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from ats_stub.operations.values import write_value
from ats_stub.store import Store, WriteUnit
from catrelay.models import CategoryValueWrite
from catrelay.tokens import Access

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)

Result = TypeVar("Result")


def written(store: Store, access: Access, act: Callable[[WriteUnit], Result]) -> Result:
    """What *act* returns, done in one unit of work."""
    with store.write(access.tenant_id, app="tests", now=NOW) as unit:
        return act(unit)


def add(store: Store, access: Access, category: int, name: str) -> int:
    """The id of a new value."""
    return write(store, access, category, CategoryValueWrite(name=name))


def write(store: Store, access: Access, category: int, value: CategoryValueWrite) -> int:
    """The id of a value that was written."""
    return written(store, access, lambda unit: write_value(unit, category, value))[0].id


def remap(store: Store, access: Access, category: int, value: int, to: int) -> None:
    """Remap one value to another."""
    write(store, access, category, CategoryValueWrite(id=value, available=False, remapped_to=to))
