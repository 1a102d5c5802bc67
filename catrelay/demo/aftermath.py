"""What must be true of jobs, trees and testimonials after a change, in every flow."""

from collections.abc import Mapping
from typing import Any

from catrelay.demo.checks import Flow
from catrelay.demo.sample import KINDS, Kind
from catrelay.demo.stage import Stage, eventually, pins_read
from catrelay.models import JobRead


async def check_jobs(stage: Stage, flow: Flow, before: Mapping[int, JobRead], moved: frozenset[int]) -> None:
    """Each job is where the books have it; those that did not move did not change at all."""
    after = await stage.jobs()
    flow.check(
        f"all {len(stage.books.jobs)} jobs are where the document says, {len(moved)} of them moved",
        expected=dict(stage.books.jobs),  # the books go on, the check is of now
        seen={job: pins_read(read) for job, read in after.items()},
    )
    flow.check(
        "dateLastUpdated tells of exactly the jobs that moved",
        expected=moved,
        seen=frozenset(job for job, read in after.items() if read.date_last_updated != before[job].date_last_updated),
    )
    flow.check(
        "the other jobs are as they were",
        expected={job: read for job, read in before.items() if job not in moved},
        seen={job: read for job, read in after.items() if job not in moved},
    )


async def check_testimonials(stage: Stage, flow: Flow, moved: frozenset[int]) -> None:
    """Each testimonial is, before long, where the books have it."""
    expected = dict(stage.books.testimonials)  # the books go on, the check is of now
    flow.check(
        f"all {len(expected)} testimonials are where the document says, {len(moved)} of them moved",
        expected=expected,
        seen=await eventually(stage.testimonials, lambda seen: seen == expected),
    )


async def check_replica(stage: Stage, flow: Flow) -> None:
    """The career site's trees are, before long, the ATS's."""
    for kind in KINDS:
        await _check_replica_of(stage, flow, kind)


async def check_journal(stage: Stage, flow: Flow, after: int, expected: list[tuple[str, int, int | None]]) -> None:
    """The journal grew by exactly these entries: operation, value, remappedTo."""
    page = await stage.ats.tenant_journal(after=after)
    flow.check(
        f"the journal has {len(expected)} new entries, in order" if expected else "the journal has no new entry",
        expected=expected,
        seen=[(entry.operation, entry.id, entry.remapped_to) for entry in page.results],
    )


async def check_pings(stage: Stage, flow: Flow, after: int, expected: set[str]) -> None:
    """Pings with these paths arrived at the career site."""
    seen = await eventually(lambda: stage.careersite.ping_paths(after=after), lambda paths: expected <= paths)
    flow.check(
        f"the career site got the pings that the document names ({len(expected)})",
        expected=expected,
        seen=expected & seen,
    )


async def _check_replica_of(stage: Stage, flow: Flow, kind: Kind) -> None:
    expected = await stage.ats_tree(kind)
    seen = await eventually(lambda: stage.replica_tree(kind), lambda seen: seen == expected)
    flow.check(f"the career site's tree of {kind} is the ATS's", expected=_rows(expected), seen=_rows(seen))


def _rows(tree: list[dict[str, Any]], parent: int | None = None) -> dict[int, object]:
    """A tree by id: each value's members, its place among its siblings included, so that a difference can be shown."""
    rows: dict[int, object] = {}
    for place, value in enumerate(tree):
        members = {name: member for name, member in value.items() if name != "values"}
        rows[value["id"]] = (parent, place, members)
        rows |= _rows(value.get("values", []), value["id"])
    return rows
