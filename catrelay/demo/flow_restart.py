"""Flow "Career site comes back up after restart": what happened meanwhile is in the journal."""

from catrelay.demo import expertise, places
from catrelay.demo.aftermath import check_jobs, check_journal, check_replica, check_testimonials
from catrelay.demo.careersite import standing
from catrelay.demo.checks import Flow
from catrelay.demo.sample import Kind
from catrelay.demo.stage import Stage, eventually
from catrelay.models import CategoryValueWrite

REMAPS: tuple[tuple[Kind, str, str], ...] = (
    ("location", places.CAVERSHAM, places.CORSTORPHINE),
    ("location", places.CORSTORPHINE, places.SAINT_CLAIR),
    ("expertise", expertise.DATA_SCIENCES, expertise.IT),
)


async def play(stage: Stage, flow: Flow) -> None:
    """Stop it, change things, start it, compare."""
    before, head = await stage.jobs(), await stage.head()
    leaving = [stage.ids[each] for each in (*(source for _, source, _ in REMAPS), places.ABBOTSFORD)]
    jobs, testimonials = stage.books.jobs_at(*leaving), stage.books.testimonials_at(*leaving)
    await stage.hold_careersite()
    flow.did("career site: stopped")

    entries = await _change_things(stage, flow)

    await check_journal(stage, flow, head, entries)
    await check_jobs(stage, flow, before, jobs)
    await stage.release_careersite()
    new_head = await stage.head()
    status = await eventually(stage.careersite.status, lambda status: status.cursor == new_head)
    flow.did(f"career site ← ats: started again, it reads the journal after {head}; {standing(status)}")
    flow.check("its cursor is the journal's head", expected=new_head, seen=status.cursor)
    await check_testimonials(stage, flow, testimonials)
    await check_replica(stage, flow)


async def _change_things(stage: Stage, flow: Flow) -> list[tuple[str, int, int | None]]:
    """A chain of remaps, one in another category, a plain inactivation, a rename. Returns the journal's entries."""
    entries: list[tuple[str, int, int | None]] = []
    for kind, source, target in REMAPS:
        value, to = stage.ids[source], stage.ids[target]
        await stage.ats.write_value(
            stage.categories[kind], CategoryValueWrite(id=value, available=False, remapped_to=to)
        )
        stage.books.remap(value, to)
        entries.append(("remap", value, to))
    location, gone = stage.categories["location"], stage.ids[places.ABBOTSFORD]
    await stage.ats.write_value(location, CategoryValueWrite(id=gone, available=False))
    stage.books.inactivate(gone)
    entries.append(("inactivate", gone, None))
    await stage.ats.write_value(location, CategoryValueWrite(id=stage.ids[places.DUNEDIN], name="Dunedin"))
    flow.did("ats: Caversham → Corstorphine → St Clair, Data Sciences → IT, Abbotsford gone, Ōtepoti Dunedin renamed")
    return entries
