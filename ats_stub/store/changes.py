"""The change log: what changed, in commit order, for those who send pings about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson

ChangeKind = Literal["value", "category", "job", "user", "candidate", "moved-jobs", "moved-users", "moved-candidates"]
PingOperation = Literal["insert", "update", "delete"]


@dataclass(frozen=True)
class Change:
    """One change. kind `moved-...`: all objects with a link at *object* that the entry *moved_by* moved there."""

    kind: ChangeKind
    object: int
    operation: PingOperation
    category: int | None = None
    lists: dict[str, PingOperation] | None = None
    moved_by: int | None = None


class ChangeLog:
    """The rows that the present transaction appends."""

    def __init__(self, tenant: int, now: datetime) -> None:
        self._tenant = tenant
        self._now = now
        self._changes: list[Change] = []

    def append(self, change: Change) -> None:
        """Note *change*; it gets its position when the transaction commits."""
        self._changes.append(change)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not self._changes

    @property
    def categories(self) -> set[int]:
        """Those that changed, or of which a value did."""
        of_values = {each.category for each in self._changes if each.kind == "value" and each.category is not None}
        return of_values | {each.object for each in self._changes if each.kind == "category"}

    def rows(self, *, after: int) -> list[dict[str, object]]:
        """The rows to insert, with positions that follow *after*."""
        return [
            {
                "tenant": self._tenant,
                "position": position,
                "kind": change.kind,
                "object": change.object,
                "category": change.category,
                "operation": change.operation,
                "lists": None if change.lists is None else orjson.dumps(change.lists).decode(),
                "moved_by": change.moved_by,
                "at": self._now,
            }
            for position, change in enumerate(self._changes, start=after + 1)
        ]
