"""The guide to the ATS by curl is carried out, command by command, and answered as it says."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from starlette.routing import Route

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from tests.system.suites import free_base_port
from tests.test_docs import DOCS, endpoints

GUIDE = (DOCS / "howto" / "ats-by-curl.md").read_text()
# A block of commands, and what they print, when the guide shows it.
STEPS = re.findall(r"^```sh\n(.*?)^```\n(?:\n```(?:json|text)\n(.*?)^```\n)?", GUIDE, re.MULTILINE | re.DOTALL)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
REST = "... and more"

# More of the same: the org tree's values are reached like any category's, an object of one list like one of another.
# A file's address stands in the answer about its candidate. /docs is for people.
LIKE_OTHERS = re.compile(
    r"/orgs/values/.+|.*/(open|template|active|managers|recruiters)/byID/\{\w+\}|/files/.*|/docs.*"
)


def expected(shown: str) -> Any:
    """JSON, in which `...` at the end of an array or an object stands for more of it."""
    text = re.sub(r"\.\.\.(?=\s*\])", f'"{REST}"', shown)
    return orjson.loads(re.sub(r"\.\.\.(?=\s*\})", f'"{REST}": true', text))


def is_shown(shown: Any, real: Any) -> bool:
    """Whether *real* is what the guide shows, by the rule that the guide states."""
    if isinstance(shown, dict) and isinstance(real, dict):
        has_more = REST in shown
        members = shown.keys() - {REST}
        return (members <= real.keys() if has_more else members == real.keys()) and all(
            is_shown(shown[member], real[member]) for member in members
        )
    if isinstance(shown, list) and isinstance(real, list):
        has_more = REST in shown
        items = [item for item in shown if item != REST]
        return (len(items) <= len(real) if has_more else len(items) == len(real)) and all(map(is_shown, items, real))
    if isinstance(shown, str) and isinstance(real, str):
        if MOMENT.fullmatch(shown):
            return MOMENT.fullmatch(real) is not None
        return re.fullmatch(".*".join(map(re.escape, shown.split("..."))), real, re.DOTALL) is not None
    return type(shown) is type(real) and bool(shown == real)


def documents(text: str) -> list[Any]:
    """What is printed: statuses and bodies in turn; text that is no JSON, line by line."""
    found: list[Any] = []
    lines: list[str] = []
    for line in filter(None, text.splitlines()):
        lines.append(line)
        joined = "\n".join(lines)
        if joined[0] not in "[{":
            found.append(joined)
            lines = []
            continue
        try:
            found.append(expected(joined))
        except orjson.JSONDecodeError:
            continue
        lines = []
    return [*found, *lines]


def carry_out(folder: Path) -> list[str]:
    """Run all commands of the guide in one shell. Returns what each block printed."""
    port = free_base_port()
    # Not a function of the shell: of that, the guide would stop the shell's own process, and the ATS would live on.
    command = folder / "bin" / "catrelay"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m catrelay "$@"\n')
    command.chmod(0o755)
    script = [f"PATH={command.parent}:$PATH"]
    for number, (commands, _) in enumerate(STEPS):
        script.append(f"{{\n{commands}}} > {folder}/{number}.out 2> {folder}/{number}.err")
    text = "\n".join(script).replace("8800", str(port))
    with subprocess.Popen(["bash", "-c", text], cwd=folder, start_new_session=True) as shell:
        try:
            shell.wait(timeout=300)
        finally:
            # The guide stops the ATS that it starts, if all goes well; then nobody is left in the group.
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    return [(folder / f"{number}.out").read_text().replace(str(port), "8800") for number in range(len(STEPS))]


def test_the_guide_is_what_happens(tmp_path: Path) -> None:
    printed = carry_out(tmp_path)

    for number, ((commands, shown), real) in enumerate(zip(STEPS, printed, strict=True)):
        said = (tmp_path / f"{number}.err").read_text()
        assert is_shown(documents(shown), documents(real)), f"{commands}printed\n{real}{said}\nnot\n{shown}"


def test_the_guide_shows_every_endpoint(tmp_path: Path) -> None:
    app = create_app(AtsSettings(database=f"sqlite:///{tmp_path / 'ats.db'}"))
    text = re.sub(r"\\\n\s*", "", "".join(block for block, _ in STEPS)).replace(
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
