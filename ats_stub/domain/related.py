"""What the ATS says of the objects that reference a value, in Markdown.

Source: docs/contract/, "Categories and values".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ats_stub.domain.references import Kind
from ats_stub.domain.values import Decision, Value
from catrelay.models import RelatedData

MAX_TITLES = 5
MAX_NAME_CHARACTERS = 120
"""Visible characters of a name or title: the longest summary stays below the contract's 1000."""

# What CommonMark would read as markup inside a line, and at its start.
_INLINE = re.compile(r"([\\`*_\[\]<>&~|])")
_AT_START = re.compile(r"^(?:([#+=:-])|(\d+)([.)]))")
_ELLIPSIS = "…"

_ORDER: tuple[Kind, ...] = ("job", "user", "candidate")

Objects = Mapping[Kind, int]
"""How many objects of each kind."""


@dataclass(frozen=True)
class Holders:
    """What references a value. objects: how many of each kind. titles: of a few of its jobs."""

    objects: Objects
    open_jobs: int
    titles: Sequence[str]


def summary(value: Value, holders: Holders) -> RelatedData | None:
    """What references *value*; None when nothing does."""
    held = _held(holders.objects)
    if not held:
        return None
    is_or_are = "is" if next(iter(held.values())) == 1 else "are"
    lines = [f"There {is_or_are} {_counted(held)} in {shown(value.name)}{_open_part(held, holders.open_jobs)}"]
    titles = [f"- {shown(title)}" for title in holders.titles[:MAX_TITLES] if title.strip()]
    if titles:
        lines += ["", *titles]
    more = held.get("job", 0) - len(titles)
    if titles and more:
        lines.append(f"- and {more} more{'' if len(held) == 1 else ' job' if more == 1 else ' jobs'}")
    return RelatedData(summary="\n".join(lines), counts=_counts(held))


def change_impact(
    decision: Decision, target: Value | None, objects: Objects, with_target: Objects
) -> RelatedData | None:
    """What *decision* would do to the objects that reference its value; None when nothing.

    target: the value it is remapped to. with_target: how many of *objects* reference the target already.
    """
    held = _held(objects)
    if not held or decision.effect not in ("remap", "inactivate"):
        return None
    name = shown(decision.after.name)
    if target is None:
        text = f"{_counted(held)} will lose {name}"
    else:
        text = f"{_all(held)} in {name} will be moved to {shown(target.name)}{_with_target(held, _held(with_target))}"
    return RelatedData(summary=text, counts=_counts(held))


def shown(name: str) -> str:
    """*name* as Markdown that renders as its text, on one line and not longer than a summary can bear."""
    text = " ".join(name.split())
    if len(text) > MAX_NAME_CHARACTERS:
        text = text[: MAX_NAME_CHARACTERS - 1].rstrip() + _ELLIPSIS
    return _AT_START.sub(_escaped_start, _INLINE.sub(r"\\\1", text))


def _escaped_start(match: re.Match[str]) -> str:
    mark, number, delimiter = match.groups()
    return f"\\{mark}" if mark else f"{number}\\{delimiter}"


def _held(objects: Objects) -> dict[Kind, int]:
    """The kinds of which there are any, in the order in which they are told of."""
    return {kind: objects[kind] for kind in _ORDER if objects.get(kind)}


def _counts(held: Objects) -> dict[str, int]:
    return {f"{kind}s": count for kind, count in held.items()}


def _counted(held: Objects) -> str:
    """As in "**3 jobs**, **1 user** and **2 candidates**"."""
    return _listed([f"**{count} {kind if count == 1 else kind + 's'}**" for kind, count in held.items()])


def _listed(parts: Sequence[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def _all(held: Objects) -> str:
    if len(held) > 1:
        return _counted(held)
    ((kind, count),) = held.items()
    return f"The only {kind}" if count == 1 else f"All {_counted(held)}"


def _with_target(held: Objects, part: Objects) -> str:
    """How many of what is held have the target already."""
    if not part:
        return ""
    if len(held) == 1:
        ((kind, count),) = held.items()
        return f"; {_part_of_one(kind, part[kind], count)} it already"
    parts = [_part(kind, count, held[kind]) for kind, count in part.items()]
    return f"; {_listed(parts)} {'has' if sum(part.values()) == 1 else 'have'} it already"


def _part_of_one(kind: Kind, part: int, whole: int) -> str:
    if whole == 1:
        return "it has" if kind == "job" else "they have"
    if part == whole:
        return "all of them have"
    return f"{part} of them {'has' if part == 1 else 'have'}"


def _part(kind: Kind, part: int, whole: int) -> str:
    if whole == 1:
        return f"the {kind}"
    return f"all of the {kind}s" if part == whole else f"{part} of the {kind}s"


def _open_part(held: Objects, open_jobs: int) -> str:
    """How many of the jobs are open."""
    if not open_jobs:
        return ""
    if len(held) > 1:
        return f"; {_part('job', open_jobs, held['job'])} {'is' if open_jobs == 1 else 'are'} open"
    if open_jobs == held["job"]:
        return ", open" if open_jobs == 1 else ", all of them open"
    return f", {open_jobs} of them open"
