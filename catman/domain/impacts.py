"""What the connected apps answered, and what it comes to."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from catrelay.models import RelatedData


@dataclass(frozen=True)
class AppAnswer:
    """What one app said. data: None when it holds nothing. trouble: why there is no answer. refusal: why it objects."""

    app: str
    data: RelatedData | None = None
    trouble: str | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class Total:
    """All answers taken together.

    concerned: apps that hold something. silent: apps that did not answer. refusing: apps that object.
    """

    counts: Mapping[str, int]
    concerned: tuple[str, ...]
    silent: tuple[str, ...]
    refusing: tuple[str, ...] = ()


def total_of(answers: Iterable[AppAnswer]) -> Total:
    """The sum of *answers*, apps by name."""
    in_order = sorted(answers, key=lambda answer: answer.app)
    counts: Counter[str] = Counter()
    for answer in in_order:
        counts.update((answer.data and answer.data.counts) or {})
    return Total(
        {kind: counts[kind] for kind in sorted(counts) if counts[kind]},
        tuple(answer.app for answer in in_order if answer.data is not None),
        tuple(answer.app for answer in in_order if answer.trouble is not None),
        tuple(answer.app for answer in in_order if answer.refusal is not None),
    )


def counted(count: int, kind: str) -> str:
    """`1 job`, `412 jobs`. kind: as apps name it, in the plural."""
    if count == 1 and kind.endswith("s") and not kind.endswith(("ss", "us", "ses")):
        kind = f"{kind[:-3]}y" if kind.endswith("ies") else kind[:-1]
    return f"{count:,} {kind}"


def total_sentence(total: Total) -> str:
    """*total* in words."""
    if total.refusing:
        return f"{_listed([app_title(app) for app in total.refusing])} would refuse this; see above."
    if total.counts:
        things = _listed([counted(count, kind) for kind, count in total.counts.items()])
        known = f"Affects {things} in {counted(len(total.concerned), 'apps')}."
    elif total.concerned:
        known = f"Affects {counted(len(total.concerned), 'apps')}; see above."
    else:
        known = "No app that answered would be affected." if total.silent else "No connected app would be affected."
    if not total.silent:
        return known
    return f"{known} What happens at {_listed([app_title(app) for app in total.silent])} is not known."


def app_title(app: str) -> str:
    """How a connection's name is shown."""
    return "ATS" if app == "ats" else app


def _listed(things: list[str]) -> str:
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"
