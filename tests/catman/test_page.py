"""The page in a real browser: by mouse, by keyboard, for everybody."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from catman.app import create_app
from catman.settings import CatmanSettings
from catrelay.client import AtsClient
from catrelay.models import CategoryValue, CategoryValueWrite, CategoryWrite, RelatedData
from catrelay.tokens import Connection
from tests.catman.stage import TENANT, CareerSite, new_ats, new_editor_database, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

ColorScheme = Literal["light", "dark"]

AUCKLAND, SHORE, TAKAPUNA, WELLINGTON = "Auckland", "North Shore", "Takapuna <b>", "Te Whanganui-a-Tara"


@dataclass
class Desk:
    """A browser in front of the editor. values: those of the category, by name."""

    page: "Page"
    read: Callable[[int], CategoryValue]
    write: Callable[[CategoryValueWrite], CategoryValue]
    values: dict[str, CategoryValue]
    url: str
    token: str

    def row(self, name: str) -> "Locator":
        """The tree's row with this name."""
        return self.page.get_by_role("treeitem", name=name, exact=True)

    def drop(self, name: str, onto: str) -> None:
        """Drag one row onto another by mouse, and wait until the preview has heard from every app."""
        self.row(name).locator(".row").drag_to(self.row(onto).locator(".row").first)
        self.wait_for_preview()

    def somebody_else(self, kind: str, value: str | None = None, **members: Any) -> None:
        """Have another person change the value that had this name at the start; this page is not told."""
        body = {"kind": kind, **members} if value is None else {"kind": kind, "value": self.values[value].id, **members}
        headers = {"origin": self.url.partition("/t/")[0]}
        assert self.page.request.post(f"{self.url}/changes", data=body, headers=headers).ok

    def wait_for_preview(self) -> None:
        self.page.locator("#preview [data-total] .total:not(.muted)").wait_for()

    def at_the_ats(self, name: str) -> CategoryValue:
        """The value that had this name at the start, as it is now."""
        return self.read(self.values[name].id)

    def said(self) -> str:
        """What the live region says, once it says something."""
        self.page.locator("#toast.shown").wait_for()
        return without_isolates(self.page.locator("#said").inner_text())

    def focused(self) -> str | None:
        """The name of the focused row."""
        name = self.page.locator("[role=treeitem]:focus > .row > .name")
        return name.inner_text() if name.count() else None


def is_error(message: "ConsoleMessage") -> bool:
    """Whether the page itself is at fault: that an answer was a refusal is noted by the browser as an error too."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def without_isolates(text: str) -> str:
    return re.sub("[\u2066-\u2069]", "", text)


@dataclass(frozen=True)
class Servers:
    """What runs for all tests of this file; each has its own category."""

    portal: BlockingPortal
    ats: AtsClient
    site: CareerSite
    editor_url: str
    token: str


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The ATS, a career site and the editor, each on its own port."""
    folder = tmp_path_factory.mktemp("servers")
    ats, site = new_ats(folder), CareerSite()
    with ExitStack() as stack:
        ats_url = stack.enter_context(serving(ats.app))
        site_url = stack.enter_context(serving(site.app()))
        url, (token,) = new_editor_database(
            folder,
            Connection("ats", ats_url, ats.token),
            Connection("careersite", site_url, "token"),
            scopes=("write",),
        )
        editor_url = stack.enter_context(serving(create_app(CatmanSettings(database=url))))
        portal = stack.enter_context(start_blocking_portal())
        client = portal.call(AtsClient, ats_url, TENANT, ats.token)
        stack.callback(portal.call, client.close)
        yield Servers(portal, client, site, editor_url, token)


