"""What can be done to candidates."""

from datetime import datetime
from functools import partial

from ats_stub.domain.candidates import Candidate, check_complete, patched
from ats_stub.domain.items import packed, unpacked, with_files
from ats_stub.domain.merges import normalised
from ats_stub.domain.patches import Document
from ats_stub.domain.references import (
    Catalogue,
    as_answered,
    check_available,
    check_named_categories,
    check_number,
    collapsed,
    references_of,
)
from ats_stub.store import Unit, WriteUnit
from ats_stub.store.changes import Change
from ats_stub.store.surroundings import read_surroundings
from catrelay.models import CandidateRead, CategoriesActual, FileDownload, FileUpload
from catrelay.problems import NotFound


def create_candidate(unit: WriteUnit, patch: Document) -> CandidateRead:
    """Make a candidate. Returns it as answered."""
    catalogue = _catalogue(unit)
    candidate = _written(unit, unit.new_id(), None, patch, catalogue)
    check_complete(candidate, catalogue)
    unit.candidates.insert(candidate)
    unit.changes.append(Change("candidate", candidate.id, "insert"))
    return answered(unit, candidate, unit.now)


def patch_candidate(unit: WriteUnit, candidate_id: int, patch: Document) -> CandidateRead:
    """Apply a merge patch to a candidate. One that changes nothing leaves no trace. Returns it as answered."""
    present = candidate_of(unit, candidate_id)
    unit.check_match(answered(unit, present, unit.now))
    catalogue = _catalogue(unit)
    candidate = _written(unit, candidate_id, present, patch, catalogue)
    if candidate.state == present.state:
        return answered(unit, present, unit.now)
    check_complete(candidate, catalogue)
    unit.candidates.update(candidate)
    unit.files.drop_others("candidate", candidate_id, candidate.files())
    unit.changes.append(Change("candidate", candidate_id, "update"))
    return answered(unit, candidate, unit.now)


def candidate_of(unit: Unit, candidate_id: int) -> Candidate:
    """The candidate. Raises NotFound."""
    candidate = unit.candidates.get(candidate_id)
    if candidate is None:
        raise NotFound(f"There is no candidate {candidate_id}")
    return candidate


def answered(unit: Unit, candidate: Candidate, now: datetime) -> CandidateRead:
    """The candidate as answered *now*."""
    return candidate.as_answered(partial(unit.files.signed, now=now))


def merged_categories(unit: Unit, candidate_id: int, given: CategoriesActual) -> CategoriesActual:
    """*given* together with what the candidate references, put as briefly as possible. Changes nothing.

    Rules of categories are not asked: they are about what a candidate holds, not about what is chosen on the way there.
    """
    candidate = candidate_of(unit, candidate_id)
    catalogue = _catalogue(unit)
    check_named_categories(given, catalogue, pointer="")
    references = list(references_of(given, pointer=""))
    check_number(references)
    for reference in references:
        check_available(reference, catalogue)
    chosen = collapsed([*references, *references_of(candidate.state.categories)])
    every_value = {value for values in chosen.values() for value in values}
    surroundings = read_surroundings(unit.connection, unit.tenant, every_value)
    merged = as_answered({category: normalised(values, surroundings) for category, values in chosen.items()})
    return merged or CategoriesActual(())


def _catalogue(unit: Unit) -> Catalogue:
    orgs = unit.counters.orgs_category
    categories = {category.id: category for category in unit.categories.listed(orgs_category=orgs)}
    return Catalogue(categories, orgs, unit.values, "candidate_rules")


def _written(
    unit: WriteUnit, candidate_id: int, present: Candidate | None, patch: Document, catalogue: Catalogue
) -> Candidate:
    """What *patch* makes of the candidate; its files are kept from here on."""
    write = patched(present, patch, catalogue)

    def keep(file: FileUpload | FileDownload, pointer: str) -> FileDownload:
        return unit.files.keep("candidate", candidate_id, file, pointer=pointer)

    was = CandidateRead(id=candidate_id) if present is None else present.state
    resume, items = was.resume_meta, was.items
    if "resume" in patch:
        resume = None if write.resume is None else keep(write.resume, "/resume")
    if "items" in patch:
        items = packed(with_files(unpacked(write.items), keep))
    state = CandidateRead(
        id=candidate_id,
        notifications=write.notifications,
        internal_flag=write.internal_flag,
        person=write.person,
        resume_meta=resume,
        items=items,
        categories=write.categories,
    )
    return Candidate(state, unit.now)
