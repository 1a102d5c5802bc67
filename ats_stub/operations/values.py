"""What can be done to values."""

from collections.abc import Sequence

from ats_stub.domain.values import Decision, Value, decide
from ats_stub.operations import journal
from ats_stub.operations.categories import category_of
from ats_stub.store import Unit, WriteUnit
from ats_stub.store.changes import Change, PingOperation
from catrelay.models import BatchResult, BatchResults, Category, CategoryValueWrite
from catrelay.problems import BadRequest, FieldError, LimitExceeded, NotFound, Problem

MAX_BATCH_VALUES = 1_000


def value_of(unit: Unit, category_id: int, value_id: int) -> Value:
    """The value, available or not. Raises NotFound."""
    category = category_of(unit, category_id).id
    value = unit.values.value(value_id)
    if value is None or value.category != category:
        raise NotFound(f"Category {category} has no value {value_id}")
    return value


def write_value(unit: WriteUnit, category_id: int, write: CategoryValueWrite) -> tuple[Value, bool]:
    """Create or update one value. Returns its new state, and whether it was created."""
    category = category_of(unit, category_id)
    journal.check_journal(unit, category.id)
    return _write(unit, category, write)


def write_values(
    unit: WriteUnit, category_id: int, writes: Sequence[CategoryValueWrite], *, atomic: bool
) -> BatchResults:
    """Create or update many values in order, one commit.

    atomic: the first problem is raised, with the member *index*, and nothing changes.
    """
    if len(writes) > MAX_BATCH_VALUES:
        raise LimitExceeded(f"A batch has at most {MAX_BATCH_VALUES} values, this one has {len(writes)}")
    category = category_of(unit, category_id)
    journal.check_journal(unit, category.id)
    results: list[BatchResult] = []
    _look_up(unit, category, writes)
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


def _look_up(unit: WriteUnit, category: Category, writes: Sequence[CategoryValueWrite]) -> None:
    named = {id_ for write in writes for id_ in (write.id, write.parent, write.remapped_to) if id_ is not None}
    unit.values.look_up(category.id, named, {write.external_id for write in writes if write.external_id is not None})


def _of_node(problem: Problem, index: int) -> Problem:
    """*problem* of a batch's node, its pointers leading into the batch. The batch is wrong, so the answer is 400."""
    errors = [FieldError(f"/values/{index}{error.pointer}", error.detail) for error in problem.errors]
    kind = type(problem) if problem.status == BadRequest.status else BadRequest
    return kind(f"Node {index}: {problem.detail}", errors=errors, index=index)


def _write(unit: WriteUnit, category: Category, write: CategoryValueWrite) -> tuple[Value, bool]:
    decision = decide(category, write, unit.values, new_id=unit.counters.next_id)
    if decision.before is not None:
        unit.check_match(decision.before.as_answered())
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
            assert decision.before is not None
            journal.remap(unit, after, parent=decision.before.parent)
        case "inactivate":
            journal.inactivate(unit, after)
        case "restore":
            journal.restore(unit, after)


def _ping_operation(decision: Decision) -> PingOperation:
    if decision.created or decision.effect == "restore":
        return "insert"
    return "update" if decision.after.available else "delete"