@pytest.fixture
def desk(chromium: "Browser", servers: Servers) -> Iterator[Desk]:
    """A tree of places: Auckland with North Shore and Takapuna below it, and Wellington."""
    call, ats = servers.portal.call, servers.ats
    category = call(ats.create_category, CategoryWrite(name="Region")).id
    values: dict[str, CategoryValue] = {}
    for name, parent in ((AUCKLAND, None), (SHORE, AUCKLAND), (TAKAPUNA, AUCKLAND), (WELLINGTON, None)):
        below = {"parent": values[parent].id} if parent else {}
        values[name] = call(ats.write_value, category, CategoryValueWrite.model_validate({"name": name, **below}))
    takapuna = values[TAKAPUNA].id
    servers.site.held[takapuna] = RelatedData(summary="*Jake* works here", counts={"testimonials": 3})
    servers.site.impacts[takapuna] = RelatedData(summary="They move along", counts={"testimonials": 3})

    context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
    home = f"{servers.editor_url}/t/{TENANT}"
    page.goto(f"{home}/sign-in?next=/t/{TENANT}/edit/{category}#token={servers.token}")
    page.wait_for_url(f"**/edit/{category}")
    page.get_by_role("treeitem", name=AUCKLAND).press("ArrowRight")
    page.get_by_role("treeitem", name=SHORE).wait_for()
    yield Desk(
        page,
        lambda value: call(ats.value, category, value),
        lambda write: call(ats.write_value, category, write),
        values,
        f"{home}/edit/{category}",
        servers.token,
    )
    context.close()
    assert errors == []


def test_signing_in_takes_the_token_out_of_the_address(desk: Desk) -> None:
    assert desk.token not in desk.page.url
    desk.page.go_back()
    assert desk.token not in desk.page.url


def test_the_address_with_the_token_signs_in_also_where_the_sign_in_page_is_open(
    chromium: "Browser", servers: Servers
) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{servers.editor_url}/t/{TENANT}/sign-in")

        page.goto(f"{servers.editor_url}/t/{TENANT}/sign-in#token={servers.token}")

        page.wait_for_url(f"**/t/{TENANT}/edit")


def test_a_drop_shows_what_it_would_do_everywhere_and_then_does_it(desk: Desk) -> None:
    desk.drop(TAKAPUNA, SHORE)

    dialog = desk.page.get_by_role("dialog")
    before = desk.at_the_ats(TAKAPUNA)
    assert before.available
    assert "3 testimonials" in dialog.locator("[data-app=careersite]").inner_text()
    assert "Nothing changes here" in dialog.locator("[data-app=ats]").inner_text()
    assert "Affects 3 testimonials in 1 app." in dialog.inner_text()
    assert dialog.get_by_role("radio", name=f"Merge into “\u2068{SHORE}").is_checked()

    dialog.get_by_role("button", name="Merge").click()

    assert f"Merged “{TAKAPUNA}” into “{SHORE}”." in desk.said()
    after = desk.at_the_ats(TAKAPUNA)
    assert (after.available, after.remapped_to) == (False, desk.values[SHORE].id)
    assert desk.row(TAKAPUNA).count() == 0
    assert desk.page.locator("#how-many").inner_text() == "3 values"
    assert desk.focused() == SHORE


def test_a_cancelled_drop_changes_nothing(desk: Desk) -> None:
    desk.drop(TAKAPUNA, SHORE)

    desk.page.keyboard.press("Escape")

    desk.page.locator("#preview").wait_for(state="hidden")
    assert desk.at_the_ats(TAKAPUNA).available


def test_a_drop_can_mean_to_move_below(desk: Desk) -> None:
    desk.drop(WELLINGTON, SHORE)

    desk.page.get_by_role("radio", name="Move below").check()
    desk.wait_for_preview()
    desk.page.get_by_role("button", name="Move").last.click()

    assert desk.said() == f"Moved “{WELLINGTON}” below “{SHORE}”."
    assert desk.at_the_ats(WELLINGTON).parent == desk.values[SHORE].id
    assert desk.row(WELLINGTON).get_attribute("aria-level") == "3"
    assert desk.focused() == WELLINGTON


