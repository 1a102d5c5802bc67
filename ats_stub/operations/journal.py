"""What the journal tells of: references of objects that move, or that are lost."""

from ats_stub.domain.moves import Move
from ats_stub.domain.references import KINDS
from ats_stub.domain.values import Value
from ats_stub.store import WriteUnit
from ats_stub.store.changes import Change, ChangeKind
from ats_stub.store.moves import Counts, Place
from catrelay.models import JournalEntry, Operation
from catrelay.problems import PreconditionFailed

_MOVED: dict[str, ChangeKind] = {"job": "moved-jobs", "user": "moved-users", "candidate": "moved-candidates"}

MAX_PENDING_MOVES = 50
BEGINNING = Place(KINDS[0], -1)


def check_journal(unit: WriteUnit, category: int) -> None:
    """Raise PreconditionFailed when the category's journal moved past the entry that the request depends on."""
    seq = unit.conditions.journal_seq
    if seq is not None and unit.journal.last_of(category) > seq:
        raise PreconditionFailed(f"The journal of category {category} has moved past entry {seq}")


def remap(unit: WriteUnit, value: Value, *, parent: int | None) -> None:
    """Let all that references *value*, which was remapped, reference its target. parent: where it stood."""
    assert value.remapped_to is not None
    move_links(unit, new_entry(unit, value, "remap"), value.id, value.remapped_to, parent=parent)


def inactivate(unit: WriteUnit, value: Value) -> None:
    """Take *value*, which was made unavailable, from all that references it."""
    entry = new_entry(unit, value, "inactivate")
    move_links(unit, entry, value.id, -entry.seq)


def restore(unit: WriteUnit, value: Value) -> None:
    """Note that *value* is available again. What referenced it stays where it is."""
    unit.journal.append(new_entry(unit, value, "restore"))


def move_on(unit: WriteUnit, seq: int, after: Place, size: int | None = None) -> tuple[int, Place] | None:
    """Let the next piece of what references a remapped value follow, of the first remap that is not done.

    seq, after: how far this process came. size: how many objects the piece is about, if not as many as usual.
    Returns how far it is now; None: there is nothing left to do.
    """
    if not unit.moves.pending:
        return None
    move = unit.moves.pending[0]
    place = unit.moves.go_on(move, after if move.seq == seq else BEGINNING, size)
    if place is not None:
        return move.seq, place
    counts = unit.moves.finish(move)
    unit.journal.set_moved(move.seq, sum(counts.values()))
    _tell(unit, move, counts)
    return move.seq, BEGINNING


def new_entry(unit: WriteUnit, value: Value, operation: Operation) -> JournalEntry:
    """The next entry of the journal, to be appended in the same transaction."""
    return JournalEntry(
        seq=unit.journal.next_seq(),
        category=value.category,
        id=value.id,
        operation=operation,
        remapped_to=value.remapped_to,
        at=unit.now,
        by=unit.app,
    )


def move_links(
    unit: WriteUnit, entry: JournalEntry, source: int, target: int, *, parent: int | None = None
) -> JournalEntry:
    """Append *entry* and let the links at *source* follow it. Returns it as appended.

    target: a value; or -seq, where lost links go. parent: where the value of a remap stood.
    """
    _make_room(unit)
    move = Move(entry.seq, entry.category, source, target, unit.counters.next_link, unit.now, entry.undoes)
    counts = unit.moves.start(move)
    if counts is not None:
        entry = entry.model_copy(update={"moved": sum(counts.values())})
        _tell(unit, move, counts)
    unit.journal.append(entry, parent=parent)
    return entry


def _make_room(unit: WriteUnit) -> None:
    """Finish the oldest moves here and now when so many are pending that reading would become slow."""
    reached: tuple[int, Place] | None = (0, BEGINNING)
    while reached is not None and len(unit.moves.pending) >= MAX_PENDING_MOVES:
        reached = move_on(unit, *reached)


def _tell(unit: WriteUnit, move: Move, counts: Counts) -> None:
    for kind, count in counts.items():
        if count:
            unit.changes.append(Change(_MOVED[kind], move.target, "update", move.category, moved_by=move.seq))
