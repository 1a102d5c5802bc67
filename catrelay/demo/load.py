"""Loads the sample tenant through the interfaces that any app has."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from catrelay.cli.failure import Failure
from catrelay.demo.books import Books, pins_of
from catrelay.demo.expertise import expertise_tree
from catrelay.demo.places import location_tree
from catrelay.demo.sample import KINDS, Job, Kind, Testimonial, sample_jobs, sample_testimonials
from catrelay.demo.stage import Stage, eventually
from catrelay.models import (
    CategoryValue,
    CategoryValuesUpload,
    CategoryValueUpload,
    CategoryWrite,
    RulesWrite,
    UploadStatus,
)
from catrelay.trees import flattened

Item = TypeVar("Item")
Made = TypeVar("Made")

IN_FLIGHT = 16
UPLOAD_SECONDS = 120
RULES = RulesWrite(mandatory=False, can_multi_select=True, leaf_selection_only=False)
CATEGORIES: dict[Kind, CategoryWrite] = {
    "location": CategoryWrite(key="LOCATION", name="Location", job_rules=RULES, candidate_rules=RULES),
    "expertise": CategoryWrite(name="Expertise", code="expertise", job_rules=RULES, candidate_rules=RULES),
}


async def load_ats(stage: Stage) -> str:
    """Categories directly, trees through the uploader, then jobs. Returns what was loaded, in words."""
    trees: dict[Kind, tuple[CategoryValueUpload, ...]] = {"location": location_tree(), "expertise": expertise_tree()}
    for kind in KINDS:
        stage.categories[kind] = (await stage.ats.create_category(CATEGORIES[kind])).id
    for kind in KINDS:
        status = await upload_tree(stage, kind, trees[kind], dry_run=False)
        if status.status != "Complete" or any(outcome.failed for outcome in status.results):
            raise Failure(f"the upload of {kind} values ended as {status.to_document()}")
        stage.ids |= external_ids((await stage.ats.tree(stage.categories[kind])).answer)
    jobs = sample_jobs()
    made = await concurrently(jobs, lambda job: _post_job(stage, job))
    stage.books = Books(dict(made), {})
    return f"{len(stage.ids)} values in {len(KINDS)} categories, {len(made)} jobs"


async def load_testimonials(stage: Stage) -> int:
    """Publish the testimonials. Returns how many."""
    made = await concurrently(sample_testimonials(), lambda each: _post_testimonial(stage, each))
    stage.books.testimonials |= dict(made)
    return len(made)


async def upload_tree(stage: Stage, kind: Kind, tree: Sequence[CategoryValueUpload], *, dry_run: bool) -> UploadStatus:
    """Hand a whole tree to the uploader, and wait until it is done with it."""
    category = stage.categories[kind]
    accepted = await stage.uploader.upload_values(
        category, CategoryValuesUpload(test_flag=dry_run, category_values=tuple(tree))
    )
    return await eventually(
        lambda: stage.uploader.upload(category, accepted.id),
        lambda status: status.status in {"Complete", "Error"},
        seconds=UPLOAD_SECONDS,
    )


def external_ids(tree: Iterable[CategoryValue]) -> dict[str, int]:
    """Ids by externalId of all values of a tree that have one."""
    return {value.external_id: value.id for value in flattened(tree) if value.external_id is not None}


async def concurrently(items: Iterable[Item], make: Callable[[Item], Awaitable[Made]]) -> list[Made]:
    """*make* of each item, a bounded number at a time, in the items' order."""
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(item: Item) -> Made:
        async with gate:
            return await make(item)

    return await asyncio.gather(*(one(item) for item in items))


async def _post_job(stage: Stage, job: Job) -> tuple[int, dict[int, tuple[int, ...]]]:
    made = await stage.ats.create_job(job.to_write(stage.categories, stage.ids).to_document())
    pins = {"location": job.locations, "expertise": job.expertise}
    return made.id, dict(pins_of((stage.categories[kind], (stage.ids[v] for v in pins[kind])) for kind in KINDS))


async def _post_testimonial(stage: Stage, each: Testimonial) -> tuple[int, int | None]:
    value = stage.ids[each.value]
    made = await stage.careersite.post_testimonial(each.author, each.text, stage.categories[each.kind], value)
    return made.id, value
