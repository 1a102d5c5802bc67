"""Flow "Career site is installed and tracks CV changes": it starts when the ATS already has its data."""

from catrelay.demo import places
from catrelay.demo.aftermath import check_pings, check_replica, check_testimonials
from catrelay.demo.careersite import standing
from catrelay.demo.checks import Flow
from catrelay.demo.flow_editor import value_ping
from catrelay.demo.load import load_testimonials
from catrelay.demo.stage import Stage, eventually
from catrelay.models import CategoryValueWrite


async def play(stage: Stage, flow: Flow) -> None:
    """The first load, then a change that arrives by ping."""
    await stage.release_careersite()
    head = await stage.head()
    status = await eventually(stage.careersite.status, lambda status: status.cursor == head)
    flow.did(f"career site ← ats: categories, trees and the journal's head; {standing(status)}")
    flow.check("its cursor is the journal's head", expected=head, seen=status.cursor)
    await check_replica(stage, flow)
    flow.did(f"career site: {await load_testimonials(stage)} testimonials are published")
    await check_testimonials(stage, flow, frozenset())

    category, pings = stage.categories["location"], await stage.careersite.last_ping()
    auckland = stage.ids[places.AUCKLAND]
    made = await stage.ats.write_value(category, CategoryValueWrite(name="Ponsonby", parent=auckland))
    flow.did(f"ats → career site: Ponsonby is new, value {made.id}")
    await check_pings(stage, flow, pings, {value_ping(category, made.id)})
    await check_replica(stage, flow)
