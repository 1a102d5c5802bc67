"""What a write to a candidate means. Source: docs/contract/, "Jobs, users, candidates"."""

from dataclasses import dataclass
from datetime import datetime

from ats_stub.domain.items import Items, SignFile, check_bounds, files_in, unpacked
from ats_stub.domain.items import as_answered as items_as_answered
from ats_stub.domain.patches import Document, patched_state
from ats_stub.domain.references import (
    Catalogue,
    References,
    as_answered,
    check_mandatory,
    check_named_categories,
    check_references,
    collapsed,
    references_of,
)
from catrelay.models import CandidateRead, CandidateWrite, FileDownload

ANSWERED_ONLY = {"id", "resume_meta"}


@dataclass(frozen=True)
class Candidate:
    """A candidate's whole state: as answered, but for the addresses of its files, which are their paths.

    Its references are in order and each there once.
    """

    state: CandidateRead
    date_last_updated: datetime

    @property
    def id(self) -> int:
        return self.state.id

    def as_answered(self, signed: SignFile) -> CandidateRead:
        """The candidate as answered. signed: gives a file an address that holds for a while."""
        resume = self.state.resume_meta
        return self.state.model_copy(
            update={
                "resume_meta": None if resume is None else signed(resume),
                "items": items_as_answered(self.items, signed),
            }
        )

    @property
    def items(self) -> Items:
        """The items, out of their packages."""
        return tuple(package.item for package in self.state.items or () if package.item is not None)

    def files(self) -> list[FileDownload]:
        """All files that the candidate has."""
        resume = self.state.resume_meta
        return [*files_in(self.items), *([] if resume is None else [resume])]

    def references(self) -> References:
        """The values that the candidate references, by category."""
        return collapsed(references_of(self.state.categories))


def patched(present: Candidate | None, patch: Document, catalogue: Catalogue) -> CandidateWrite:
    """The state that *patch* asks for, of *present* (None: of a candidate to be made), with its references in order.

    Whether it is complete is for check_complete to say. Raises InvalidRequest, ReferenceBroken or LimitExceeded.
    """
    before = {} if present is None else present.state.model_copy(update=dict.fromkeys(ANSWERED_ONLY)).to_document()
    write = patched_state(before, patch, CandidateWrite)
    check_bounds(unpacked(write.items), "/items")
    check_named_categories(write.categories, catalogue)
    wanted = list(references_of(write.categories))
    check_references(wanted, {} if present is None else present.references(), catalogue)
    return write.model_copy(update={"categories": as_answered(collapsed(wanted))})


def check_complete(candidate: Candidate, catalogue: Catalogue) -> None:
    """Raise CategoryRuleBroken when the candidate has no value of a category that wants one."""
    check_mandatory(candidate.references(), catalogue)
