"""The app dies between any two statements of a catch-up: the next process ends where one without a crash would."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from catrelay.embedded import EmbeddedDatabase
from replicator import Binding, JsonBinding, ReplicaStore, Replicator
from tests.replicator.objects import CATEGORY, TENANT, App, app_database, articles, quotes
from tests.replicator.standin import StandIn

POSTS = JsonBinding("posts", "posts", "id", "tags", category=CATEGORY)
BINDINGS: list[Binding] = [quotes(), articles(), POSTS]

WHAT_COUNTS = (
    "SELECT * FROM quotes ORDER BY id",
    "SELECT * FROM article_values ORDER BY article, value",
    "SELECT * FROM posts ORDER BY id",
    "SELECT category, seq FROM replica_cursors ORDER BY category",
    "SELECT category, id, document FROM replica_values ORDER BY category, id",
    "SELECT id, document FROM replica_categories ORDER BY id",
    "SELECT epoch, head, moved FROM replica_state",
    "SELECT binding, category, value, trail, object FROM replica_receipts AS receipt"
    " JOIN replica_kinds AS kind ON kind.id = receipt.kind ORDER BY binding, category, object, value, trail",
    "SELECT * FROM replica_moves",
)

HARMLESS = ("SELECT", "BEGIN", "ROLLBACK")
"""To die before one of these leaves what the statement before it left. What is open then, the system rolls back."""


class Crashed(Exception):
    """The process is no more."""


class CrashingDatabase(EmbeddedDatabase):
    """Statements up to the one numbered *last* are carried out, and none after it."""

    def __init__(self, path: Path, last: int) -> None:
        super().__init__(f"sqlite:///{path}")
        self.left = last

    def _open(self) -> sqlite_utils.Database:
        database = self

        class Connection(sqlite3.Connection):
            def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
                if not statement.startswith(HARMLESS):
                    database.count()
                return super().execute(statement, *parameters)

            def executemany(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
                database.count()
                return super().executemany(statement, *parameters)

        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, factory=Connection)
        for setting in ("journal_mode=WAL", "synchronous=OFF", "foreign_keys=ON"):
            sqlite3.Connection.execute(connection, f"PRAGMA {setting}")
        return sqlite_utils.Database(connection)

    def count(self) -> None:
        if self.left == 0:
            raise Crashed
        self.left -= 1


async def at_once(function: Callable[[], Any], /) -> Any:
    return function()


def catch_up(ats: StandIn, path: Path, *, last: int = -1) -> bool:
    """As a process that dies after so many statements; whether it lived."""
    database = CrashingDatabase(path, last)
    store = ReplicaStore(database, "acme", TENANT)
    replicator = Replicator(
        ats=ats.client(), store=store, bindings=BINDINGS, resync_delay=timedelta(0), in_thread=at_once
    )
    try:
        asyncio.run(replicator.catch_up())
    except Crashed:
        return False
    finally:
        database.close()
    return True


def seen(path: Path) -> list[list[Any]]:
    with closing(sqlite3.connect(path)) as db:
        return [db.execute(statement).fetchall() for statement in WHAT_COUNTS]


def furnish(database: EmbeddedDatabase) -> None:
    app = App(database)
    for value in (1, 1, 2, 3, 4, 5):
        app.add_quote(value)
    for values in ({1, 2}, {2}, {1, 4}, {4}, {3, 5}):
        app.add_article(values)
    with database.write() as db:
        db.execute("CREATE TABLE posts (id INTEGER PRIMARY KEY, tags TEXT)")
        for tags in ("[1, 2]", '[4, "x", 1]', "[2]", "[5, 3, 5]"):
            db.execute("INSERT INTO posts (tags) VALUES (?)", [tags])


def go_on(ats: StandIn) -> None:
    """What happens while nobody follows: an undo, remaps, a return and an inactivation, and what no entry tells."""
    ats.undo(1)
    ats.remap(2, 3)
    ats.inactivate(4)
    ats.remap(5, 1)
    ats.restore(5)
    ats.change(3, name="Three")
    ats.add(6, parent=3)


def pin(path: Path) -> None:
    """The app pins an object to a value that went and came back: whoever applies an entry twice takes it along."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO quotes (tenant, text, category, value) VALUES (?, 'new', ?, 5)", [TENANT, CATEGORY])


def begin(ats: StandIn, path: Path) -> None:
    ats.remap(1, 2)
    ats.inactivate(4)


def follow(ats: StandIn, path: Path) -> None:
    catch_up(ats, path)
    ats.remap(1, 2)
    catch_up(ats, path)
    go_on(ats)


def fall_behind(ats: StandIn, path: Path) -> None:
    follow(ats, path)
    ats.compact()


def meet_another_history(ats: StandIn, path: Path) -> None:
    follow(ats, path)
    ats.epoch = "second"


@pytest.mark.parametrize(
    ("happen", "ats", "step"),
    [
        (follow, StandIn(), 1),
        (follow, StandIn(plain=True), 6),
        (follow, StandIn(digests=True, versions=True, branches=True), 6),
        (begin, StandIn(), 6),
        (fall_behind, StandIn(), 6),
        (fall_behind, StandIn(plain=True), 6),
        (meet_another_history, StandIn(), 6),
    ],
)
def test_a_crash_between_any_two_statements_changes_nothing_in_the_end(
    tmp_path: Path, happen: Callable[[StandIn, Path], None], ats: StandIn, step: int
) -> None:
    with app_database(tmp_path) as database:
        furnish(database)
    before, path = tmp_path / "app.db", tmp_path / "trial.db"
    happen(ats, before)
    expected = {is_moved: ends(ats, Path(shutil.copy(before, path)), is_moved=is_moved) for is_moved in (False, True)}

    last = 0
    while not catch_up(ats, Path(shutil.copy(before, path)), last=last):
        is_moved = seen(path)[0] != seen(before)[0]
        pin(path)
        assert catch_up(ats, path)
        assert seen(path) == expected[is_moved], f"after a crash behind {last} statements"
        last += step

    assert last > 20


def ends(ats: StandIn, path: Path, *, is_moved: bool) -> list[list[Any]]:
    """What is there without a crash, when the app pins an object before the others are moved, or after."""
    if not is_moved:
        pin(path)
    assert catch_up(ats, path)
    if is_moved:
        pin(path)
    return seen(path)
