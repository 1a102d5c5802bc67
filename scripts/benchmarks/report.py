"""What was measured, against what, and the one table that says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Goal:
    """What a ratio of ours to the baseline shall be."""

    text: str
    is_met: Callable[[float], bool]

    def verdict(self, figure: float) -> str:
        """As in the table."""
        if not self.text:
            return ""
        return "met" if self.is_met(figure) else "NOT MET"


UNJUDGED = Goal("", lambda _: True)
"""Of a row that only helps to understand another."""


def at_most(bound: float, text: str = "") -> Goal:
    """The ratio is no larger than *bound*."""
    return Goal(text or f"<= {bound:g}", lambda ratio: ratio <= bound)


def at_least(bound: float) -> Goal:
    """The ratio is no smaller than *bound*."""
    return Goal(f">= {bound:g}", lambda ratio: ratio >= bound)


@dataclass(frozen=True)
class Result:
    """One row. pairs: ours and the baseline, measured one right after the other, once per repetition.

    The ratio is the median of the pairs' ratios: a neighbour on the machine that slows one pair down slows both halves.
    """

    what: str
    database: str
    unit: str
    pairs: Sequence[tuple[float, float]]
    goal: Goal

    @property
    def ratios(self) -> list[float]:
        """Of each repetition."""
        return [ours / baseline for ours, baseline in self.pairs]

    @property
    def ratio(self) -> float:
        """Ours in units of the baseline."""
        return median(self.ratios)

    def cells(self) -> tuple[str, ...]:
        """As in the table."""
        ours, baseline = (median(column) for column in zip(*self.pairs, strict=True))
        spread = f" ({_short(min(self.ratios))}..{_short(max(self.ratios))})" if len(self.pairs) > 1 else ""
        return (
            self.what,
            self.database,
            f"{_short(ours)} {self.unit}",
            f"{_short(baseline)} {self.unit}",
            f"{_short(self.ratio)}{spread}",
            self.goal.text,
            self.goal.verdict(self.ratio),
        )


@dataclass(frozen=True)
class Growth:
    """One row about what something has grown by, which the goal speaks of instead of a ratio."""

    what: str
    database: str
    unit: str
    after: float
    before: float
    goal: Goal

    def cells(self) -> tuple[str, ...]:
        """As in the table."""
        grown = self.after - self.before
        return (
            self.what,
            self.database,
            f"{_short(self.after)} {self.unit}",
            f"{_short(self.before)} {self.unit}",
            f"{'+' if grown >= 0 else ''}{_short(grown)} {self.unit}",
            self.goal.text,
            self.goal.verdict(grown),
        )


@dataclass(frozen=True)
class Count:
    """A row that counts what shall not happen, or not often. most: how often at most."""

    what: str
    database: str
    found: int
    among: str
    most: int = 0

    @property
    def is_met(self) -> bool:
        """Whether it did not happen more often."""
        return self.found <= self.most

    def cells(self) -> tuple[str, ...]:
        """As in the table."""
        goal = f"<= {self.most}" if self.most else "0"
        return (self.what, self.database, str(self.found), self.among, "", goal, "met" if self.is_met else "NOT MET")


Row = Result | Growth | Count

HEADINGS = ("what", "database", "ours", "baseline", "ratio (least..most)", "goal", "")


def table(rows: Sequence[Row]) -> str:
    """All rows as plain text, columns aligned."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1_000 else f"{number:.3g}"