def test_a_drop_that_cannot_be_says_why(desk: Desk) -> None:
    desk.row(AUCKLAND).locator(".row").first.drag_to(desk.row(SHORE).locator(".row"))

    dialog = desk.page.get_by_role("dialog")
    dialog.wait_for()

    text = without_isolates(dialog.inner_text())
    assert "“Auckland” still has 2 values below it. Move or merge them first." in text
    assert "“North Shore” is itself below “Auckland”." in text
    assert dialog.get_by_role("button").all_inner_texts() == ["Close"]


def test_a_value_dropped_on_the_strip_above_moves_to_the_top_level(desk: Desk) -> None:
    page = desk.page
    desk.row(TAKAPUNA).locator(".row").hover()
    page.mouse.down()
    desk.row(SHORE).locator(".row").hover()
    page.locator("#top-drop").hover()
    page.mouse.up()
    desk.wait_for_preview()
    page.get_by_role("button", name="Move").last.click()

    assert desk.said() == f"Moved “{TAKAPUNA}” to the top level."
    assert desk.at_the_ats(TAKAPUNA).parent is None


def test_the_same_merge_by_keyboard_alone(desk: Desk) -> None:
    keys = desk.page.keyboard
    desk.row(AUCKLAND).focus()
    for key in ("ArrowDown", "ArrowDown"):
        keys.press(key)
    assert desk.focused() == TAKAPUNA

    keys.press("Control+x")
    assert f"Took “{TAKAPUNA}”" in desk.said()
    keys.press("ArrowUp")
    keys.press("Control+v")
    desk.wait_for_preview()
    assert desk.page.evaluate("document.activeElement.id") == "preview-title"
    for _ in range(4):  # the choice, the apps' answers, Cancel, then what confirms
        keys.press("Tab")
    keys.press("Enter")

    assert f"Merged “{TAKAPUNA}” into “{SHORE}”." in desk.said()
    assert desk.at_the_ats(TAKAPUNA).remapped_to == desk.values[SHORE].id
    assert desk.focused() == SHORE


def test_the_same_merge_through_the_dialog(desk: Desk) -> None:
    desk.row(TAKAPUNA).click()
    desk.page.get_by_role("button", name="Merge or move…").click()
    desk.page.get_by_label("Find the value to move or merge into").fill("NORTH")
    desk.page.locator("#picks").get_by_role("button", name=SHORE).click()
    desk.wait_for_preview()
    desk.page.get_by_role("dialog").get_by_role("button", name="Merge").click()

    assert f"Merged “{TAKAPUNA}” into “{SHORE}”." in desk.said()


def test_a_value_can_be_renamed_in_place(desk: Desk) -> None:
    desk.row(TAKAPUNA).press("F2")
    desk.page.get_by_label("New name").fill("Ōrewa")
    desk.page.keyboard.press("Enter")

    assert desk.said() == f"Renamed “{TAKAPUNA}” to “Ōrewa”."
    assert desk.at_the_ats(TAKAPUNA).name == "Ōrewa"
    assert desk.focused() == "Ōrewa"
    assert desk.page.locator("#details-title").inner_text() == "Ōrewa"


def test_values_can_be_added_at_the_top_and_below_another(desk: Desk) -> None:
    for opener, name in (("Add a value", "Samoa"), ("Add below", "Apia")):
        desk.page.get_by_role("button", name=opener).click()
        desk.page.get_by_label("Name", exact=True).fill(name)
        desk.page.get_by_role("button", name="Add", exact=True).click()
        desk.page.locator("#details-title", has_text=name).wait_for()

    assert desk.focused() == "Apia"
    assert desk.row("Samoa").get_attribute("aria-expanded") == "true"
    assert desk.row("Apia").get_attribute("aria-level") == "2"


