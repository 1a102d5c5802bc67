"""What a write to a job means, and which lists a job is in. Source: docs/contract/, "Jobs, users, candidates"."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ats_stub.domain.patches import Document, check_external_id, patched_state
from ats_stub.domain.references import (
    Catalogue,
    Reference,
    References,
    as_answered,
    check_mandatory,
    check_named_categories,
    check_references,
    collapsed,
    references_of,
)
from catrelay.models import JobRead, JobWrite

JobList = Literal["jobs", "jobs/open", "jobs/open/externally", "jobs/template"]
PingedList = Literal["jobs/open", "jobs/open/externally"]
PingOperation = Literal["insert", "update", "delete"]
PINGED_LISTS: tuple[PingedList, ...] = ("jobs/open", "jobs/open/externally")


@dataclass(frozen=True)
class Job:
    """A job's whole state. Its references are in order and each there once."""

    id: int
    state: JobWrite
    date_last_updated: datetime

    def as_answered(self) -> JobRead:
        """The job as answered."""
        return JobRead(id=self.id, date_last_updated=self.date_last_updated, **dict(self.state))

    def references(self, orgs_category: int) -> References:
        """The values that the job references, by category; its org is one of them."""
        return collapsed(_references_of(self.state, orgs_category))


def patched(present: Job | None, patch: Document, catalogue: Catalogue) -> JobWrite:
    """The state of *present* (None: of a job to be made) with the JSON Merge Patch *patch* applied.

    Raises InvalidRequest, ExternalIdImmutable, ReferenceBroken or LimitExceeded.
    """
    before = {} if present is None else present.state.to_document()
    check_external_id("job", before, patch)
    state = patched_state(before, patch, JobWrite)
    check_named_categories(state.categories, catalogue)
    wanted = list(_references_of(state, catalogue.orgs_category))
    check_references(wanted, {} if present is None else present.references(catalogue.orgs_category), catalogue)
    references = collapsed(wanted)
    normal = state.model_copy(update={"categories": _categories(references, catalogue.orgs_category)})
    changes_something = present is None or normal != present.state
    if changes_something and not normal.template_flag:
        check_mandatory(references, catalogue)
    return normal


def is_in(which: JobList, job: JobWrite, now: datetime) -> bool:
    """Whether the job is in the list. Templates are in none but their own."""
    if which == "jobs/template":
        return job.template_flag is True
    if which == "jobs":
        return not job.template_flag
    is_open = not job.template_flag and job.status == "active" and not _passed(job, now)
    if which == "jobs/open":
        return is_open
    is_external = job.availability is not None and job.availability.available_externally is True
    return is_open and is_external and not _passed_externally(job, now)


def pings(before: JobWrite | None, after: JobWrite, now: datetime) -> dict[str, PingOperation]:
    """What a write means in each list that the job is or was in *now*. A date that merely passed is no change."""
    operations: dict[str, PingOperation] = {}
    for which in PINGED_LISTS:
        was = before is not None and is_in(which, before, now)
        if is_in(which, after, now):
            operations[which] = "update" if was else "insert"
        elif was:
            operations[which] = "delete"
    return operations


def texts_of(job: JobWrite) -> tuple[str | None, ...]:
    """What keywords are looked for in."""
    return job.title, job.code, job.short_summary, job.description


def _references_of(job: JobWrite, orgs_category: int) -> Iterator[Reference]:
    if job.org is not None:
        yield Reference(orgs_category, job.org, "/org")
    yield from references_of(job.categories)


def _categories(references: dict[int, set[int]], orgs_category: int) -> Any:
    return as_answered({category: values for category, values in references.items() if category != orgs_category})


def _passed(job: JobWrite, now: datetime) -> bool:
    dates = job.availability.application_close_dates if job.availability is not None else None
    return dates is not None and dates.close_date <= now


def _passed_externally(job: JobWrite, now: datetime) -> bool:
    dates = job.availability.application_close_dates if job.availability is not None else None
    return dates is not None and (dates.external_close_date or dates.close_date) <= now
