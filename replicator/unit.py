"""What a replica remembers: categories, values, cursors, pings, and its place in the ATS's history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from catrelay.models import Category, CategoryValue, ReceivedPing
from replicator.bindings import TableBinding
from replicator.domain.trees import Document
from replicator.sql import Connection, Parameters, lists
from replicator.tables import Table, table_of

MAX_PINGS_KEPT = 1_000
WHOLE_TENANT = 0
"""In place of a category's id: the journal over all categories."""


@dataclass(frozen=True)
class State:
    """Where the replica stands. head: the newest seq seen. moved: objects, pings: arrivals, both in all.

    answered: how many of the pings, in their order, were acted on.
    """

    epoch: str | None = None
    head: int | None = None
    orgs_category: int | None = None
    pings: int = 0
    answered: int = 0
    moved: int = 0
    last_catch_up: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True)
class Subscribed:
    """The subscription by which pings come."""

    id: int
    secret: str


@dataclass(frozen=True)
class Lease:
    """Who does the work, among the processes with this database, and until when unless it says so anew."""

    leader: str
    until: datetime


class Unit:
    """What can be read and done within one transaction. native: for the app's own statements, see `Connection`."""

    def __init__(self, connection: Connection, replica: int, tenant_key: int | str | None) -> None:
        self.connection = connection
        self.native: Any = connection.native
        self.tenant_key = tenant_key
        self._replica = replica

    # Where it stands

    def state(self) -> State:
        for row in self._rows(
            "SELECT epoch, head, orgs_category, pings, answered, moved, last_catch_up, last_error FROM replica_state"
            " WHERE id = :replica"
        ):
            epoch, head, orgs_category, pings, answered, moved, last_catch_up, last_error = row
            at = datetime.fromisoformat(last_catch_up) if last_catch_up else None
            return State(epoch, head, orgs_category, pings, answered, moved, at, last_error)
        return State()

    def note_history(self, epoch: str | None, orgs_category: int | None) -> None:
        self._set_state(epoch=epoch, orgs_category=orgs_category)

    def note_head(self, head: int | None) -> None:
        self._set_state(head=head)

    def note_catch_up(self, at: datetime) -> None:
        """It was up to date then."""
        self._set_state(last_catch_up=at.isoformat())

    def note_done(self, answered: int, at: datetime, error: str | None) -> None:
        """It was up to date then, and the first *answered* pings were acted on. error: what is wrong nevertheless."""
        self._set_state(answered=answered, last_catch_up=at.isoformat(), last_error=error)

    def note_error(self, error: str) -> None:
        """Why it is behind."""
        self._set_state(last_error=error)

    def note_moved(self, objects: int) -> None:
        self._run("UPDATE replica_state SET moved = moved + :objects WHERE id = :replica", objects=objects)

    def subscription(self) -> Subscribed | None:
        for id_, secret in self._rows("SELECT subscription, secret FROM replica_state WHERE id = :replica"):
            return None if id_ is None else Subscribed(id_, secret)
        return None

    def remember_subscription(self, subscription: Subscribed | None) -> None:
        self._set_state(
            subscription=None if subscription is None else subscription.id,
            secret=None if subscription is None else subscription.secret,
        )

    def lease(self) -> Lease | None:
        for leader, until in self._rows("SELECT leader, leader_until FROM replica_state WHERE id = :replica"):
            return None if leader is None else Lease(leader, datetime.fromisoformat(until))
        return None

    def take_lease(self, lease: Lease | None) -> None:
        """None: it is given up."""
        self._set_state(
            leader=None if lease is None else lease.leader,
            leader_until=None if lease is None else lease.until.isoformat(),
        )

    def cursors(self) -> dict[int, int]:
        """The seq up to which each journal is applied, by category; WHOLE_TENANT where there is one for all."""
        return dict(self._rows("SELECT category, seq FROM replica_cursors WHERE replica = :replica"))

    def set_cursor(self, category: int, seq: int) -> None:
        self._upsert("replica_cursors", {"category": category}, {"seq": seq})

    def replace_cursors(self, cursors: Mapping[int, int]) -> None:
        self._run("DELETE FROM replica_cursors WHERE replica = :replica")
        for category, seq in cursors.items():
            self.set_cursor(category, seq)

    def versions(self) -> dict[int, str]:
        """What the ATS called the state of each category that the replica has, by category."""
        return dict(self._rows("SELECT category, version FROM replica_versions WHERE replica = :replica"))

    def save_versions(self, versions: Mapping[int, str]) -> None:
        for category, version in versions.items():
            self._upsert("replica_versions", {"category": category}, {"version": version})

    # The app's objects

    def table(self, binding: TableBinding) -> Table:
        """The binding's table, asked within this transaction."""
        return table_of(binding, self.connection)

    def parameters(self, binding: TableBinding, category: int) -> dict[str, Any]:
        """What statements about the binding's objects at values of the category need."""
        return {
            "replica": self._replica,
            "tenant": self.tenant_key,
            "binding": binding.name,
            "category": category,
        }

    def forget_receipts(self) -> None:
        """Forget which entries moved which objects: another history gives the same numbers to other entries."""
        for table in ("replica_receipts", "replica_kinds"):
            self._run(f"DELETE FROM {table} WHERE replica = :replica")

    def forget_receipts_before(self, seq: int) -> None:
        """Forget remaps that cannot be undone any more, as the ATS dropped their entries.

        A receipt that says nothing else is still needed where it tells its object from others that came to its value.
        """
        self._run(
            "UPDATE replica_kinds SET newest = 0, trail = '' WHERE replica = :replica AND newest > 0 AND newest < :seq",
            seq=seq,
        )
        needed = "SELECT binding, category, value FROM replica_kinds WHERE replica = :replica AND newest > 0"
        needless = [
            kind
            for (kind,) in self._rows(
                "SELECT id FROM replica_kinds WHERE replica = :replica AND newest = 0"
                f" AND (binding, category, value) NOT IN ({needed})"
            )
        ]
        for listed in lists(needless):
            self._run(f"DELETE FROM replica_receipts WHERE replica = :replica AND kind IN ({listed})")
            self._run(f"DELETE FROM replica_kinds WHERE replica = :replica AND id IN ({listed})")

    def pinned_values(self, binding: TableBinding, category: int) -> set[int]:
        """The values that objects are pinned to."""
        rows = self.connection.rows(
            f"SELECT DISTINCT value FROM ({self.table(binding).links()}) AS link", self.parameters(binding, category)
        )
        return {value for (value,) in rows}

    def pinned_objects(self, binding: TableBinding, category: int, value: int) -> int:
        """How many objects are pinned to the value."""
        ((count,),) = self.connection.rows(
            f"SELECT count(DISTINCT object) FROM ({self.table(binding).links()}) AS link WHERE value = :value",
            {**self.parameters(binding, category), "value": value},
        )
        return int(count)

    def labels(self, binding: TableBinding, category: int, value: int, *, limit: int) -> list[str]:
        """What the first objects at the value are called."""
        return self.table(binding).labels({**self.parameters(binding, category), "value": value}, limit=limit)

    # The replica

    def categories(self) -> list[Category]:
        """By id. The org tree's is not among them."""
        rows = self._rows("SELECT document FROM replica_categories WHERE replica = :replica ORDER BY id")
        return [Category.model_validate_json(document) for (document,) in rows]

    def category_ids(self) -> set[int]:
        """Of all categories, the org tree's among them."""
        rows = self._rows("SELECT id FROM replica_categories WHERE replica = :replica")
        orgs = self.state().orgs_category
        return {category for (category,) in rows} | (set() if orgs is None else {orgs})

    def save_category(self, category: Category) -> None:
        self._upsert("replica_categories", {"id": category.id}, {"document": category.to_json().decode()})

    def remove_category(self, category: int) -> None:
        """Remove the category with its values."""
        for table, column in (
            ("replica_categories", "id"),
            ("replica_values", "category"),
            ("replica_versions", "category"),
        ):
            self._run(f"DELETE FROM {table} WHERE replica = :replica AND {column} = :category", category=category)

    def value(self, category: int, value: int) -> CategoryValue | None:
        for document, available, remapped_to in self._rows(
            "SELECT document, available, remapped_to FROM replica_values WHERE replica = :replica"
            " AND category = :category AND id = :value",
            category=category,
            value=value,
        ):
            found = CategoryValue.model_validate_json(document)
            gone = {"available": False, "parent": None, "remapped_to": remapped_to}
            return found if available else found.model_copy(update=gone)
        return None

    def known_ids(self, category: int, values: Iterable[int]) -> set[int]:
        """Those of *values* that the replica has, available or not."""
        return {
            value
            for listed in lists(values)
            for (value,) in self._rows(
                f"SELECT id FROM replica_values WHERE replica = :replica AND category = :category AND id IN ({listed})",
                category=category,
            )
        }

    def categories_of(self, value: int) -> list[int]:
        """The categories with a value of this id: one at most, unless another vendor's ATS counts per category."""
        listed = ", ".join(map(str, sorted(self.category_ids()))) or "0"
        rows = self._rows(
            f"SELECT category FROM replica_values WHERE replica = :replica AND category IN ({listed}) AND id = :value"
            " ORDER BY available DESC, category",
            value=value,
        )
        return [category for (category,) in rows]

    def available_values(self, category: int) -> list[CategoryValue]:
        return [CategoryValue.model_validate_json(document) for (document,) in self._available("document", category)]

    def documents(self, category: int) -> dict[int, Document]:
        """The available values as JSON documents, by id."""
        return {value: orjson.loads(document) for value, document in self._available("id, document", category)}

    def available_ids(self, category: int) -> set[int]:
        return {value for (value,) in self._available("id", category)}

    def _available(self, columns: str, category: int) -> list[tuple[Any, ...]]:
        return self._rows(
            f"SELECT {columns} FROM replica_values WHERE replica = :replica AND category = :category AND available = 1",
            category=category,
        )

    def save_values(self, category: int, values: Iterable[Document]) -> None:
        """Each value's new state."""
        self.connection.run_many(
            self.connection.dialect.upsert(
                "replica_values", ["replica", "category", "id"], ["available", "remapped_to", "document"]
            ),
            (
                {
                    "replica": self._replica,
                    "category": category,
                    "id": value["id"],
                    "available": int(value["available"]),
                    "remapped_to": value.get("remappedTo"),
                    "document": orjson.dumps(value).decode(),
                }
                for value in values
            ),
        )

    def retire_values(self, category: int, values: Iterable[tuple[int, int | None]]) -> None:
        """Note of each that it is unavailable, and where it was remapped. Their documents stay as they were."""
        self.connection.run_many(
            "UPDATE replica_values SET available = 0, remapped_to = :remapped_to"
            " WHERE replica = :replica AND category = :category AND id = :value",
            (
                {"replica": self._replica, "category": category, "value": value, "remapped_to": remapped_to}
                for value, remapped_to in values
            ),
        )

    def remove_values(self, category: int, values: Sequence[int]) -> None:
        self.connection.run_many(
            "DELETE FROM replica_values WHERE replica = :replica AND category = :category AND id = :value",
            [{"replica": self._replica, "category": category, "value": value} for value in values],
        )

    # Pings

    def receive_pings(self, paths: Sequence[str], at: datetime) -> None:
        """Remember that they arrived; the latest MAX_PINGS_KEPT stay."""
        self._run("UPDATE replica_state SET pings = pings + :count WHERE id = :replica", count=len(paths))
        last = self.state().pings
        self.connection.run_many(
            "INSERT INTO replica_pings (replica, id, at, path) VALUES (:replica, :id, :at, :path)",
            [
                {"replica": self._replica, "id": number, "at": at.isoformat(), "path": path}
                for number, path in enumerate(paths, last - len(paths) + 1)
            ],
        )
        self._run("DELETE FROM replica_pings WHERE replica = :replica AND id <= :last", last=last - MAX_PINGS_KEPT)

    def pings_after(self, id_: int, *, limit: int) -> list[ReceivedPing]:
        """By id, ascending."""
        rows = self._rows(
            "SELECT id, at, path FROM replica_pings WHERE replica = :replica AND id > :after ORDER BY id LIMIT :limit",
            after=id_,
            limit=limit,
        )
        return [ReceivedPing(id=id_, at=datetime.fromisoformat(at), path=path) for id_, at, path in rows]

    # Statements

    def _rows(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self.connection.rows(statement, {"replica": self._replica, **parameters})

    def _run(self, statement: str, **parameters: object) -> int:
        return self.connection.run(statement, {"replica": self._replica, **parameters})

    def _set_state(self, **columns: object) -> None:
        changes = ", ".join(f"{name} = :{name}" for name in columns)
        self._run(f"UPDATE replica_state SET {changes} WHERE id = :replica", **columns)

    def _upsert(self, table: str, keys: Parameters, others: Parameters) -> None:
        statement = self.connection.dialect.upsert(table, ["replica", *keys], list(others))
        self._run(statement, **keys, **others)
