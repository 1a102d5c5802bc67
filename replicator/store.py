"""The replica's tables in the app's own SQLite file, so that replica, cursor and objects change in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlite_utils
from sqlite_utils.migrations import Migrations

from catrelay.embedded import EmbeddedDatabase
from catrelay.models import Category, CategoryValue, ReceivedPing
from replicator.bindings import TableBinding
from replicator.domain.transfers import Transfer
from replicator.transfer import transfer

MAX_PINGS_KEPT = 1_000
WHOLE_TENANT = 0
"""In place of a category's id: the journal over all categories."""

migrations = Migrations("replicator")


@migrations()
def m001_replica(db: sqlite_utils.Database) -> None:
    tenant = "tenant INTEGER NOT NULL REFERENCES tenants (tenant) ON DELETE CASCADE"
    db.execute(
        "CREATE TABLE replica_state (tenant INTEGER PRIMARY KEY REFERENCES tenants (tenant) ON DELETE CASCADE,"
        " epoch TEXT, head INTEGER, orgs_category INTEGER, pings INTEGER NOT NULL DEFAULT 0,"
        " moved INTEGER NOT NULL DEFAULT 0, last_catch_up TEXT, subscription INTEGER, secret TEXT)"
    )
    db.execute(
        f"CREATE TABLE replica_cursors ({tenant}, category INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " PRIMARY KEY (tenant, category)) WITHOUT ROWID"
    )
    db.execute(
        f"CREATE TABLE replica_categories ({tenant}, id INTEGER NOT NULL, document TEXT NOT NULL,"
        " PRIMARY KEY (tenant, id)) WITHOUT ROWID"
    )
    db.execute(
        f"CREATE TABLE replica_values ({tenant}, category INTEGER NOT NULL, id INTEGER NOT NULL,"
        " available INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (tenant, category, id)) WITHOUT ROWID"
    )
    db.execute(
        f"CREATE TABLE replica_pings ({tenant}, id INTEGER NOT NULL, at TEXT NOT NULL, path TEXT NOT NULL,"
        " PRIMARY KEY (tenant, id)) WITHOUT ROWID"
    )
    # object has no type: an app's keys may be of any.
    db.execute(
        f"CREATE TABLE replica_pins ({tenant}, binding TEXT NOT NULL, category INTEGER NOT NULL, object NOT NULL,"
        " value INTEGER, seq INTEGER NOT NULL, earlier TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX replica_values_by_id ON replica_values (tenant, id)")
    db.execute("CREATE INDEX replica_pins_by_object ON replica_pins (tenant, binding, category, object)")
    db.execute("CREATE INDEX replica_pins_by_seq ON replica_pins (tenant, binding, category, seq)")


@dataclass(frozen=True)
class State:
    """Where the replica stands. head: the newest seq seen. moved: objects, pings: arrivals, both in all."""

    epoch: str | None = None
    head: int | None = None
    orgs_category: int | None = None
    pings: int = 0
    moved: int = 0
    last_catch_up: datetime | None = None


@dataclass(frozen=True)
class Subscribed:
    """The subscription by which pings come."""

    id: int
    secret: str


class ReplicaStore:
    """One tenant's replica. tenant: its number in `tenants`."""

    def __init__(self, database: EmbeddedDatabase, tenant: int) -> None:
        self._database = database
        self._tenant = tenant

    @contextmanager
    def read(self) -> Iterator["Unit"]:
        """One snapshot."""
        with self._database.read() as db:
            yield Unit(db, self._tenant)

    @contextmanager
    def write(self) -> Iterator["Unit"]:
        """One transaction, committed on a clean exit."""
        with self._database.write() as db:
            db.execute("INSERT INTO replica_state (tenant) VALUES (?) ON CONFLICT DO NOTHING", [self._tenant])
            yield Unit(db, self._tenant)


