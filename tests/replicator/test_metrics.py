"""What operators see of replicas."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from catrelay.problems import Unavailable
from replicator import ReplicaMetrics, ReplicaStore, Replicator
from replicator.careersite.app import create_app
from tests.replicator.objects import App
from tests.replicator.replicas import ping_of, replicator_of
from tests.replicator.standin import StandIn
from tests.replicator.test_careersite import Site, prepare, serving, site_settings

pytestmark = pytest.mark.anyio

CAUGHT_UP = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def told(*replicators: Replicator) -> dict[str, float]:
    """Each metric of the tenant acme."""
    registry = CollectorRegistry()
    registry.register(ReplicaMetrics(lambda: replicators))
    return parsed(generate_latest(registry).decode())


def parsed(text: str) -> dict[str, float]:
    lines = [line.split('{tenant="acme"} ') for line in text.splitlines() if "catrelay_replica_" in line]
    return {line[0].removeprefix("catrelay_replica_"): float(line[1]) for line in lines if len(line) == 2}


async def test_metrics_tell_how_the_replica_stands(ats: StandIn, app: App) -> None:
    ats.remap(1, 2)
    replicator = replicator_of(ats, app)
    await replicator.catch_up()
    quote = app.add_quote(2)
    ats.remap(2, 3)
    await replicator.receive([ping_of(2), ping_of(3)])
    await replicator.answer_pings()
    with app.store.write() as unit:
        unit.note_head(7)
        unit.note_catch_up(CAUGHT_UP)

    assert app.quotes() == {quote: 3}
    assert told(replicator) == {
        "cursor": 2,
        "head": 7,
        "lag": 5,
        "pings_total": 2,
        "moved_objects_total": 1,
        "last_catch_up_seconds": CAUGHT_UP.timestamp(),
        "failing": 0,
        "leads": 0,
        "failures_total": 0,
    }


async def test_what_is_not_known_yet_is_not_told(ats: StandIn, app: App) -> None:
    assert told(replicator_of(ats, app)).keys() == {
        "pings_total", "moved_objects_total", "failing", "leads", "failures_total"
    }  # fmt: skip


async def test_failures_are_counted_by_the_process_that_leads(ats: StandIn, app: App) -> None:
    replicator = replicator_of(ats, app)
    seen: list[dict[str, float]] = []
    pinging: list[asyncio.Future[None]] = []
    reported = asyncio.Event()

    def be_away_twice(path: str) -> None:
        seen.append(told(replicator))
        if len(seen) < 3:
            pinging.append(asyncio.ensure_future(replicator.receive([ping_of(1)])))  # so that it does not wait
            raise Unavailable("The stand-in is away")
        if path.endswith("/applied"):
            reported.set()

    ats.meanwhile = be_away_twice
    async with asyncio.timeout(30), replicator.lifespan():
        await reported.wait()

    assert [(each["leads"], each["failing"], each["failures_total"]) for each in seen[:3]] == [
        (1, 0, 0),
        (1, 1, 1),
        (1, 1, 2),
    ]
    assert told(replicator)["failing"] == 0


async def test_a_database_that_cannot_be_read_fails_no_scrape(ats: StandIn, app: App, tmp_path: Path) -> None:
    embedded = Replicator(ats=ats.client(), store=f"sqlite:///{tmp_path / 'empty.db'}", bindings=[])
    through_sqlalchemy = Replicator(
        ats=ats.client(), store=ReplicaStore.of(f"sqlite+pysqlite:///{tmp_path / 'other.db'}", "acme"), bindings=[]
    )

    assert told(embedded) == told(through_sqlalchemy) == {"failures_total": 0}
    await embedded.close()
    through_sqlalchemy.store.close()


async def test_an_embedded_app_serves_metrics_to_who_may_read_the_replica(ats: StandIn, app: App) -> None:
    replicator = Replicator(ats=ats.client(), store=app.store, bindings=[], read_token="reader")
    shut = Replicator(ats=ats.client(), store=app.store, bindings=[])

    def http(of: Replicator) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=of.app), base_url="http://app")

    async with http(replicator) as mine, http(shut) as nobodys:
        reader = {"authorization": "Bearer reader"}
        answer = await mine.get("/metrics", headers=reader)
        assert parsed(answer.text) == told(replicator)
        assert answer.headers["content-type"].startswith("text/plain")
        assert (await mine.get("/metrics")).status_code == 401
        assert (await nobodys.get("/metrics", headers=reader)).status_code == 401


async def test_the_career_site_tells_of_the_tenants_that_it_follows(ats: StandIn, tmp_path: Path) -> None:
    settings = site_settings(tmp_path)
    token = prepare(settings)
    async with serving(create_app(settings, ats_transport=ats.transport()), token) as http:
        await Site(ats, http, token).settled(0)

        text = (await http.get("/metrics")).text

    assert parsed(text)["leads"] == 1
    assert parsed(text)["cursor"] == 0
    assert "catrelay_http_requests" in text
