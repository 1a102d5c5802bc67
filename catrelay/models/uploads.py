"""Uploads: what is sent, how it stands, what it does. Source: docs/contract/, "Uploads"."""

from typing import Literal

from pydantic import Field

from catrelay.models.values import CategoryValueUpload
from catrelay.models.wire import Id, Moment, Text, Wire

PlanOperation = Literal["create", "update", "activate", "inactivate", "remap"]


class CategoryValuesUpload(Wire):
    """The whole tree of a category as it shall be. test_flag: plan only, change nothing."""

    test_flag: bool
    category_values: tuple[CategoryValueUpload, ...]


class FailureDetail(Wire):
    """Why one object failed. code: what the sender knows it by (code, externalId, id or name)."""

    code: Text
    message: Text


class CrudOutcome(Wire):
    """How far one kind of operation has come. Closed: inactivated, remapped included."""

    operation: Literal["Created", "Updated", "Closed"]
    succeeded: int = Field(ge=0)
    failed: int = Field(ge=0)
    failure_details: tuple[FailureDetail, ...] | None = None


class UploadStatus(Wire):
    """The state of an upload. problem: why it is in Error or, while Underway, why it waits; a problem document."""

    id: Id
    started: Moment
    status: Literal["Queued", "Underway", "Complete", "Error"]
    results: tuple[CrudOutcome, ...]
    problem: dict[str, object] | None = None


class PlanSummary(Wire):
    """How many nodes there are of each operation."""

    create: int = 0
    update: int = 0
    activate: int = 0
    inactivate: int = 0
    remap: int = 0
    unchanged: int = 0
    failed: int = 0


class Change(Wire):
    """A member's old and new value. *from* is absent when it was not set, *to* when it is cleared."""

    from_: object | None = Field(default=None, alias="from")
    to: object | None = None


class PlanItem(Wire):
    """One operation of a plan, or one failed node with its problem document."""

    operation: PlanOperation
    id: Id | None = None
    pointer: str | None = None
    external_id: str | None = None
    name: Text | None = None
    remapped_to: Id | None = None
    changes: dict[str, Change] | None = None
    touched: dict[str, int] | None = None
    problem: dict[str, object] | None = None


class Guard(Wire):
    """Whether the upload would inactivate more than allowed.

    present: available values before. share_limit: of present. count_limit: values.
    """

    tripped: bool
    inactivate: int
    present: int
    share_limit: float
    count_limit: int


class SuggestionTarget(Wire):
    """A value that is there (id) or that the upload creates (pointer into its body)."""

    id: Id | None = None
    pointer: str | None = None


class Suggestion(Wire):
    """A value that leaves and one that comes look like one renamed value."""

    remap: Id
    to: SuggestionTarget
    why: Text


class UploadPlan(Wire):
    """What an upload did or would do. journal_seq: the state of the ATS that it was planned against."""

    upload_id: Id = Field(alias="uploadID")
    journal_seq: int | None = None
    summary: PlanSummary
    touched: dict[str, int]
    guard: Guard
    suggestions: tuple[Suggestion, ...]
    items: tuple[PlanItem, ...]
    next: str | None = None
