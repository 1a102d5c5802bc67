"""Claims about the state of apps, checked by comparing what is expected with what is seen. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SHOWN_DIFFERENCES = 3


@dataclass(frozen=True)
class Check:
    """A claim that holds when *seen* equals *expected*."""

    claim: str
    expected: object
    seen: object

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.expected == self.seen

    def difference(self) -> str:
        """Where the two differ, for a person; empty when they do not."""
        if self.holds:
            return ""
        if isinstance(self.expected, Mapping) and isinstance(self.seen, Mapping):
            return _difference(self.expected, self.seen)
        return f"expected {_short(self.expected)}, saw {_short(self.seen)}"


@dataclass
class Flow:
    """What happened in one flow: what was done, in words, and what was checked."""

    title: str
    events: list[str | Check] = field(default_factory=list)

    def did(self, what: str) -> None:
        """Note what an app did or said."""
        self.events.append(what)

    def check(self, claim: str, *, expected: object, seen: object) -> None:
        """Note a claim, whether it holds or not."""
        self.events.append(Check(claim, expected, seen))

    @property
    def ended_well(self) -> bool:
        """Whether something was checked, and all of it holds."""
        checks = [event for event in self.events if isinstance(event, Check)]
        return bool(checks) and all(check.holds for check in checks)


def _difference(expected: Mapping[object, object], seen: Mapping[object, object]) -> str:
    missing = object()
    keys = [key for key in {**expected, **seen} if expected.get(key, missing) != seen.get(key, missing)]
    shown = [
        f"{key}: expected {_short(expected.get(key, 'nothing'))}, saw {_short(seen.get(key, 'nothing'))}"
        for key in keys[:SHOWN_DIFFERENCES]
    ]
    more = f" and {len(keys) - len(shown)} more" if len(keys) > len(shown) else ""
    return "; ".join(shown) + more


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 160 else f"{text[:157]}..."
