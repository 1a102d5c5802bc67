"""Moving an app's objects by set-based statements, and remembering which entry moved which."""

from collections.abc import Iterable

import sqlite_utils

from replicator.bindings import Parameters, TableBinding
from replicator.domain.transfers import Standing, Transfer

_TEMPORARY_TABLES = {
    "moving_sources": "number INTEGER PRIMARY KEY",
    "moving_involved": "number INTEGER PRIMARY KEY",
    "moving_returns": "number INTEGER PRIMARY KEY",
    "moving_affected": "object PRIMARY KEY",
    "moving_steps": "value INTEGER, seq INTEGER, earlier TEXT, new_value INTEGER, new_seq INTEGER, new_earlier TEXT,"
    " PRIMARY KEY (value, seq, earlier)",
    "moving_left": "object, value INTEGER, PRIMARY KEY (object, value)",
}


def transfer(db: sqlite_utils.Database, tenant: int, binding: TableBinding, moves: Transfer) -> int:
    """Carry out *moves* for the objects of *binding*, within the caller's transaction. Returns how many objects moved.

    `replica_pins` remembers the pins of objects that ever moved: where a remap left them (*value*) and which remaps
    those were (*seq* the newest, *earlier* the ones before it). One whose object is elsewhere by now was re-pinned by
    the app, which need not tell: it is forgotten here, before anything moves.
    """
    parameters: Parameters = {"tenant": tenant, "binding": binding.name, "category": moves.category}
    _note_affected(db, binding, moves, parameters)
    _forget_repinned(db, binding, parameters)
    _note_unmoved_pins(db, binding, parameters)
    _plan_steps(db, moves, parameters)
    moved = _take_steps(db, parameters)
    if moved:
        binding.follow_receipts(db, parameters)
    _drop_needless_pins(db, parameters)
    return moved


def _note_affected(db: sqlite_utils.Database, binding: TableBinding, moves: Transfer, parameters: Parameters) -> None:
    """Which objects may move: those at a value that is left, and those that hold a receipt which is taken back."""
    for table, columns in _TEMPORARY_TABLES.items():
        db.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({columns}) WITHOUT ROWID")
        db.execute(f"DELETE FROM {table}")
    _fill(db, "moving_sources", moves.places)
    _fill(db, "moving_involved", moves.involved)
    _fill(db, "moving_returns", moves.returns)
    db.execute(
        "INSERT OR IGNORE INTO moving_affected (object)"
        f" SELECT object FROM ({binding.links()}) WHERE value IN (SELECT number FROM moving_sources)",
        parameters,
    )
    db.execute(
        "INSERT OR IGNORE INTO moving_affected (object) SELECT object FROM replica_pins"
        " WHERE tenant = :tenant AND binding = :binding AND category = :category"
        " AND seq IN (SELECT number FROM moving_returns)",
        parameters,
    )


def _forget_repinned(db: sqlite_utils.Database, binding: TableBinding, parameters: Parameters) -> None:
    db.execute(
        "DELETE FROM replica_pins WHERE tenant = :tenant AND binding = :binding AND category = :category"
        " AND object IN (SELECT object FROM moving_affected)"
        f" AND NOT EXISTS (SELECT 1 FROM ({binding.links()}) AS link"
        " WHERE link.object = replica_pins.object AND link.value = replica_pins.value)",
        parameters,
    )


def _note_unmoved_pins(db: sqlite_utils.Database, binding: TableBinding, parameters: Parameters) -> None:
    """Give pins that no remap moved yet their row, so that they are told from those that join them.

    The unary plus takes the app's column type out of the comparison: with it, SQLite would not use the index on object.
    """
    db.execute(
        "INSERT INTO replica_pins (tenant, binding, category, object, value, seq, earlier)"
        f" SELECT :tenant, :binding, :category, object, value, 0, '' FROM ({binding.links()}) AS link"
        " WHERE value IN (SELECT number FROM moving_involved) AND object IN (SELECT object FROM moving_affected)"
        " AND NOT EXISTS (SELECT 1 FROM replica_pins AS pin WHERE pin.tenant = :tenant AND pin.binding = :binding"
        " AND pin.category = :category AND pin.object = +link.object AND pin.value = link.value)",
        parameters,
    )


def _plan_steps(db: sqlite_utils.Database, moves: Transfer, parameters: Parameters) -> None:
    """One row for each kind of pin that moves, however many objects have such a pin."""
    kinds = db.execute(
        "SELECT DISTINCT value, seq, earlier FROM replica_pins"
        " WHERE tenant = :tenant AND binding = :binding AND category = :category"
        " AND object IN (SELECT object FROM moving_affected)",
        parameters,
    ).fetchall()
    for value, seq, earlier in kinds:
        before = Standing(value, (*map(int, earlier.split()), seq) if seq else ())
        after = moves.standing_after(before)
        if after != before:
            *passed, newest = after.remaps or (0,)
            db.execute(
                "INSERT INTO moving_steps (value, seq, earlier, new_value, new_seq, new_earlier)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [value, seq, earlier, after.value, newest, " ".join(map(str, passed))],
            )


def _take_steps(db: sqlite_utils.Database, parameters: Parameters) -> int:
    """Move all pins at once; `moving_left` tells from where. Returns how many objects those are of."""
    pins = (
        "pin.tenant = :tenant AND pin.binding = :binding AND pin.category = :category"
        " AND pin.object IN (SELECT object FROM moving_affected)"
        " AND pin.value = step.value AND pin.seq = step.seq AND pin.earlier = step.earlier"
    )
    db.execute(
        "INSERT OR IGNORE INTO moving_left (object, value)"
        f" SELECT pin.object, pin.value FROM replica_pins AS pin, moving_steps AS step"
        f" WHERE {pins} AND pin.value IS NOT step.new_value",
        parameters,
    )
    db.execute(
        "UPDATE replica_pins AS pin SET value = step.new_value, seq = step.new_seq, earlier = step.new_earlier"
        f" FROM moving_steps AS step WHERE {pins}",
        parameters,
    )
    (moved,) = db.execute("SELECT count(DISTINCT object) FROM moving_left").fetchone()
    return int(moved)


def _drop_needless_pins(db: sqlite_utils.Database, parameters: Parameters) -> None:
    """Forget lost pins, and those that no remap moved and no other pin has joined."""
    db.execute(
        "DELETE FROM replica_pins WHERE tenant = :tenant AND binding = :binding AND category = :category"
        " AND object IN (SELECT object FROM moving_affected) AND (value IS NULL OR (seq = 0 AND NOT EXISTS"
        " (SELECT 1 FROM replica_pins AS other WHERE other.tenant = :tenant AND other.binding = :binding"
        " AND other.category = :category AND other.object = replica_pins.object"
        " AND other.value = replica_pins.value AND other.seq > 0)))",
        parameters,
    )


def _fill(db: sqlite_utils.Database, table: str, numbers: Iterable[int]) -> None:
    db.conn.executemany(f"INSERT INTO {table} (number) VALUES (?)", [(number,) for number in numbers])
