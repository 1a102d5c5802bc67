"""Taking a remap back."""

from ats_stub.domain.values import Value, decide
from ats_stub.operations.categories import category_of
from ats_stub.operations.journal import check_journal, move_links, new_entry
from ats_stub.store import WriteUnit
from ats_stub.store.changes import Change
from ats_stub.store.journal import UNKNOWN_PARENT, Remap
from catrelay.models import Category, CategoryValueWrite, JournalEntry
from catrelay.problems import CannotUndo, JournalCompacted, LimitExceeded, NotFound, ValueRuleBroken


def undo(unit: WriteUnit, category_id: int, seq: int) -> JournalEntry:
    """Take the remap with *seq* back: its value stands where it stood, and all that it moved returns to it.

    Raises NotFound, JournalCompacted, or CannotUndo when that would not be exact.
    """
    category = category_of(unit, category_id)
    check_journal(unit, category.id)
    found = _remap(unit, category, seq)
    entry = found.entry
    assert entry.remapped_to is not None
    for touched in (entry.remapped_to, entry.id):
        later = unit.journal.standing_after(seq, touched)
        if later is not None:
            raise CannotUndo(f"Entry {later} took value {touched} away since, and was not undone", blockedBy=later)
    value = _make_available(unit, category, entry.id, found.parent)
    undone = new_entry(unit, value, "undo").model_copy(update={"undoes": seq, "remapped_to": entry.remapped_to})
    return move_links(unit, undone, entry.remapped_to, entry.id)


def _remap(unit: WriteUnit, category: Category, seq: int) -> Remap:
    found = unit.journal.find(seq)
    if found is None and 1 <= seq < unit.journal.first_seq():
        raise JournalCompacted(f"Entry {seq} is no longer kept", firstSeq=unit.journal.first_seq())
    if found is None or found.entry.category != category.id:
        raise NotFound(f"The journal of category {category.id} has no entry {seq}")
    if found.entry.operation != "remap":
        raise CannotUndo(f"Entry {seq} is no remap: its operation is {found.entry.operation}")
    if found.parent == UNKNOWN_PARENT:
        raise CannotUndo(f"Entry {seq} is older than what is known of where its value and objects were")
    by = unit.journal.undone_by(seq)
    if by is not None:
        raise CannotUndo(f"Entry {seq} was taken back by entry {by}", undoneBy=by)
    return found


def _make_available(unit: WriteUnit, category: Category, value_id: int, parent: int | None) -> Value:
    """The value, where it stood. One that was made available meanwhile stays where it is."""
    write = CategoryValueWrite.model_validate({"id": value_id, "available": True, "parent": parent})
    value = unit.values.value(value_id)
    assert value is not None, "a category is deleted with its journal's values"
    if value.available:
        return value
    try:
        decision = decide(category, write, unit.values, new_id=value_id)
    except (LimitExceeded, ValueRuleBroken) as problem:
        raise CannotUndo(f"Value {value_id} cannot stand where it stood: {problem.detail}") from problem
    unit.values.update(decision.after)
    unit.changes.append(Change("value", value_id, "insert", category.id))
    return decision.after