def test_what_the_ats_refuses_is_read_in_the_form(desk: Desk) -> None:
    desk.row(WELLINGTON).click()
    desk.page.get_by_role("button", name="Add below").click()
    desk.write(CategoryValueWrite(id=desk.values[WELLINGTON].id, available=False))

    desk.page.get_by_label("Name", exact=True).fill("Petone")
    desk.page.get_by_role("button", name="Add", exact=True).click()

    error = desk.page.locator("#adding-error:not(:empty)")
    error.wait_for()
    assert error.inner_text().startswith("The parent is not available.")


def test_a_value_can_be_retired_from_the_keyboard(desk: Desk) -> None:
    desk.row(WELLINGTON).press("Delete")
    desk.wait_for_preview()
    desk.page.get_by_role("button", name="Retire “").click()

    assert desk.said() == f"Retired “{WELLINGTON}”."
    assert not desk.at_the_ats(WELLINGTON).available
    assert desk.focused() is not None


def test_the_tree_is_walked_with_the_keys_of_a_tree(desk: Desk) -> None:
    keys = desk.page.keyboard
    desk.row(AUCKLAND).focus()
    walk = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowDown", "Home", "End", "a", "t"):
        keys.press(key)
        walk.append(desk.focused())

    assert walk == [SHORE, TAKAPUNA, AUCKLAND, AUCKLAND, WELLINGTON, AUCKLAND, WELLINGTON, AUCKLAND, AUCKLAND]
    assert desk.page.locator('[role=treeitem][tabindex="0"]').count() == 1


def test_enter_reads_a_value_and_escape_returns_to_it(desk: Desk) -> None:
    desk.row(TAKAPUNA).press("Enter")
    desk.page.get_by_text("Jake").wait_for()

    assert desk.page.evaluate("document.activeElement.id") == "details-title"
    desk.page.keyboard.press("Escape")
    assert desk.focused() == TAKAPUNA


def test_a_search_opens_the_tree_where_the_value_is(desk: Desk) -> None:
    desk.page.reload()
    desk.page.get_by_label("Find a value").fill("taka")
    desk.page.locator("#found").get_by_role("button").click()

    desk.page.locator("[aria-selected=true]", has_text=TAKAPUNA).wait_for()
    assert desk.row(AUCKLAND).get_attribute("aria-expanded") == "true"
    assert desk.page.locator("#found").is_hidden()


def test_an_address_with_a_value_opens_it(desk: Desk) -> None:
    page = desk.page.context.new_page()
    page.goto(f"{desk.url}#{desk.values[TAKAPUNA].id}")

    page.locator("[aria-selected=true]", has_text=TAKAPUNA).wait_for()
    assert page.locator("#details-title").inner_text() == TAKAPUNA


@pytest.mark.parametrize("parent", [WELLINGTON, AUCKLAND])
def test_a_value_that_somebody_else_added_is_found_in_the_tree(desk: Desk, parent: str) -> None:
    desk.somebody_else("create", onto=desk.values[parent].id, name="Petone")

    desk.page.get_by_label("Find a value").fill("petone")
    desk.page.locator("#found").get_by_role("button").click()

    desk.page.locator("[aria-selected=true]", has_text="Petone").wait_for()
    assert desk.row("Petone").get_attribute("aria-level") == "2"
    assert desk.focused() == "Petone"


def test_a_value_that_somebody_else_retired_is_taken_away_when_it_is_opened(desk: Desk) -> None:
    desk.somebody_else("below", TAKAPUNA, onto=desk.values[WELLINGTON].id)
    desk.page.reload()
    desk.somebody_else("below", TAKAPUNA, onto=desk.values[AUCKLAND].id)
    desk.somebody_else("retire", WELLINGTON)

    desk.row(WELLINGTON).press("ArrowRight")

    assert "is not, or no longer, among the available values" in desk.said()
    desk.row(WELLINGTON).wait_for(state="detached")
    assert desk.focused() == AUCKLAND