class Unit:
    """What can be read and done within one transaction. db: for bindings and for the app's own statements."""

    def __init__(self, db: sqlite_utils.Database, tenant: int) -> None:
        self.db = db
        self.tenant = tenant

    def state(self) -> State:
        row = self.db.execute(
            "SELECT epoch, head, orgs_category, pings, moved, last_catch_up FROM replica_state WHERE tenant = ?",
            [self.tenant],
        ).fetchone()
        if row is None:
            return State()
        epoch, head, orgs_category, pings, moved, last_catch_up = row
        at = datetime.fromisoformat(last_catch_up) if last_catch_up else None
        return State(epoch, head, orgs_category, pings, moved, at)

    def note_history(self, epoch: str | None, orgs_category: int | None) -> None:
        self.db.execute(
            "UPDATE replica_state SET epoch = ?, orgs_category = ? WHERE tenant = ?",
            [epoch, orgs_category, self.tenant],
        )

    def note_head(self, head: int | None) -> None:
        self.db.execute("UPDATE replica_state SET head = ? WHERE tenant = ?", [head, self.tenant])

    def note_catch_up(self, at: datetime) -> None:
        self.db.execute("UPDATE replica_state SET last_catch_up = ? WHERE tenant = ?", [at.isoformat(), self.tenant])

    def note_moved(self, objects: int) -> None:
        self.db.execute("UPDATE replica_state SET moved = moved + ? WHERE tenant = ?", [objects, self.tenant])

    def subscription(self) -> Subscribed | None:
        row = self.db.execute(
            "SELECT subscription, secret FROM replica_state WHERE tenant = ? AND subscription IS NOT NULL",
            [self.tenant],
        ).fetchone()
        return None if row is None else Subscribed(*row)

    def remember_subscription(self, subscription: Subscribed | None) -> None:
        values = [None, None] if subscription is None else [subscription.id, subscription.secret]
        self.db.execute(
            "UPDATE replica_state SET subscription = ?, secret = ? WHERE tenant = ?", [*values, self.tenant]
        )

    def cursors(self) -> dict[int, int]:
        """The seq up to which each journal is applied, by category; WHOLE_TENANT where there is one for all."""
        rows = self.db.execute("SELECT category, seq FROM replica_cursors WHERE tenant = ?", [self.tenant])
        return dict(rows.fetchall())

    def set_cursor(self, category: int, seq: int) -> None:
        self.db.execute(
            "INSERT INTO replica_cursors (tenant, category, seq) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET seq = excluded.seq",
            [self.tenant, category, seq],
        )

    def replace_cursors(self, cursors: Mapping[int, int]) -> None:
        self.db.execute("DELETE FROM replica_cursors WHERE tenant = ?", [self.tenant])
        for category, seq in cursors.items():
            self.set_cursor(category, seq)

    def transfer(self, binding: TableBinding, moves: Transfer) -> int:
        """Move the binding's objects. Returns how many moved."""
        return transfer(self.db, self.tenant, binding, moves)

    def forget_receipts(self) -> None:
        """Forget which entries moved which objects: another history gives the same numbers to other entries."""
        self.db.execute("DELETE FROM replica_pins WHERE tenant = ?", [self.tenant])

    def pinned_values(self, binding: TableBinding, category: int) -> set[int]:
        """The values that objects are pinned to."""
        rows = self.db.execute(
            f"SELECT DISTINCT value FROM ({binding.links()})", {"tenant": self.tenant, "category": category}
        )
        return {value for (value,) in rows}

    def pinned_objects(self, binding: TableBinding, category: int, value: int) -> int:
        """How many objects are pinned to the value."""
        (count,) = self.db.execute(
            f"SELECT count(DISTINCT object) FROM ({binding.links()}) WHERE value = :value",
            {"tenant": self.tenant, "category": category, "value": value},
        ).fetchone()
        return int(count)

    def labels(self, binding: TableBinding, category: int, value: int, *, limit: int) -> list[str]:
        """What the first objects at the value are called."""
        statement = binding.labels()
        if statement is None:
            return []
        objects = self.db.execute(
            f"SELECT DISTINCT object FROM ({binding.links()}) WHERE value = :value ORDER BY object LIMIT :limit",
            {"tenant": self.tenant, "category": category, "value": value, "limit": limit},
        ).fetchall()
        found = [
            self.db.execute(statement, {"tenant": self.tenant, "object": object_}).fetchone() for (object_,) in objects
        ]
        return [str(row[0]) for row in found if row is not None and row[0] is not None]

    def categories(self) -> list[Category]:
        """By id. The org tree's is not among them."""
        rows = self.db.execute("SELECT document FROM replica_categories WHERE tenant = ? ORDER BY id", [self.tenant])
        return [Category.model_validate_json(document) for (document,) in rows]

    def save_category(self, category: Category) -> None:
        self.db.execute(
            "INSERT INTO replica_categories (tenant, id, document) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET document = excluded.document",
            [self.tenant, category.id, category.to_json().decode()],
        )

    def remove_category(self, category: int) -> None:
        """Remove the category with its values."""
        for table, column in (("replica_categories", "id"), ("replica_values", "category")):
            self.db.execute(f"DELETE FROM {table} WHERE tenant = ? AND {column} = ?", [self.tenant, category])

    def value(self, category: int, value: int) -> CategoryValue | None:
        row = self.db.execute(
            "SELECT document FROM replica_values WHERE tenant = ? AND category = ? AND id = ?",
            [self.tenant, category, value],
        ).fetchone()
        return None if row is None else CategoryValue.model_validate_json(row[0])

    def categories_of(self, value: int) -> list[int]:
        """The categories with a value of this id: one at most, unless another vendor's ATS counts per category."""
        rows = self.db.execute(
            "SELECT category FROM replica_values WHERE tenant = ? AND id = ? ORDER BY available DESC, category",
            [self.tenant, value],
        )
        return [category for (category,) in rows]

    def available_values(self, category: int) -> list[CategoryValue]:
        rows = self.db.execute(
            "SELECT document FROM replica_values WHERE tenant = ? AND category = ? AND available",
            [self.tenant, category],
        )
        return [CategoryValue.model_validate_json(document) for (document,) in rows]

    def documents(self, category: int) -> dict[int, dict[str, Any]]:
        """The available values as JSON documents, by id."""
        rows = self.db.execute(
            "SELECT id, document FROM replica_values WHERE tenant = ? AND category = ? AND available",
            [self.tenant, category],
        )
        return {value: orjson.loads(document) for value, document in rows}

    def available_ids(self, category: int) -> set[int]:
        rows = self.db.execute(
            "SELECT id FROM replica_values WHERE tenant = ? AND category = ? AND available", [self.tenant, category]
        )
        return {value for (value,) in rows}

    def save_values(self, category: int, values: Iterable[CategoryValue]) -> None:
        """Each value's new state; rows that say the same already are not written."""
        self.db.conn.executemany(
            "INSERT INTO replica_values (tenant, category, id, available, document) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET available = excluded.available, document = excluded.document"
            " WHERE document <> excluded.document",
            [(self.tenant, category, value.id, value.available, value.to_json().decode()) for value in values],
        )

    def remove_values(self, category: int, values: Sequence[int]) -> None:
        self.db.conn.executemany(
            "DELETE FROM replica_values WHERE tenant = ? AND category = ? AND id = ?",
            [(self.tenant, category, value) for value in values],
        )

    def receive_pings(self, paths: Sequence[str], at: datetime) -> None:
        """Remember that they arrived; the latest MAX_PINGS_KEPT stay."""
        (count,) = self.db.execute(
            "UPDATE replica_state SET pings = pings + ? WHERE tenant = ? RETURNING pings", [len(paths), self.tenant]
        ).fetchone()
        first = count - len(paths) + 1
        self.db.conn.executemany(
            "INSERT INTO replica_pings (tenant, id, at, path) VALUES (?, ?, ?, ?)",
            [(self.tenant, number, at.isoformat(), path) for number, path in enumerate(paths, first)],
        )
        self.db.execute("DELETE FROM replica_pings WHERE tenant = ? AND id <= ?", [self.tenant, count - MAX_PINGS_KEPT])

    def pings_after(self, id_: int, *, limit: int) -> list[ReceivedPing]:
        """By id, ascending."""
        rows = self.db.execute(
            "SELECT id, at, path FROM replica_pings WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?",
            [self.tenant, id_, limit],
        )
        return [ReceivedPing(id=id_, at=datetime.fromisoformat(at), path=path) for id_, at, path in rows]
