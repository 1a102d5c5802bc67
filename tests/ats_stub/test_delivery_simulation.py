"""Delivery to hundreds of subscribers that fail, stall, leave and come back, by processes that die, in virtual time."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from ats_stub.store import Store
from catrelay.tokens import Access
from tests.ats_stub.delivery_world import CALM, MANNERS, Subscriber, World
from tests.virtual_time import VirtualLoop

SEEDS = range(int(os.environ.get("CATRELAY_SIMULATIONS", "1")))
BUSY_SECONDS = 1_200.0
WEEK = 7 * 86_400.0

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def in_virtual_time(play: Callable[[], Awaitable[Any]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())  # type: ignore[arg-type] # any coroutine


def any_subscriber(random: Random) -> Subscriber:
    moments = sorted(random.uniform(0, BUSY_SECONDS) for _ in range(random.randrange(5)))
    manners = [(0.0, random.choice(MANNERS)), *((moment, random.choice(MANNERS)) for moment in moments)]
    leaving = random.uniform(0, BUSY_SECONDS) if random.random() < 0.05 else None
    return Subscriber([*manners, (BUSY_SECONDS, "well")], leaving)


async def live_through(world: World, *, subscribers: int) -> None:
    random = world.random
    for _ in range(subscribers):
        world.subscribe(any_subscriber(random), "orgs", batch=random.random() < 0.2)
    for _ in range(2):
        world.start()
    for _ in range(8):
        await asyncio.sleep(random.expovariate(8 / BUSY_SECONDS))
        world.change(random.choice([1, 1, 2, 5]), of=10)
    await world.settled()
    await world.stop()


def check(world: World) -> None:
    live = [each for each in world.subscribers.values() if each.leaving is None]
    newest = {f"/orgs/values/byID/{org}/deltaPings": version for org, version in world.versions.items()}
    for subscriber in live:
        assert {path: seen[-1] for path, seen in subscriber.seen.items()} == newest
    for subscriber in world.subscribers.values():
        assert all(seen == sorted(seen) for seen in subscriber.seen.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_every_subscriber_ends_up_told_of_the_newest_state(store: Store, access: Access, seed: int) -> None:
    world = World(store, access, seed)

    in_virtual_time(lambda: live_through(world, subscribers=200))

    check(world)
    assert all(each.delivered <= world.changes for each in world.subscribers.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_missed_when_processes_die(store: Store, access: Access, seed: int) -> None:
    world = World(store, access, seed, deaths=0.01)

    in_virtual_time(lambda: live_through(world, subscribers=60))

    check(world)


@pytest.mark.parametrize(("batch", "requests"), [(False, 100), (True, 1)])
def test_a_week_away_costs_a_ping_for_each_object(store: Store, access: Access, batch: bool, requests: int) -> None:
    world = World(store, access, 0, rules=CALM)
    away = Subscriber([(0.0, "refusing"), (WEEK, "well")])

    async def be_away() -> None:
        world.subscribe(away, "orgs", batch=batch)
        world.start()
        for _ in range(100):
            world.change(100)
            await asyncio.sleep(WEEK / 100)
        before = away.requests
        world.resume_all()  # it was suspended after five days
        await world.settled()
        await world.stop()
        assert away.requests - before == requests

    in_virtual_time(be_away)

    check(world)
    assert away.delivered == 100