def test_a_target_that_somebody_else_retired_is_refused_in_words(desk: Desk) -> None:
    desk.row(TAKAPUNA).click()
    desk.page.get_by_role("button", name="Merge or move…").click()
    target = desk.page.locator("#picks").get_by_role("button", name=SHORE)
    target.wait_for()
    desk.somebody_else("retire", SHORE)
    target.click()

    assert "is not, or no longer, among the available values" in desk.said()
    desk.row(SHORE).wait_for(state="detached")


def test_a_preview_that_is_out_of_date_is_made_anew_with_the_tree_behind_it(desk: Desk) -> None:
    desk.drop(TAKAPUNA, SHORE)
    desk.page.get_by_role("radio", name="Move below").check()
    desk.wait_for_preview()
    desk.somebody_else("retire", WELLINGTON)
    desk.page.get_by_role("button", name="Move").last.click()

    desk.page.locator("#preview [data-error]:not(:empty)").wait_for()
    desk.wait_for_preview()
    assert desk.row(WELLINGTON).count() == 0
    assert desk.page.evaluate("document.activeElement.id") == "preview-title"
    assert desk.at_the_ats(TAKAPUNA).parent == desk.values[AUCKLAND].id

    desk.page.get_by_role("button", name="Move").last.click()

    assert desk.said() == f"Moved “{TAKAPUNA}” below “{SHORE}”."


def test_a_preview_of_what_became_impossible_closes_and_says_so(desk: Desk) -> None:
    desk.drop(TAKAPUNA, SHORE)
    desk.somebody_else("retire", SHORE)
    desk.page.get_by_role("button", name="Merge").last.click()

    assert "is not, or no longer, among the available values" in desk.said()
    desk.page.locator("#preview").wait_for(state="hidden")
    assert desk.row(SHORE).count() == 0
    assert desk.focused() is not None


def test_a_value_is_added_once_however_often_one_clicks(desk: Desk) -> None:
    desk.page.get_by_role("button", name="Add a value").click()
    desk.page.get_by_label("Name", exact=True).fill("Samoa")
    desk.page.get_by_role("button", name="Add", exact=True).dblclick()

    assert desk.said() == "Added “Samoa” at the top level."
    desk.page.reload()
    assert desk.row("Samoa").count() == 1


def test_a_change_made_while_search_results_are_shown_leads_back_to_the_tree(desk: Desk) -> None:
    desk.row(TAKAPUNA).click()
    desk.page.get_by_label("Find a value").fill("taka")
    desk.page.locator("#found button").wait_for()
    desk.page.get_by_role("button", name="Retire…").click()
    desk.wait_for_preview()
    desk.page.get_by_role("button", name="Retire “").click()

    assert desk.said() == f"Retired “{TAKAPUNA}”."
    assert desk.page.locator("#found").is_hidden()
    assert desk.page.get_by_label("Find a value").input_value() == ""
    assert desk.focused() == AUCKLAND


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_on_the_page_shuts_anybody_out(desk: Desk, scheme: ColorScheme, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = desk.page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    problems: dict[str, Any] = {}

    def check(state: str) -> None:
        found = Axe().run(page).response["violations"]
        problems.update({f"{state}: {each['id']}": each["nodes"] for each in found})

    check("tree")
    desk.row(TAKAPUNA).click()
    page.get_by_text("Jake").wait_for()
    check("details")
    page.get_by_role("button", name="Rename").click()
    check("renaming")
    page.get_by_role("button", name="Merge or move…").click()
    page.locator("#picks button").first.wait_for()
    check("picker")
    page.locator("#picks").get_by_role("button", name=SHORE).click()
    desk.wait_for_preview()
    check("preview")
    page.get_by_role("dialog").get_by_role("button", name="Merge").click()
    desk.said()
    check("done")
    page.get_by_label("Find a value").fill("north")
    page.locator("#found button").wait_for()
    check("search")
    page.get_by_role("button", name="Add a value").click()
    check("adding")
    page.goto(desk.url.rpartition("/")[0])
    check("categories")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.locator("#token-error").wait_for()
    check("sign-in")

    assert problems == {}
