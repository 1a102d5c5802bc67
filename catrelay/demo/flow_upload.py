"""Flow "Upload app": a changed copy of the whole tree creates, renames and inactivates."""

from collections.abc import Sequence
from typing import Any

from catrelay.demo import places
from catrelay.demo.aftermath import check_jobs, check_journal, check_pings, check_replica, check_testimonials
from catrelay.demo.checks import Flow
from catrelay.demo.flow_editor import value_ping
from catrelay.demo.load import upload_tree
from catrelay.demo.stage import Stage
from catrelay.models import CategoryValue, CategoryValueUpload, PlanSummary, UploadPlan, UploadStatus
from catrelay.trees import flattened

NEWTOWN, BROOKLYN = "Newtown", "Brooklyn"


async def play(stage: Stage, flow: Flow) -> None:
    """Dry run first, then in earnest."""
    city, renamed, leaving = (
        stage.ids[each] for each in (places.WELLINGTON_CITY, places.BROOKLYN_MISSPELT, places.HAPPY_VALLEY)
    )
    category = stage.categories["location"]
    present = (await stage.ats.tree(category)).answer
    wanted = tuple(_edited(value, city, renamed, leaving) for value in present)
    count = len(flattened(present))
    before, head, pings = await stage.jobs(), await stage.head(), await stage.careersite.last_ping()
    jobs, testimonials = stage.books.jobs_at(leaving), stage.books.testimonials_at(leaving)
    flow.did(f"someapp → uploader: all {count} locations, with {NEWTOWN} new, Brookyln renamed, Happy Valley gone")

    dry = await upload_tree(stage, "location", wanted, dry_run=True)
    dry_plan = await stage.uploader.plan(category, dry.id)
    flow.did(f"uploader: the dry run {_told(dry_plan)}")
    expected_summary = PlanSummary(create=1, update=1, inactivate=1, unchanged=count - 2)
    flow.check("the plan is what was changed in the copy", expected=expected_summary, seen=dry_plan.summary)
    flow.check("the plan knows the jobs it touches", expected=len(jobs), seen=dry_plan.touched.get("jobs", 0))
    flow.check("the dry run changed nothing", expected=present, seen=(await stage.ats.tree(category)).answer)

    status = await upload_tree(stage, "location", wanted, dry_run=False)
    plan = await stage.uploader.plan(category, status.id)
    stage.books.inactivate(leaving)
    flow.did(f"uploader → ats: {_told(plan)}")
    flow.check(
        "the upload is complete, nothing failed",
        expected=("Complete", {"Created": (1, 0), "Updated": (1, 0), "Closed": (1, 0)}),
        seen=(status.status, _outcomes(status)),
    )
    flow.check("it did what the dry run said", expected=_operations(dry_plan), seen=_operations(plan))
    after = (await stage.ats.tree(category)).answer
    flow.check("the ATS's tree is the uploaded one", expected=_names(wanted), seen=_names(after))
    await check_journal(stage, flow, head, [("inactivate", leaving, None)])
    await check_jobs(stage, flow, before, jobs)
    await check_testimonials(stage, flow, testimonials)
    known = {value.id for value in flattened(present)}
    changed = {renamed, leaving, *(value.id for value in flattened(after) if value.id not in known)}
    await check_pings(stage, flow, pings, {value_ping(category, value) for value in changed})
    await check_replica(stage, flow)


def _edited(value: CategoryValue, city: int, renamed: int, leaving: int) -> CategoryValueUpload:
    children = tuple(_edited(child, city, renamed, leaving) for child in value.values or () if child.id != leaving)
    if value.id == city:
        children += (CategoryValueUpload(name=NEWTOWN, values=()),)
    return CategoryValueUpload(id=value.id, name=BROOKLYN if value.id == renamed else value.name, values=children)


def _names(tree: Sequence[CategoryValue] | Sequence[CategoryValueUpload]) -> list[Any]:
    """Names by nesting: what an upload and an answer have in common, siblings by name."""
    return sorted((value.name, _names(value.values or ())) for value in tree)


def _outcomes(status: UploadStatus) -> dict[str, tuple[int, int]]:
    return {each.operation: (each.succeeded, each.failed) for each in status.results if each.succeeded or each.failed}


def _operations(plan: UploadPlan) -> list[tuple[object, ...]]:
    """What each item does; a new value has no id in a dry run."""
    return sorted(
        (item.operation, None if item.operation == "create" else item.id, item.name, str(item.changes))
        for item in plan.items
    )


def _told(plan: UploadPlan) -> str:
    does = plan.summary
    return f"creates {does.create}, updates {does.update}, inactivates {does.inactivate}, leaves {does.unchanged}"
