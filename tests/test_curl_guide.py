"""The guide to the ATS by curl is carried out, command by command, and answered as it says."""

import re
from pathlib import Path

from starlette.routing import Route

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from tests.guides import carry_out, steps_of
from tests.test_docs import DOCS, endpoints

GUIDE = (DOCS / "howto" / "ats-by-curl.md").read_text()

# More of the same: the org tree's values are reached like any category's, an object of one list like one of another.
# A file's address stands in the answer about its candidate. /docs is for people.
LIKE_OTHERS = re.compile(
    r"/orgs/values/.+|.*/(open|template|active|managers|recruiters)/byID/\{\w+\}|/files/.*|/docs.*"
)


def test_the_guide_is_what_happens(tmp_path: Path) -> None:
    carry_out(GUIDE, tmp_path)


def test_the_guide_shows_every_endpoint(tmp_path: Path) -> None:
    app = create_app(AtsSettings(database=f"sqlite:///{tmp_path / 'ats.db'}"))
    text = re.sub(r"\\\n\s*", "", "".join(step.commands for step in steps_of(GUIDE))).replace(
        "$VALUES", "$ATS/categories/byID/2/values"
    )
    calls = [line for line in text.splitlines() if "curl" in line]

    def is_shown(method: str, path: str) -> bool:
        template = re.sub(r"\\\{\w+\\\}", "[^/?\"' ]+", re.escape(path.rstrip("/")))
        called = re.compile(rf"\$(ATS|ROOT){template}[\"']?(\?| |$)")
        return any(_method(call) == method and called.search(call) for call in calls)

    api = [route for route in app.routes if isinstance(route, Route) and route.include_in_schema]
    missing = [each for each in endpoints(api) if not is_shown(*each) and not LIKE_OTHERS.fullmatch(each[1])]
    assert missing == []


def _method(line: str) -> str:
    given = re.search(r"-X (\w+)", line)
    if given:
        return given[1]
    return "POST" if "--json" in line else "GET"
