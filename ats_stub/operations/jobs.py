"""What can be done to jobs."""

from collections.abc import Mapping
from typing import Any

from ats_stub.domain.jobs import Job, patched, pings
from ats_stub.domain.references import Catalogue
from ats_stub.store import Unit, WriteUnit
from ats_stub.store.changes import Change
from catrelay.problems import ExternalIdTaken, FieldError, NotFound


def create_job(unit: WriteUnit, patch: Mapping[str, Any]) -> Job:
    """Make a job."""
    state = patched(None, patch, _catalogue(unit))
    _check_external_id(unit, state.external_id)
    job = Job(unit.new_id(), state, unit.now)
    unit.jobs.insert(job)
    _tell(unit, None, job)
    return job


def patch_job(unit: WriteUnit, job_id: int, patch: Mapping[str, Any]) -> Job:
    """Apply a merge patch to a job. One that changes nothing leaves its date, too."""
    present = job_of(unit, job_id)
    unit.check_match(present.as_answered())
    state = patched(present, patch, _catalogue(unit))
    if state == present.state:
        return present
    if state.external_id != present.state.external_id:
        _check_external_id(unit, state.external_id)
    job = Job(job_id, state, unit.now)
    unit.jobs.update(job)
    _tell(unit, present, job)
    return job


def job_of(unit: Unit, job_id: int) -> Job:
    """The job. Raises NotFound."""
    job = unit.jobs.get(job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id}")
    return job


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
