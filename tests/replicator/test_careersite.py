"""The career site over HTTP: pings in, objects pinned, replica and related data out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import httpx
import orjson
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

from catrelay.asgi import Guard, create_service
from catrelay.problems import Forbidden
from catrelay.signing import new_secret, sign
from catrelay.tokens import Connection
from replicator import Replicator
from replicator.careersite.app import create_app, serve
from replicator.careersite.cli import open_registry, service
from replicator.careersite.models import TestimonialCreate as NewTestimonial
from replicator.careersite.settings import CareersiteSettings
from replicator.careersite.store import BINDINGS, Store, open_store
from replicator.careersite.tenants import Tenants
from tests.replicator.standin import ORGS, StandIn

pytestmark = pytest.mark.anyio

CATEGORY = 17


@dataclass
class Site:
    """A career site that serves, and its ATS."""

    ats: StandIn
    http: httpx.AsyncClient
    token: str

    async def post(self, path: str, body: object, *, status: int = 201) -> Any:
        answer = await self.http.post(f"/t/acme{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, *, status: int = 200) -> Any:
        answer = await self.http.get(f"/t/acme{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    async def testimonial(self, value: int, *, author: str = "Jake", category: int = CATEGORY) -> int:
        body = {"author": author, "text": "It is great here", "category": category, "value": value}
        made: int = (await self.post("/testimonials", body))["id"]
        return made

    async def ping(self, path: str, body: object = None, *, secret: str | None = None) -> httpx.Response:
        """A ping, signed; returned is the answer, and the work that it was the occasion for is done."""
        content = b"" if body is None else orjson.dumps(body)
        known = self.ats.subscriptions[1].secret
        assert known is not None
        headers = sign(content, message_id=f"msg_{uuid4()}", at=datetime.now(UTC), signing_secrets=[secret or known])
        return await self.http.post(
            f"/t/acme{path}", content=content, headers={**headers, "authorization": "none", "x-ping": "yes"}
        )

    async def settled(self, seq: int) -> None:
        """Until the site has told the ATS that it has applied the journal up to *seq*."""
        with anyio.fail_after(30):
            while seq not in self.ats.applied:
                await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def serving(app: Starlette, token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url="http://careersite",
            headers={"authorization": f"Bearer {token}"},
        ) as http,
    ):
        yield http


def site_settings(folder: Path) -> CareersiteSettings:
    return CareersiteSettings(
        database=f"sqlite:///{folder / 'careersite.db'}", catch_up_seconds=3_600, resync_delay_seconds=0
    )


def prepare(settings: CareersiteSettings, *, connected: bool = True) -> str:
    """The database with the tenant acme; returns an admin token."""
    registry = open_registry(settings.database)
    registry.migrate()
    registry.add_tenant("acme")
    if connected:
        registry.connect("acme", Connection("ats", "http://ats", "token"))
    token = registry.add_token("acme", "test", "admin")
    registry.close()
    return token


@pytest.fixture
async def site(ats: StandIn, tmp_path: Path) -> AsyncIterator[Site]:
    settings = site_settings(tmp_path)
    token = prepare(settings)
    ats.add_category(18)
    ats.add(90, category=ORGS, name="Eastern region")
    async with serving(create_app(settings, ats_transport=ats.transport()), token) as http:
        site = Site(ats, http, token)
        await site.settled(0)
        yield site


async def test_a_testimonial_follows_a_remap_when_its_ping_comes(site: Site) -> None:
    jake = await site.testimonial(1)
    site.ats.remap(1, 2)

    answer = await site.ping("/categories/byID/17/values/byID/1/deltaPings", {"id": 1, "name": "x", "available": False})
    await site.settled(1)

    assert answer.status_code == 204
    assert await site.get("/testimonials?value=2") == [
        {"id": jake, "author": "Jake", "text": "It is great here", "category": 17, "value": 2}
    ]
    assert await site.get("/testimonials?value=1") == []


async def test_a_testimonial_whose_value_was_inactivated_has_the_value_null(site: Site) -> None:
    await site.testimonial(1)
    site.ats.inactivate(1)

    await site.ping("/categories/byID/17/deltaPings")
    await site.settled(1)

    (testimonial,) = await site.get("/testimonials")
    assert testimonial["value"] is None


async def test_a_forged_ping_is_refused_and_not_recorded(site: Site) -> None:
    answer = await site.ping("/categories/deltaPings", secret=new_secret())

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await site.get("/replica/pings")) == {"results": []}


async def test_a_ping_without_signature_is_refused(site: Site) -> None:
    assert (await site.http.post("/t/acme/categories/deltaPings")).status_code == 401


async def test_a_ping_for_a_tenant_that_nobody_follows_is_refused_in_the_same_words(site: Site) -> None:
    def refused(answer: httpx.Response, tenant: str) -> dict[str, Any]:
        document: dict[str, Any] = answer.json()
        return document | {"instance": document["instance"].replace(tenant, "")}

    known = await site.http.post("/t/acme/categories/deltaPings")
    unknown = await site.http.post("/t/nobody/categories/deltaPings")

    assert refused(known, "acme") == refused(unknown, "nobody")


async def test_a_ping_that_is_repeated_is_recorded_once_wherever_it_is_sent(site: Site) -> None:
    known = site.ats.subscriptions[1].secret
    assert known is not None
    headers = sign(b"", message_id="msg_1", at=datetime.now(UTC), signing_secrets=[known])

    statuses = [
        (await site.http.post(f"/t/acme{path}/deltaPings", headers=headers)).status_code
        for path in ("/categories", "/categories", "/categories/byID/17")
    ]

    assert statuses == [204, 204, 204]
    assert [ping["path"] for ping in (await site.get("/replica/pings"))["results"]] == ["/categories/deltaPings"]


async def test_pings_are_recorded_by_path_in_pages(site: Site) -> None:
    paths = [
        "/jobs/open/byID/7/deltaPings",
        "/jobs/open/externally/byID/7/deltaPings",
        "/orgs/values/byID/90/deltaPings",
        "/categories/byID/17/values/byID/1/deltaPings",
    ]
    for path in paths[:2]:
        await site.ping(path, {"operation": "update"})
    batch = {"pings": [{"path": path, "body": {"id": 1}} for path in paths[2:]]}
    assert (await site.ping("/deltaPings", batch)).status_code == 204

    first = await site.get("/replica/pings?limit=3")
    rest = (await site.http.get(first["next"])).json()

    assert [ping["path"] for ping in first["results"] + rest["results"]] == paths
    assert "next" not in rest
    status = await site.get("/replica/status")
    assert (status["pings"], status["lastPing"]["path"], status["lastPing"]["id"]) == (4, paths[-1], 4)


async def test_a_batch_of_pings_that_is_none_is_refused(site: Site) -> None:
    assert (await site.ping("/deltaPings", {"pings": 1})).status_code == 400


async def test_a_ping_may_be_declared_as_anything(site: Site) -> None:
    known = site.ats.subscriptions[1].secret
    assert known is not None
    headers = sign(b"", message_id="msg_1", at=datetime.now(UTC), signing_secrets=[known])

    answer = await site.http.post(
        "/t/acme/categories/deltaPings", headers={**headers, "content-type": "application/octet-stream"}
    )

    assert answer.status_code == 204


async def test_what_the_ats_has_against_the_site_is_not_held_against_its_client(site: Site) -> None:
    def refuse(path: str) -> None:
        raise Forbidden("The site's token was revoked")

    site.ats.meanwhile = refuse
    body = {"author": "Jake", "text": "Great", "category": CATEGORY, "value": 99}

    refused = await site.post("/testimonials", body, status=503)

    assert refused["detail"] == "The ATS could not be asked: The site's token was revoked"


async def test_the_status_says_how_far_the_journal_is_applied(site: Site) -> None:
    await site.testimonial(1)
    site.ats.remap(1, 2)
    await site.ping("/categories/byID/17/values/byID/1/deltaPings", {})
    await site.settled(1)

    status = await site.get("/replica/status")

    assert (status["cursor"], status["head"], status["lag"], status["moved"]) == (1, 1, 0, 1)
    assert status["epoch"] == "first"
    assert "lastCatchUp" in status
    assert "lastError" not in status


async def test_the_replicated_tree_is_served_in_the_contracts_order(site: Site) -> None:
    tree = await site.get("/replica/categories/byID/17/values")
    orgs = await site.get(f"/replica/categories/byID/{ORGS}/values")

    assert [value["id"] for value in tree] == [1, 2, 3, 4, 5]
    assert orgs == [{"id": 90, "name": "Eastern region", "available": True}]
    await site.get("/replica/categories/byID/99/values", status=404)


async def test_a_value_that_was_just_made_can_be_pinned_to_at_once(site: Site) -> None:
    site.ats.add(81, category=18)
    site.ats.add(6, name="New")

    await site.testimonial(6)
    await site.testimonial(81, category=18)

    assert {each["value"] for each in await site.get("/testimonials")} == {6, 81}


@pytest.mark.parametrize(
    ("category", "value", "problem"),
    [(17, 99, "unknown-value"), (99, 1, "unknown-category"), (17, 3, "unavailable-value")],
)
async def test_a_testimonial_is_pinned_to_available_values_only(
    site: Site, category: int, value: int, problem: str
) -> None:
    seq = site.ats.inactivate(3)
    await site.ping("/categories/byID/17/values/byID/3/deltaPings")
    await site.settled(seq)

    refusal = await site.post(
        "/testimonials", {"author": "A", "text": "b", "category": category, "value": value}, status=400
    )

    assert refusal["type"] == f"urn:catrelay:problem:{problem}"
    assert await site.get("/testimonials") == []


async def test_a_testimonial_can_be_pinned_elsewhere_and_nowhere(site: Site) -> None:
    jake = await site.testimonial(1)
    path = f"/t/acme/testimonials/{jake}"

    repinned = await site.http.patch(path, json={"value": 2})
    nowhere = await site.http.patch(path, json={"value": None, "author": "Jake D."})
    refused = await site.http.patch(path, json={"value": 99})
    cleared = await site.http.patch(path, json={"author": None})

    assert repinned.json()["value"] == 2
    assert (nowhere.json()["value"], nowhere.json()["author"]) == (None, "Jake D.")
    assert (refused.status_code, cleared.status_code) == (400, 400)
    assert (await site.get(f"/testimonials/{jake}")) == nowhere.json()
    assert (await site.http.patch("/t/acme/testimonials/99", json={})).status_code == 404


async def test_an_article_with_both_values_of_a_remap_has_the_target_once(site: Site) -> None:
    made = await site.post("/articles", {"title": "Two", "body": "of them", "values": [2, 1]})
    assert made["values"] == [1, 2]
    seq = site.ats.remap(1, 2)
    await site.ping("/categories/byID/17/deltaPings")
    await site.settled(1)
    assert [article["values"] for article in await site.get("/articles")] == [[2]]

    site.ats.undo(seq)
    await site.ping("/categories/byID/17/deltaPings")
    await site.settled(2)

    assert [article["values"] for article in await site.get("/articles")] == [[1, 2]]
    await site.post("/articles", {"title": "None", "body": "x", "values": [99]}, status=400)


async def test_a_summary_counts_what_is_pinned_to_the_value(site: Site) -> None:
    await site.testimonial(1, author="**Jake** <b>")
    await site.testimonial(1, author="Mele")
    await site.post("/articles", {"title": "A story", "body": "x", "values": [1, 90]})

    summary = await site.get("/categories/byID/17/values/byID/1/summary")
    posted = await site.post("/categories/byID/17/values/byID/1/summary", {}, status=200)
    org = await site.get("/orgs/values/byID/90/summary")

    assert summary["counts"] == {"testimonials": 2, "articles": 1}
    assert r"\*\*Jake\*\* \<b\>" in summary["summary"]
    assert posted == summary
    assert org["counts"] == {"articles": 1}
    await site.get("/categories/byID/17/values/byID/2/summary", status=404)


async def test_a_change_impact_says_what_would_happen_and_changes_nothing(site: Site) -> None:
    await site.testimonial(1)
    path = "/categories/byID/17/values/byID/1/changeImpact"

    moved = await site.post(path, {"id": 1, "available": False, "remappedTo": 2}, status=200)
    lost = await site.post(path, {"available": False}, status=200)

    assert moved == {
        "summary": "- 1 testimonial would move from **Value 1** to **Value 2**",
        "counts": {"testimonials": 1},
    }
    assert "would lose **Value 1**" in lost["summary"]
    assert (await site.get("/testimonials"))[0]["value"] == 1
    await site.post(path, {"name": "One"}, status=404)
    await site.post(path, {"id": 2, "available": False}, status=400)
    await site.post("/orgs/values/byID/90/changeImpact", {"available": False}, status=404)


async def test_what_the_site_says_needs_a_token_of_the_tenant(site: Site) -> None:
    site.http.headers["authorization"] = "Bearer wrong"

    for path in ("", "/testimonials", "/replica/status", "/replica/pings", "/categories/byID/17/values/byID/1/summary"):
        await site.get(path, status=401)


async def test_a_tenant_without_an_ats_keeps_its_objects(tmp_path: Path) -> None:
    settings = site_settings(tmp_path)
    token = prepare(settings, connected=False)

    async with serving(create_app(settings), token) as http:
        assert (await http.get("/t/acme")).json()["service"] == "careersite"
        assert (await http.get("/t/acme/testimonials")).json() == []
        assert (await http.get("/t/acme/replica/status")).status_code == 404
        pinned = {"author": "A", "text": "b", "category": 17, "value": 1}
        assert (await http.post("/t/acme/testimonials", json=pinned)).status_code == 400
        assert (await http.post("/t/acme/articles", json={"title": "a", "body": "b", "values": [1]})).status_code == 400


async def test_tenants_are_followed_as_they_are_connected_and_disconnected(ats: StandIn, tmp_path: Path) -> None:
    settings = site_settings(tmp_path).model_copy(update={"connection_check_seconds": 0.01})
    prepare(settings, connected=False)
    store = open_store(settings.database)
    tenants = Tenants(store, settings, ats.transport())

    async with tenants.following():
        assert tenants.replicator("acme") is None

        store.registry.connect("acme", Connection("ats", "http://ats", "token"))
        await reported(ats)
        first = tenants.replicator("acme")
        assert first is not None

        store.registry.connect("acme", Connection("ats", "http://ats", "another token"))
        with anyio.fail_after(30):
            while tenants.replicator("acme") in (first, None):
                await anyio.lowlevel.checkpoint()

        rename_table(store, "connections", "elsewhere")
        with capture_logs() as logs, anyio.fail_after(30):
            while not logs:
                await anyio.lowlevel.checkpoint()
        assert logs[0]["event"] == "connections cannot be compared"
        rename_table(store, "elsewhere", "connections")

        store.registry.remove_tenant("acme")
        with anyio.fail_after(30):
            while tenants.replicator("acme") is not None:
                await anyio.lowlevel.checkpoint()

    store.registry.close()


def rename_table(store: Store, name: str, to: str) -> None:
    with store.registry.database.write() as db:
        db.execute(f"ALTER TABLE {name} RENAME TO {to}")


async def reported(ats: StandIn) -> None:
    """Until some replicator has told the ATS how far it is."""
    with anyio.fail_after(30):
        while not ats.applied:
            await anyio.lowlevel.checkpoint()


async def test_a_replicators_own_routes_serve_its_tenant_only(ats: StandIn, tmp_path: Path) -> None:
    settings = site_settings(tmp_path)
    token = prepare(settings)
    store = open_store(settings.database)
    store.registry.add_tenant("beta")
    beta = store.registry.add_token("beta", "test", "read")
    replicator = Replicator(
        ats=ats.client(),
        store=store.replica("acme"),
        bindings=BINDINGS,
        public_url="http://careersite",
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with replicator.lifespan():
            yield

    app = create_service(
        replicator.routes(Guard(store.registry)), settings=settings, registry=store.registry, lifespan=lifespan
    )
    async with serving(app, token) as http:
        await Site(ats, http, token).settled(0)
        assert (await http.get("/t/acme/replica/status")).json()["cursor"] == 0
        refused = await http.get("/t/beta/replica/status", headers={"authorization": f"Bearer {beta}"})
        assert refused.status_code == 404
    store.registry.close()


async def test_a_long_page_goes_on_elsewhere_and_shows_those_without_a_value_too(tmp_path: Path) -> None:
    settings = site_settings(tmp_path)
    token = prepare(settings, connected=False)
    store = open_store(settings.database)
    with store.write("acme") as unit:
        unit.replica.save_values(CATEGORY, [{"id": 1, "available": True, "name": "One"}])
        for number in range(60):
            new = NewTestimonial(author=f"Author {number}", text="Good", category=CATEGORY, value=1)
            unit.change_testimonial(unit.add_testimonial(new), {"value": None})
    store.registry.close()

    async with serving(create_app(settings), token) as http:
        first = (await http.get("/t/acme/careers")).text
        rest = (await http.get("/t/acme/careers?after=50")).text

    assert (first.count("<figure>"), rest.count("<figure>")) == (50, 10)
    assert "?after=50" in first
    assert "More voices" not in rest


async def test_the_service_tells_the_command_how_to_start_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATRELAY_DATABASE", f"sqlite:///{tmp_path / 'careersite.db'}")
    monkeypatch.setenv("CATRELAY_PUBLIC_URL", "https://jobs.example/")

    settings = CareersiteSettings()

    assert (service.name, service.port, settings.port) == ("careersite", 8803, 8803)
    assert settings.root_url == "https://jobs.example"
    assert serve().state.max_body_bytes == settings.max_body_bytes
