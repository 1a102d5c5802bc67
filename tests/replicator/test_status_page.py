"""The status of a replica, for people and for programs."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from starlette.applications import Starlette
from starlette.routing import Mount

from replicator import Replicator
from replicator.page import rendered, since, wants_html
from tests.catman.stage import serving
from tests.replicator.objects import App, app_database, quotes
from tests.replicator.replicas import ping_of
from tests.replicator.standin import StandIn

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TOKEN = "let me read"
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
STATUS = "/embedded/t/acme/replica/status"
HTML = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
MARKUP = "<script>alert(1)</script>"


def replicator_of(app: App, *, at: datetime = NOW) -> Replicator:
    return Replicator(ats=StandIn().client(), store=app.store, bindings=[quotes()], read_token=TOKEN, now=lambda: at)


def host_of(replicator: Replicator) -> Starlette:
    """Another app, with the replicator's own mounted in it."""
    return Starlette(routes=[Mount("/embedded", replicator.app)])


def follow(app: App) -> None:
    """As one that followed the ATS for a while, and failed the last time."""
    with app.store.write() as unit:
        unit.note_history("0b8e92c4", None)
        unit.set_cursor(0, 12_345)
        unit.note_head(12_347)
        unit.note_moved(1_000_412)
        unit.receive_pings([ping_of(value) for value in range(1, 30)], NOW - timedelta(minutes=5))
        unit.receive_pings([f"/categories/{MARKUP}/deltaPings"], NOW - timedelta(seconds=1))
        unit.note_done(30, NOW - timedelta(hours=5), f"The ATS answered {MARKUP}")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with app_database(tmp_path_factory.mktemp("status")) as database:
        app = App(database)
        follow(app)
        with serving(host_of(replicator_of(app))) as address:
            yield address


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


def test_a_browser_may_send_the_token_as_a_password(root: str) -> None:
    answer = httpx.get(root + STATUS, headers=HTML, auth=("", TOKEN))

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "accept"
    assert "12,345" in answer.text
    assert MARKUP not in answer.text


@pytest.mark.parametrize(
    "authorization", [None, basic("wrong"), "Basic !", "Basic", "Digest x", "Bearer wrong", basic("")]
)
def test_whoever_asks_for_the_page_without_the_token_is_asked_for_it(root: str, authorization: str | None) -> None:
    headers = HTML if authorization is None else HTML | {"authorization": authorization}

    answer = httpx.get(root + STATUS, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"].startswith("Basic realm=")


def test_the_page_is_shown_for_a_bearer_token_too(root: str) -> None:
    answer = httpx.get(root + STATUS, headers=HTML | {"authorization": f"Bearer {TOKEN}"})

    assert answer.headers["content-type"].startswith("text/html")


def test_programs_get_json_for_a_bearer_token_alone(root: str) -> None:
    answer = httpx.get(root + STATUS, headers={"authorization": f"Bearer {TOKEN}"})
    refused = httpx.get(root + STATUS, headers={"authorization": basic(TOKEN)})

    assert answer.json()["cursor"] == 12_345
    assert "accept" in answer.headers["vary"]
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("path", ["/t/acme/replica/pings", "/t/acme/replica/categories/byID/17/values"])
def test_no_other_path_takes_a_password(root: str, path: str) -> None:
    assert httpx.get(f"{root}/embedded{path}", headers=HTML | {"authorization": basic(TOKEN)}).status_code == 401


def test_another_tenants_page_is_not_found_out_about(root: str) -> None:
    answer = httpx.get(f"{root}/embedded/t/other/replica/status", headers=HTML, auth=("", TOKEN))

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ([], False),
        (["*/*"], False),
        (["text/*"], False),
        (["application/json, text/html;q=0.9"], False),
        (["text/html;q=0"], False),
        (["text/html"], True),
        (["TEXT/HTML;level=1, */*;q=0.1"], True),
        (["application/xml", "text/html, application/json;q=0"], True),
    ],
)
def test_html_is_for_who_names_it_and_not_json(accept: list[str], wanted: bool) -> None:
    assert wants_html(accept) is wanted


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-60, "now"), (0, "now"), (1, "1 second ago"), (119, "119 seconds ago"), (120, "2 minutes ago"),
     (7_199, "119 minutes ago"), (7_200, "2 hours ago"), (172_800, "2 days ago")],
)  # fmt: skip
def test_ages_are_said_as_people_say_them(seconds: int, said: str) -> None:
    assert since(NOW - timedelta(seconds=seconds), NOW) == said


def test_the_page_says_at_its_top_how_the_replica_stands(tmp_path: Path) -> None:
    with app_database(tmp_path) as database:
        app = App(database)
        assert "Nothing is loaded yet" in rendered(replicator_of(app))

        with app.store.write() as unit:
            unit.set_cursor(0, 7)
            unit.note_head(8)
            unit.note_done(0, NOW, None)
        assert "Behind by 1 entry" in " ".join(rendered(replicator_of(app)).split())

        with app.store.write() as unit:
            unit.set_cursor(0, 8)
        assert "Up to date" in rendered(replicator_of(app))
        assert "None yet." in rendered(replicator_of(app))

        later = replicator_of(app, at=NOW + timedelta(minutes=4))
        assert "Nobody has looked for a while" in rendered(later)
        assert "as the ATS was 4 minutes ago" in rendered(later)

        with app.store.write() as unit:
            unit.note_error("no answer")
        assert "Something is wrong" in rendered(replicator_of(app))


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_is_accessible_and_fits(
    chromium: "Browser", root: str, scheme: Literal["light", "dark"], width: int
) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 844},
        color_scheme=scheme,
        http_credentials={"username": "anybody", "password": TOKEN},
    )
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto(root + STATUS)

    violations = Axe().run(page, options={"resultTypes": ["violations"]})

    assert violations.violations_count == 0, violations.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("heading", name="Something is wrong").is_visible()
    assert page.locator("ol > li").count() == 20
    assert page.get_by_text(MARKUP).count() == 2
    assert page.locator("h2").first.evaluate("each => getComputedStyle(each).margin") == "0px 0px 12px"
    assert messages == []
    context.close()
