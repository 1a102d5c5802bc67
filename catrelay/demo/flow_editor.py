"""Flow "Category manager UI": Takapuna is dragged onto North Shore."""

import re

import httpx

from catrelay.client import values_path
from catrelay.demo import places
from catrelay.demo.aftermath import check_jobs, check_journal, check_pings, check_replica, check_testimonials
from catrelay.demo.checks import Flow
from catrelay.demo.stage import Stage
from catrelay.models import CategoryValueWrite, JobRead, RelatedData


async def play(stage: Stage, flow: Flow) -> None:
    """Summary, create, changeImpact, inactivate and remap: the calls that the editor makes."""
    takapuna, north_shore = stage.ids[places.TAKAPUNA], stage.ids[places.NORTH_SHORE]
    await _serve_page(stage, flow)
    await _ask_summaries(stage, flow, takapuna)
    await _create_birkenhead(stage, flow, north_shore)

    drop = CategoryValueWrite(id=takapuna, available=False, remapped_to=north_shore)
    await _ask_impacts(stage, flow, drop)
    await _drop(stage, flow, drop)


async def _serve_page(stage: Stage, flow: Flow) -> None:
    catman = stage.suite.catman
    at_tenant = f"/t/{stage.suite.tenant}"
    async with httpx.AsyncClient(base_url=catman.url, trust_env=False) as browser:
        signed_in = await browser.post(
            f"{at_tenant}/sign-in", data={"token": catman.token}, headers={"origin": catman.url}
        )
        page = await browser.get(f"{at_tenant}/edit/{stage.categories['location']}")
    title = re.search(r"<title>(.*?)</title>", page.text, re.DOTALL)
    flow.did(f"catman serves “{' '.join(title[1].split()) if title else 'a page without title'}”")
    flow.check(
        "catman signs in and shows the editor", expected=(303, 200), seen=(signed_in.status_code, page.status_code)
    )


async def _ask_summaries(stage: Stage, flow: Flow, takapuna: int) -> None:
    path = values_path(stage.categories["location"])
    ats = await stage.ats.summary(path, takapuna)
    careersite = await stage.careersite.summary(path, takapuna)
    _note_counts(stage, flow, "summary of Takapuna", takapuna, ats, careersite)


async def _create_birkenhead(stage: Stage, flow: Flow, north_shore: int) -> None:
    category, pings = stage.categories["location"], await stage.careersite.last_ping()
    made = await stage.ats.write_value(category, CategoryValueWrite(name="Birkenhead", parent=north_shore))
    flow.did(f"catman → ats: create Birkenhead in North Shore; it is value {made.id}")
    await check_pings(stage, flow, pings, {value_ping(category, made.id)})
    await check_replica(stage, flow)


async def _ask_impacts(stage: Stage, flow: Flow, drop: CategoryValueWrite) -> None:
    assert drop.id is not None
    path, head = values_path(stage.categories["location"]), await stage.head()
    ats = await stage.ats.change_impact(path, drop.id, drop)
    careersite = await stage.careersite.change_impact(path, drop.id, drop)
    _note_counts(stage, flow, "changeImpact of Takapuna → North Shore", drop.id, ats, careersite)
    flow.check("asking changes nothing", expected=head, seen=await stage.head())


async def _drop(stage: Stage, flow: Flow, drop: CategoryValueWrite) -> None:
    assert drop.id is not None
    assert drop.remapped_to is not None
    category, books = stage.categories["location"], stage.books
    before, head, pings = await stage.jobs(), await stage.head(), await stage.careersite.last_ping()
    jobs, testimonials = books.jobs_at(drop.id), books.testimonials_at(drop.id)

    written = await stage.ats.write_value(category, drop)
    books.remap(drop.id, drop.remapped_to)

    flow.did(f"catman → ats: Takapuna ({drop.id}) is unavailable, remapped to North Shore ({drop.remapped_to})")
    flow.check(
        "the answer has the node's new state",
        expected=(False, drop.remapped_to, None),
        seen=(written.available, written.remapped_to, written.parent),
    )
    await check_journal(stage, flow, head, [("remap", drop.id, drop.remapped_to)])
    await check_jobs(stage, flow, before, jobs)
    await check_testimonials(stage, flow, testimonials)
    await check_pings(stage, flow, pings, {value_ping(category, drop.id)} | job_pings([before[job] for job in jobs]))
    await check_replica(stage, flow)


def _note_counts(
    stage: Stage, flow: Flow, what: str, value: int, ats: RelatedData | None, careersite: RelatedData | None
) -> None:
    jobs = (ats.counts or {}).get("jobs", 0) if ats else 0
    testimonials = (careersite.counts or {}).get("testimonials", 0) if careersite else 0
    flow.did(f"catman asks for the {what}: ats {jobs} jobs, career site {testimonials} testimonials")
    flow.check(
        f"both apps count right in the {what}",
        expected=(len(stage.books.jobs_at(value)), len(stage.books.testimonials_at(value))),
        seen=(jobs, testimonials),
    )


def value_ping(category: int, value: int) -> str:
    """Path of the ping about a value."""
    return f"{values_path(category)}/byID/{value}/deltaPings"


def job_pings(jobs: list[JobRead]) -> set[str]:
    """Paths of the pings about those of *jobs* that are open, or open externally."""
    paths: set[str] = set()
    for job in jobs:
        available = job.availability
        closed = available is not None and available.application_close_dates is not None
        if job.status != "active" or job.template_flag or closed:  # the sample's close dates have all passed
            continue
        paths.add(f"/jobs/open/byID/{job.id}/deltaPings")
        if available is not None and available.available_externally:
            paths.add(f"/jobs/open/externally/byID/{job.id}/deltaPings")
    return paths
