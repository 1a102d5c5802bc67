"""What a write to a job means, and which lists a job is in. Source: docs/contract/, "Jobs, users, candidates"."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ats_stub.domain.items import SignFile, check_bounds, unpacked
from ats_stub.domain.items import as_answered as items_as_answered
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
from catrelay.models import JobRead, JobWrite, UserRead

JobList = Literal["jobs", "jobs/open", "jobs/open/externally", "jobs/template"]
PingedList = Literal["jobs/open", "jobs/open/externally"]
PingOperation = Literal["insert", "update", "delete"]
PEOPLE = ("manager", "recruiter")
PINGED_LISTS: tuple[PingedList, ...] = ("jobs/open", "jobs/open/externally")


@dataclass(frozen=True)
class Job:
    """A job's whole state. Its references are in order and each there once.

    Its users are named by id alone, its items are as `ats_stub.domain.items` says that they are stored.
    """

    id: int
    state: JobWrite
    date_last_updated: datetime

    def as_answered(self, users: Mapping[int, UserRead], signed: SignFile) -> JobRead:
        """The job as answered. users: those that it names. signed: gives a file an address that holds for a while."""
        people = {name: users[user] for name, user in self.people().items()}
        items = items_as_answered(self.state.items, signed)
        members = dict(self.state) | dict.fromkeys(PEOPLE) | people | {"items": items}
        return JobRead(id=self.id, date_last_updated=self.date_last_updated, **members)

    def people(self) -> dict[str, int]:
        """The ids of the users that the job names, by member."""
        named = ((name, getattr(self.state, name)) for name in PEOPLE)
        return {name: user.id for name, user in named if user is not None}

    def references(self, orgs_category: int) -> References:
        """The values that the job references, by category; its org is one of them."""
        return collapsed(_references_of(self.state, orgs_category))


def patched(present: Job | None, patch: Document, catalogue: Catalogue) -> JobWrite:
    """The state that *patch*, a JSON Merge Patch, asks for, of *present* (None: of a job to be made).

    Its references are in order; its users and files are as they were sent. Whether it is complete is for check_complete
    to say. Raises InvalidRequest, ExternalIdImmutable, ReferenceBroken or LimitExceeded.
    """
    before = {} if present is None else present.state.to_document()
    check_external_id("job", before, patch)
    # Who is named is replaced as a whole: an id that stays beside a new externalId would name two users.
    replaced = set(PEOPLE) & patch.keys()
    state = patched_state({name: before[name] for name in before.keys() - replaced}, patch, JobWrite)
    check_bounds(unpacked(state.items), "/items")
    check_named_categories(state.categories, catalogue)
    wanted = list(_references_of(state, catalogue.orgs_category))
    check_references(wanted, {} if present is None else present.references(catalogue.orgs_category), catalogue)
    return state.model_copy(update={"categories": _categories(collapsed(wanted), catalogue.orgs_category)})


def check_complete(job: Job, catalogue: Catalogue) -> None:
    """Raise CategoryRuleBroken when the job, unless it is a template, has no value of a category that wants one."""
    if not job.state.template_flag:
        check_mandatory(job.references(catalogue.orgs_category), catalogue)


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
