"""What an import did, or would do."""

from collections import Counter
from collections.abc import Callable
from typing import Literal

Outcome = Literal["made", "changed", "unchanged", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("made", "changed", "unchanged", "failed")
ReportedKind = Literal["category", "value", "user", "job", "candidate"]
REPORTED_KINDS: tuple[ReportedKind, ...] = ("category", "value", "user", "job", "candidate")

Tell = Callable[[str], None]
Show = Callable[[ReportedKind, Outcome, int, str], None]
"""Told of each object that is made or changed: its kind, what happens, its id in the source, what it is called."""
Advance = Callable[[ReportedKind, int], None]
"""Told how many objects of a kind are done."""


class Report:
    """Counts outcomes, and passes on what somebody wants to know meanwhile."""

    def __init__(self, *, tell: Tell, show: Show, advance: Advance) -> None:
        self._tell = tell
        self._show = show
        self._advance = advance
        self._counts: Counter[tuple[ReportedKind, Outcome]] = Counter()

    def count(self, kind: ReportedKind, outcome: Outcome, source: int, name: str) -> None:
        """An object is done. A failure was told already."""
        self._counts[kind, outcome] += 1
        self._advance(kind, 1)
        if outcome in ("made", "changed"):
            self._show(kind, outcome, source, name)

    def fail(self, kind: ReportedKind, source: int, why: str) -> None:
        """Tell why an object fails."""
        self._tell(f"{kind} {source}: {why}")

    @property
    def failures(self) -> int:
        """How many objects failed."""
        return sum(self._counts[kind, "failed"] for kind in REPORTED_KINDS)

    def document(self) -> dict[str, dict[str, int]]:
        """The counts by kind and outcome."""
        return {kind: {outcome: self._counts[kind, outcome] for outcome in OUTCOMES} for kind in REPORTED_KINDS}
