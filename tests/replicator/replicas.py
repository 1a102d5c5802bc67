"""A replicator, and what is seen of its replica and of the ATS beside it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from replicator import Binding, Replicator
from tests.replicator.objects import CATEGORY, App, articles, quotes
from tests.replicator.standin import StandIn

PUBLIC_URL = "http://app"


def replicator_of(ats: StandIn, app: App, bindings: Sequence[Binding] | None = None) -> Replicator:
    return Replicator(
        ats=ats.client(),
        store=app.store,
        bindings=[quotes(), articles()] if bindings is None else bindings,
        public_url=PUBLIC_URL,
        interval=timedelta(hours=1),
        resync_delay=timedelta(0),
    )


def catch_up(ats: StandIn, app: App, bindings: Sequence[Binding] | None = None) -> None:
    """As a restarted process does it."""
    asyncio.run(replicator_of(ats, app, bindings).catch_up())


async def ping(replicator: Replicator, *values: int) -> None:
    """What the worker does once pings for values are answered."""
    await replicator.receive([ping_of(value) for value in values])
    await replicator.answer_pings()


def ping_of(value: int, category: int = CATEGORY) -> str:
    """The path of a ping."""
    return f"/categories/byID/{category}/values/byID/{value}/deltaPings"


def tree(app: App, category: int = CATEGORY) -> dict[int, str]:
    with app.store.read() as unit:
        return {value.id: value.name for value in unit.available_values(category)}


def ats_tree(ats: StandIn, category: int = CATEGORY) -> dict[int, str]:
    return {id_: v.name for (of, id_), v in ats.values.items() if of == category and v.available}
