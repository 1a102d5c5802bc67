"""What an app holds on a value, and what a change would do to it, as Markdown. Source: docs/contract/."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from catrelay.models import CategoryValueWrite, RelatedData
from replicator.domain.transfers import Policy

MAX_SUMMARY_CHARACTERS = 1_000
MAX_LABELS = 5
MAX_LABEL_CHARACTERS = 80
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&:@])")


@dataclass(frozen=True)
class Holding:
    """The objects of one binding at a value. kind: what they are called, in the plural. labels: of the first few."""

    kind: str
    singular: str
    objects: int
    on_inactivation: Policy
    labels: Sequence[str] = ()

    @property
    def counted(self) -> str:
        """As in "2 testimonials"."""
        return f"{self.objects} {self.singular if self.objects == 1 else self.kind}"


def summary(name: str, holdings: Sequence[Holding]) -> RelatedData | None:
    """What is held on the value called *name*; None when nothing."""
    held = [holding for holding in holdings if holding.objects]
    lines = [f"**{escaped(name)}** has {_and([one.counted for one in held])} here."]
    for holding in held:
        lines += _examples(holding)
    return _related(lines, held)


def change_impact(
    name: str, intended: CategoryValueWrite, target: str | None, holdings: Sequence[Holding]
) -> RelatedData | None:
    """What *intended* would do to what is held on the value; None when nothing. target: the remap target's name."""
    if intended.available is not False:
        return None
    held = [holding for holding in holdings if holding.objects]
    if target is None:
        held = [holding for holding in held if holding.on_inactivation != "keep"]
        lines = [f"- {one.counted} {_LOSS[one.on_inactivation]} **{escaped(name)}**" for one in held]
    else:
        way = f"from **{escaped(name)}** to **{escaped(target)}**"
        lines = [f"- {one.counted} would move {way}" for one in held]
    return _related(lines, held)


_LOSS: dict[Policy, str] = {"unhook": "would lose", "delete": "would be deleted with"}


def escaped(text: str) -> str:
    """*text* for one line of Markdown, shown as it is: no mark-up, no link, no HTML."""
    shown = " ".join(text.split())
    if len(shown) > MAX_LABEL_CHARACTERS:
        shown = shown[: MAX_LABEL_CHARACTERS - 1] + "…"
    return _MARKDOWN.sub(r"\\\1", shown)


def _examples(holding: Holding) -> list[str]:
    lines = [f"- {escaped(label)}" for label in holding.labels[:MAX_LABELS]]
    hidden = holding.objects - len(lines)
    return ["", *lines, *([f"- and {hidden} more"] if lines and hidden else [])]


def _and(parts: Sequence[str]) -> str:
    *most, last = parts or [""]
    return f"{', '.join(most)} and {last}" if most else last


def _related(lines: Sequence[str], held: Sequence[Holding]) -> RelatedData | None:
    """At most MAX_SUMMARY_CHARACTERS visible characters: whole lines go, from the end."""
    if not held:
        return None
    kept = list(lines)
    while sum(len(line) for line in kept) > MAX_SUMMARY_CHARACTERS and len(kept) > 1:
        kept.pop()
    counts: dict[str, int] = {}
    for holding in held:
        counts[holding.kind] = counts.get(holding.kind, 0) + holding.objects
    return RelatedData(summary="\n".join(kept), counts=counts)
