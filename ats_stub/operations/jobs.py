"""What can be done to jobs."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from ats_stub.domain.items import Items, files_in, unpacked, with_files
from ats_stub.domain.jobs import Job, check_complete, patched, pings
from ats_stub.domain.patches import Document
from ats_stub.domain.references import Catalogue
from ats_stub.store import Unit, WriteUnit
from ats_stub.store.changes import Change
from catrelay.models import ItemsWrite, JobRead, JobWrite, UserName
from catrelay.problems import ExternalIdTaken, FieldError, NotFound, UnknownUser


def create_job(unit: WriteUnit, patch: Document) -> JobRead:
    """Make a job. Returns it as answered."""
    catalogue = _catalogue(unit)
    job = _written(unit, unit.new_id(), None, patch, catalogue)
    check_complete(job, catalogue)
    _check_external_id(unit, job.state.external_id)
    unit.jobs.insert(job)
    _tell(unit, None, job)
    return answered(unit, job, unit.now)


def patch_job(unit: WriteUnit, job_id: int, patch: Document) -> JobRead:
    """Apply a merge patch to a job. One that changes nothing leaves its date, too. Returns the job as answered."""
    present = job_of(unit, job_id)
    unit.check_match(answered(unit, present, unit.now))
    catalogue = _catalogue(unit)
    job = _written(unit, job_id, present, patch, catalogue)
    if job.state == present.state:
        return answered(unit, present, unit.now)
    check_complete(job, catalogue)
    if job.state.external_id != present.state.external_id:
        _check_external_id(unit, job.state.external_id)
    unit.jobs.update(job)
    unit.files.drop_others("job", job_id, files_in(unpacked(job.state.items)))
    _tell(unit, present, job)
    return answered(unit, job, unit.now)


def job_of(unit: Unit, job_id: int) -> Job:
    """The job. Raises NotFound."""
    job = unit.jobs.get(job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}")
    return job


def answered(unit: Unit, job: Job, now: datetime) -> JobRead:
    """The job as answered *now*."""
    return all_answered(unit, [job], now)[0]


def all_answered(unit: Unit, jobs: Sequence[Job], now: datetime) -> tuple[JobRead, ...]:
    """The jobs as answered *now*, in their order. The users that they name are read all at once."""
    users = unit.users.some({user for job in jobs for user in job.people().values()})
    people = {user.id: user.as_answered() for user in users}
    return tuple(job.as_answered(people, partial(unit.files.signed, now=now)) for job in jobs)


def _written(unit: WriteUnit, job_id: int, present: Job | None, patch: Document, catalogue: Catalogue) -> Job:
    """What *patch* makes of the job; its files are kept from here on."""
    state = patched(present, patch, catalogue)
    was = JobWrite() if present is None else present.state
    resolved = {
        "manager": _user(unit, state.manager, was.manager, "/manager"),
        "recruiter": _user(unit, state.recruiter, was.recruiter, "/recruiter"),
        "items": _kept_items(unit, job_id, state.items) if "items" in patch else was.items,
    }
    return Job(job_id, state.model_copy(update=resolved), unit.now)


def _kept_items(unit: WriteUnit, job_id: int, items: ItemsWrite | None) -> Items | None:
    """The items as they are stored, with their files kept."""
    return (
        with_files(unpacked(items), lambda file, pointer: unit.files.keep("job", job_id, file, pointer=pointer)) or None
    )


def _user(unit: Unit, named: UserName | None, present: UserName | None, pointer: str) -> UserName | None:
    """The user that a body names, by id alone. Raises UnknownUser unless it is active, or *present* already."""
    if named is None:
        return None
    user_id = named.id
    if user_id is None and named.external_id is not None:
        user_id = unit.users.with_external_id(named.external_id)
    by_id = UserName(id=user_id)
    if user_id is None or (by_id != present and unit.users.in_list("users/active", user_id) is None):
        raise UnknownUser(f"There is no active user {_said(named)}", errors=[FieldError(pointer, "is no active user")])
    return by_id


def _said(named: UserName) -> str:
    if named.id is not None:
        return str(named.id)
    return "without id and externalId" if named.external_id is None else f"with the externalId {named.external_id!r}"


def _catalogue(unit: Unit) -> Catalogue:
    orgs = unit.counters.orgs_category
    categories = {category.id: category for category in unit.categories.listed(orgs_category=orgs)}
    tree_of_orgs = unit.categories.get(orgs)
    assert tree_of_orgs is not None
    return Catalogue(categories | {orgs: tree_of_orgs}, orgs, unit.values)


def _check_external_id(unit: Unit, external_id: str | None) -> None:
    other = None if external_id is None else unit.jobs.with_external_id(external_id)
    if other is not None:
        raise ExternalIdTaken(
            f"Job {other} has the externalId {external_id!r}",
            errors=[FieldError("/externalId", f"belongs to job {other}")],
        )


def _tell(unit: WriteUnit, before: Job | None, after: Job) -> None:
    """Append to the change log, for each list that the job is or was in."""
    lists = pings(None if before is None else before.state, after.state, unit.now)
    if lists:
        unit.changes.append(Change("job", after.id, "insert" if before is None else "update", lists=lists))
