"""What the ATS holds on a value, and what a change to it would do here."""

from datetime import datetime

from ats_stub.domain.references import KINDS
from ats_stub.domain.related import MAX_TITLES, Holders, change_impact, summary
from ats_stub.domain.values import decide
from ats_stub.operations.categories import category_of
from ats_stub.operations.values import value_of
from ats_stub.store import Unit
from catrelay.models import CategoryValueWrite, RelatedData
from catrelay.problems import FieldError, InvalidRequest, NotFound


def summary_of(unit: Unit, category_id: int, value_id: int, *, now: datetime) -> RelatedData:
    """What references the value. Raises NotFound when nothing does."""
    value = value_of(unit, category_id, value_id)
    holders = Holders(
        {kind: unit.links.count(kind, value_id) for kind in KINDS},
        unit.jobs.open_holding(value_id, now),
        unit.jobs.titles_holding(value_id, limit=MAX_TITLES),
    )
    found = summary(value, holders)
    if found is None:
        raise NotFound(f"Nothing references value {value_id}")
    return found


def change_impact_of(unit: Unit, category_id: int, value_id: int, intended: CategoryValueWrite) -> RelatedData:
    """What the value's intended state would do to what references it.

    Raises NotFound when nothing, and what the write itself would be refused with.
    """
    category = category_of(unit, category_id)
    if intended.id is not None and intended.id != value_id:
        raise InvalidRequest(
            f"The path names value {value_id}, the body {intended.id}",
            errors=[FieldError("/id", f"is not {value_id}, the value in the path")],
        )
    write = intended.model_copy(update={"id": value_id})
    decision = decide(category, write, unit.values, new_id=unit.counters.next_id)
    target = None if decision.after.remapped_to is None else unit.values.value(decision.after.remapped_to)
    found = change_impact(
        decision,
        target,
        {kind: unit.links.count(kind, value_id) for kind in KINDS},
        {} if target is None else {kind: unit.links.count_both(kind, value_id, target.id) for kind in KINDS},
    )
    if found is None:
        raise NotFound(f"The change of value {value_id} would change nothing else")
    return found
