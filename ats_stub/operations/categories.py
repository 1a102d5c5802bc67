"""What can be done to categories and their values."""

from collections.abc import Sequence
from datetime import datetime

from ats_stub.domain import categories as category_rules
from ats_stub.domain.values import Decision, Value, decide
from ats_stub.store import Store, Unit, WriteUnit
from ats_stub.store.changes import Change, PingOperation
from catrelay.models import BatchResult, BatchResults, Category, CategoryValueWrite, CategoryWrite, JournalEntry
from catrelay.problems import (
    BadRequest,
    CategoryInUse,
    CategoryKeyTaken,
    Conflict,
    FieldError,
    LimitExceeded,
    NotFound,
    PreconditionFailed,
    Problem,
)
from catrelay.tokens import Access

MAX_BATCH_VALUES = 1_000


def create_category(store: Store, access: Access, write: CategoryWrite, *, now: datetime) -> Category:
    """Make a category. Raises CategoryKeyTaken when its key is another's."""
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        category = category_rules.created(write, new_id=unit.new_id())
        if category.key is not None and unit.categories.with_key(category.key) is not None:
            raise CategoryKeyTaken(f"Another category has the key {category.key}")
        unit.categories.insert(category)
        unit.changes.append(Change("category", category.id, "insert"))
        return category


def update_category(store: Store, access: Access, category_id: int, write: CategoryWrite, *, now: datetime) -> Category:
    """Apply a merge patch to a category."""
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        present = category_of(unit, category_id)
        category = category_rules.updated(present, write)
        if category != present:
            unit.categories.update(category)
            unit.changes.append(Change("category", category.id, "update"))
        return category


def delete_category(store: Store, access: Access, category_id: int, *, force: bool, now: datetime) -> None:
    """Remove a category with all its values: one `inactivate` entry per available value.

    Raises CategoryInUse while objects use its values, unless *force*; Conflict for the org tree's category.
    """
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        category = category_of(unit, category_id)
        if category.id == unit.counters.orgs_category:
            raise Conflict("The category of the org tree cannot be deleted")
        if not force and unit.categories.is_used(category.id):
            raise CategoryInUse(f"Objects still use values of category {category.id}: repeat with ?force=true")
        for value in sorted(unit.values.available(category.id), key=lambda value: value.id):
            _inactivate(unit, value)
        unit.categories.delete(category.id)
        unit.changes.append(Change("category", category.id, "delete"))


def write_value(
    store: Store,
    access: Access,
    category_id: int,
    write: CategoryValueWrite,
    *,
    now: datetime,
    if_journal_seq: int | None = None,
) -> tuple[Value, bool]:
    """Create or update one value. Returns its new state, and whether it was created.

    if_journal_seq: PreconditionFailed when the category's journal has moved past this entry.
    """
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        category = category_of(unit, category_id)
        _check_journal(unit, category, if_journal_seq)
        return _write(unit, category, write)


def write_values(
    store: Store,
    access: Access,
    category_id: int,
    writes: Sequence[CategoryValueWrite],
    *,
    atomic: bool,
    now: datetime,
    if_journal_seq: int | None = None,
) -> BatchResults:
    """Create or update many values in order, one commit.

    atomic: the first problem is raised, with the member *index*, and nothing changes.
    if_journal_seq: PreconditionFailed when the category's journal has moved past this entry.
    """
    if len(writes) > MAX_BATCH_VALUES:
        raise LimitExceeded(f"A batch has at most {MAX_BATCH_VALUES} values, this one has {len(writes)}")
    with store.write(access.tenant_id, app=access.app, now=now) as unit:
        category = category_of(unit, category_id)
        _check_journal(unit, category, if_journal_seq)
        results: list[BatchResult] = []
        for index, write in enumerate(writes):
            try:
                value, created = _write(unit, category, write)
            except Problem as problem:
                if atomic:
                    raise _of_node(problem, index) from problem
                results.append(BatchResult(status=problem.status, problem=problem.document()))
            else:
                results.append(BatchResult(status=201 if created else 200, value=value.as_answered()))
        return BatchResults(results=tuple(results))


def category_of(unit: Unit, category_id: int) -> Category:
    """The category. Raises NotFound."""
    category = unit.categories.get(category_id)
    if category is None:
        raise NotFound(f"There is no category {category_id}")
    return category


def _check_journal(unit: Unit, category: Category, seq: int | None) -> None:
    if seq is not None and unit.journal.last_of(category.id) > seq:
        raise PreconditionFailed(f"The journal of category {category.id} has moved past entry {seq}")


def _of_node(problem: Problem, index: int) -> Problem:
    """*problem* of a batch's node, its pointers leading into the batch. The batch is wrong, so the answer is 400."""
    errors = [FieldError(f"/values/{index}{error.pointer}", error.detail) for error in problem.errors]
    kind = type(problem) if problem.status == BadRequest.status else BadRequest
    return kind(f"Node {index}: {problem.detail}", errors=errors, index=index)


def _write(unit: WriteUnit, category: Category, write: CategoryValueWrite) -> tuple[Value, bool]:
    decision = decide(category, write, unit.values, new_id=unit.counters.next_id)
    if decision.changes_something:
        _carry_out(unit, decision)
    return decision.after, decision.created


def _carry_out(unit: WriteUnit, decision: Decision) -> None:
    after = decision.after
    if decision.created:
        unit.new_id()
        unit.values.insert(after)
    else:
        unit.values.update(after)
    unit.changes.append(Change("value", after.id, _ping_operation(decision), after.category))
    match decision.effect:
        case "remap":
            _remap(unit, after)
        case "inactivate":
            _inactivate(unit, after)
        case "restore":
            _append(
                unit,
                JournalEntry(
                    seq=unit.journal.next_seq(),
                    category=after.category,
                    id=after.id,
                    operation="restore",
                    at=unit.now,
                    by=unit.app,
                ),
            )


def _ping_operation(decision: Decision) -> PingOperation:
    if decision.created or decision.effect == "restore":
        return "insert"
    return "update" if decision.after.available else "delete"


def _remap(unit: WriteUnit, value: Value) -> None:
    assert value.remapped_to is not None
    seq = unit.journal.next_seq()
    moved = unit.values.move(value.id, to=value.remapped_to, seq=seq)
    _append(
        unit,
        JournalEntry(
            seq=seq,
            category=value.category,
            id=value.id,
            operation="remap",
            remapped_to=value.remapped_to,
            moved=moved,
            at=unit.now,
            by=unit.app,
        ),
    )


def _inactivate(unit: WriteUnit, value: Value) -> None:
    seq = unit.journal.next_seq()
    moved = unit.values.take_away(value.id, seq=seq)
    _append(
        unit,
        JournalEntry(
            seq=seq,
            category=value.category,
            id=value.id,
            operation="inactivate",
            moved=moved,
            at=unit.now,
            by=unit.app,
        ),
    )


def _append(unit: WriteUnit, entry: JournalEntry) -> None:
    unit.journal.append(entry)
    if entry.moved:
        unit.values.touch_moved_jobs(seq=entry.seq, at=unit.now)
        unit.changes.append(Change("moved", entry.seq, "update", entry.category))
