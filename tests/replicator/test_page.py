"""The public page, as a browser shows it."""

import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn
from anyio.from_thread import start_blocking_portal
from axe_playwright_python.sync_playwright import Axe

from catrelay.models import CategoryValue
from replicator.careersite.app import create_app
from replicator.careersite.models import TestimonialCreate as NewTestimonial
from replicator.careersite.shelves import shelves
from replicator.careersite.store import Held, open_store
from tests.replicator.standin import ORGS, StandIn
from tests.replicator.test_careersite import prepare, reported, site_settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MAORI, ARABIC, EMOJI = "Ōtāhuhu me ngā tāngata", "قسم البيانات", "People & Culture 👩🏽‍💻"
MARKUP = "<script>alert(1)</script>"


def furnish(ats: StandIn) -> None:
    ats.categories[17] = ats.categories[17].model_copy(update={"name": "Expertise"})
    ats.values.clear()
    ats.add(1, name="Technology")
    ats.add(2, name="Information technology", parent=1)
    ats.add(3, name="Data Sciences", parent=2)
    ats.add(4, name=ARABIC, parent=2)
    ats.add(5, name=EMOJI)
    ats.add(6, name=MAORI, parent=5)
    ats.add(90, category=ORGS, name="Eastern region")


VOICES = [
    ("Jake", "Working in the Data Sciences team is great: real questions, kind people.", 17, 3),
    ("Hēmi Te Rangi", "Ka nui te pai o tēnei mahi. He tāngata pai ōku hoa mahi katoa.", 17, 6),
    ("ليلى", "أحب العمل هنا، فالزملاء رائعون والعمل ممتع.", 17, 4),
    ("Noor 🌻", "First week: 🎉🎉\nSecond week: still 🎉", 17, 5),
    ("Sam", MARKUP, 17, 2),
    ("Mele", "The region looks after its own.", ORGS, 90),
]


@pytest.fixture(scope="module")
def page_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a career site that serves on a real socket, with testimonials."""
    folder = tmp_path_factory.mktemp("page")
    settings = site_settings(folder)
    prepare(settings)
    ats = StandIn()
    furnish(ats)
    app = create_app(settings, ats_transport=ats.transport())
    store = open_store(settings.database)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        root = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with start_blocking_portal() as portal:  # not asyncio.run(): a browser may be open already
                portal.call(reported, ats)
            with store.write("acme") as unit:
                for author, text, category, value in VOICES:
                    unit.add_testimonial(NewTestimonial(author=author, text=text, category=category, value=value))
            yield root
        finally:
            server.should_exit = True
            thread.join()
            store.registry.close()


def test_the_front_door_leads_to_the_only_tenants_page(page_root: str) -> None:
    answer = httpx.get(page_root)

    assert (answer.status_code, answer.headers["location"]) == (303, "/t/acme/careers")


def test_the_page_brings_nothing_from_elsewhere_and_runs_nothing(page_root: str) -> None:
    answer = httpx.get(f"{page_root}/t/acme/careers")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script>" not in answer.text
    assert "http://" not in answer.text.replace("http://www.w3.org", "")
    assert httpx.get(f"{page_root}/t/other/careers").status_code == 404
    assert httpx.get(f"{page_root}/t/acme/careers?value=x").status_code == 400


def test_every_value_with_testimonials_is_listed_with_its_way_and_what_choosing_it_shows(
    chromium: "Browser", page_root: str
) -> None:
    page = chromium.new_page()
    page.goto(f"{page_root}/t/acme/careers")

    entries = [" ".join(text.split()) for text in page.locator("nav li").all_inner_texts()]
    headings = page.locator("nav h2").all_inner_texts()

    assert headings == ["Expertise", "Organisation"]
    assert entries == [
        f"{EMOJI} 2 voices",
        f"{EMOJI} \u203a {MAORI} 1 voice",
        "Technology \u203a Information technology 3 voices",
        "Technology \u203a Information technology \u203a Data Sciences 1 voice",
        f"Technology \u203a Information technology \u203a {ARABIC} 1 voice",
        "Eastern region 1 voice",
    ]
    assert page.locator("figure").count() == len(VOICES)
    assert page.get_by_text(MARKUP).is_visible()
    page.close()


def test_choosing_a_value_shows_what_is_pinned_to_it_and_below(chromium: "Browser", page_root: str) -> None:
    page = chromium.new_page()
    page.goto(f"{page_root}/t/acme/careers")

    page.get_by_role("link", name="Technology \u203a Information technology 3").click()

    assert page.locator("figure .author").all_inner_texts() == ["Jake", "ليلى", "Sam"]
    assert page.locator("nav a[aria-current=page]").count() == 1
    assert "Information technology" in page.title()
    page.close()


def test_a_value_that_is_gone_shows_an_empty_page(chromium: "Browser", page_root: str) -> None:
    page = chromium.new_page()
    page.goto(f"{page_root}/t/acme/careers?value=99")

    assert page.get_by_text("no longer there").is_visible()
    assert page.locator("figure").count() == 0
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_accessible_and_fits(chromium: "Browser", page_root: str, width: int, scheme: str) -> None:
    context = chromium.new_context(
        viewport={"width": width, "height": 844}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto(f"{page_root}/t/acme/careers?value=2")

    violations = Axe().run(page, options={"resultTypes": ["violations"]})

    assert violations.violations_count == 0, violations.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert messages == []
    context.close()


def value(id_: int, name: str, parent: int | None = None) -> CategoryValue:
    return CategoryValue(id=id_, available=True, name=name, parent=parent)


def test_shelves_show_neither_values_that_are_gone_nor_categories_that_hold_nothing() -> None:
    known = {17: {1: value(1, "One"), 3: value(3, "Three", parent=1)}, 18: {2: value(2, "Two")}}
    held = [Held(17, 1, 3), Held(17, 3, 2), Held(17, 9, 1), Held(17, None, 1)]

    found = shelves([(17, "A"), (18, "B")], known, held)

    assert [(shelf.name, [label.count for label in shelf.labels]) for shelf in found] == [("A", [5, 2])]
