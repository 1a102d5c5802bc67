"""The description of an API as a page: whole, readable by everybody, and shut to what is not its own."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.catman.stage import serving
from tests.test_docs import SERVICES, settings_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PACKAGES = {name.split(".")[-1]: name for name in SERVICES}


@pytest.fixture(params=PACKAGES)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of each service in turn."""
    package = PACKAGES[request.param]
    url = f"sqlite:///{tmp_path / 'test.db'}"
    registry = importlib.import_module(f"{package}.cli").service.open_registry(url)
    registry.migrate()
    registry.close()
    with serving(importlib.import_module(f"{package}.app").create_app(settings_of(package)(database=url))) as address:
        yield address


def test_the_page_shows_every_operation_and_leads_nowhere_else(root: str) -> None:
    page = httpx.get(f"{root}/docs")
    document = httpx.get(f"{root}/openapi.json").json()

    anchors = set(re.findall(r' id="([^"]+)"', page.text))
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)

    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert {operation["operationId"] for operation in operations} <= anchors
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= anchors
    assert {link for link in links if not link.startswith("#")} == {"docs.css", "openapi.json"}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert "<script" not in page.text
    assert httpx.get(f"{root}/docs.css").headers["content-type"].startswith("text/css")


# The page of one service, as all have the same: what looks for barriers takes its time with large ones.
@pytest.mark.parametrize("root", ["uploader"], indirect=True)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_shuts_nobody_out(
    chromium: "Browser", root: str, scheme: Literal["light", "dark"], width: int
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))

    page.goto(f"{root}/docs")
    page.eval_on_selector_all("details", "all => all.slice(0, 30).forEach(each => each.open = true)")

    violations: list[dict[str, Any]] = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][:2]) for each in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert complaints == []
    page.close()
