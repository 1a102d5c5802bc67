"""What the ATS says of the jobs that reference a value, in Markdown.

Source: docs/contract/, "Categories and values".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ats_stub.domain.values import Decision, Value
from catrelay.models import RelatedData

MAX_TITLES = 5
MAX_NAME_CHARACTERS = 120
"""Visible characters of a name or title: the longest summary stays below the contract's 1000."""

# What CommonMark would read as markup inside a line, and at its start.
_INLINE = re.compile(r"([\\`*_\[\]<>&~|])")
_AT_START = re.compile(r"^(?:([#+=:-])|(\d+)([.)]))")
_ELLIPSIS = "…"


@dataclass(frozen=True)
class Holders:
    """The jobs that reference a value. titles: of a few of them."""

    jobs: int
    open_jobs: int
    titles: Sequence[str]


def summary(value: Value, holders: Holders) -> RelatedData | None:
    """What references *value*; None when nothing does."""
    if holders.jobs == 0:
        return None
    lines = [f"There {_are(holders.jobs)} **{_jobs(holders.jobs)}** in {shown(value.name)}{_open_part(holders)}"]
    titles = [f"- {shown(title)}" for title in holders.titles[:MAX_TITLES] if title.strip()]
    if titles:
        lines += ["", *titles]
    if titles and holders.jobs > len(titles):
        lines.append(f"- and {holders.jobs - len(titles)} more")
    return RelatedData(summary="\n".join(lines), counts={"jobs": holders.jobs})


def change_impact(decision: Decision, target: Value | None, jobs: int, jobs_with_target: int) -> RelatedData | None:
    """What *decision* would do to the jobs that reference its value; None when nothing.

    target: the value it is remapped to. jobs_with_target: those of *jobs* that reference the target already.
    """
    if jobs == 0 or decision.effect not in ("remap", "inactivate"):
        return None
    name = shown(decision.after.name)
    if target is None:
        text = f"**{_jobs(jobs)}** will lose {name}"
    else:
        text = f"{_all(jobs)} in {name} will be moved to {shown(target.name)}"
        if jobs_with_target:
            text += f"; {_of_them(jobs_with_target, jobs)} it already"
    return RelatedData(summary=text, counts={"jobs": jobs})


def shown(name: str) -> str:
    """*name* as Markdown that renders as its text, on one line and not longer than a summary can bear."""
    text = " ".join(name.split())
    if len(text) > MAX_NAME_CHARACTERS:
        text = text[: MAX_NAME_CHARACTERS - 1].rstrip() + _ELLIPSIS
    return _AT_START.sub(_escaped_start, _INLINE.sub(r"\\\1", text))


def _escaped_start(match: re.Match[str]) -> str:
    mark, number, delimiter = match.groups()
    return f"\\{mark}" if mark else f"{number}\\{delimiter}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _jobs(count: int) -> str:
    return f"{count} job" if count == 1 else f"{count} jobs"


def _all(count: int) -> str:
    return "The only job" if count == 1 else f"All **{count} jobs**"


def _of_them(part: int, whole: int) -> str:
    if part == whole:
        return "it has" if whole == 1 else "all of them have"
    return f"{part} of them {'has' if part == 1 else 'have'}"


def _open_part(holders: Holders) -> str:
    if holders.open_jobs == holders.jobs:
        return ", open" if holders.jobs == 1 else ", all of them open"
    return f", {holders.open_jobs} of them open" if holders.open_jobs else ""
