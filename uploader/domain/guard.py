"""The guard against uploads that would empty a category by mistake. Source: docs/contract/, "Uploads", Guard."""

from dataclasses import dataclass

from catrelay.models import Guard
from catrelay.problems import UploadGuardTripped
from uploader.domain.plan import Plan


@dataclass(frozen=True)
class GuardLimits:
    """An upload stops above *count* values, and above *share* of what is there when that is over *floor* values."""

    share: float
    floor: int
    count: int


def judge(plan: Plan, limits: GuardLimits, *, confirmed: bool) -> Guard:
    """Whether *plan* is stopped. confirmed: the sender says that the inactivations are meant."""
    inactivate, present = plan.count("inactivate", "remap"), len(plan.present.available)
    too_many = inactivate > limits.count or (inactivate > limits.floor and inactivate > limits.share * present)
    empty = not plan.wanted and present > 0
    return Guard(
        tripped=(too_many or empty) and not confirmed,
        inactivate=inactivate,
        present=present,
        share_limit=limits.share,
        count_limit=limits.count,
    )


def tripped(guard: Guard) -> UploadGuardTripped:
    """The problem that reports a guard that stopped an upload."""
    return UploadGuardTripped(
        f"The upload would make {guard.inactivate} of {guard.present} values unavailable."
        " Send it again with ?confirm=inactivations if that is meant",
        **guard.to_document(),
    )
