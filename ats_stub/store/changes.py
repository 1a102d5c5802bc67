"""The change log: what changed, in commit order, for those who send pings about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import orjson

Kind = Literal["value", "category", "job", "moved"]
PingOperation = Literal["insert", "update", "delete"]


@dataclass(frozen=True)
class Change:
    """One change. kind `moved`: all objects that the journal entry with seq *object* moved."""

    kind: Kind
    object: int
    operation: PingOperation
    category: int | None = None
    lists: dict[str, PingOperation] | None = None


class ChangeLog:
    """The rows that the present transaction appends."""

    def __init__(self, tenant: int, now: datetime) -> None:
        self._tenant = tenant
        self._now = now
        self._changes: list[Change] = []

    def append(self, change: Change) -> None:
        """Note *change*; it gets its position when the transaction commits."""
        self._changes.append(change)

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
                "at": self._now,
            }
            for position, change in enumerate(self._changes, start=after + 1)
        ]
