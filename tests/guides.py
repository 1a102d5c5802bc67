"""Guides that are carried out: a page's commands, in one shell, and what it says that they print."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.system.suites import free_base_port

NOTHING: Mapping[str, str] = {}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
REST = "... and more"
PORTS = "8800", "8810", "8811"
"""Those of the pages; in their place come others that are free."""

COMMANDS = {"catrelay": "-m catrelay", "python": "", "sqlite-utils": "-m sqlite_utils", "uvicorn": "-m uvicorn"}
"""What the pages call, and how Python is called instead."""


@dataclass(frozen=True)
class Step:
    """A block of commands, and what they print, when the guide shows it."""

    commands: str
    shown: str


def steps_of(guide: str) -> list[Step]:
    """The blocks of *guide*, in their order."""
    block = r"^```sh\n(.*?)^```\n(?:\n```(?:json|text)\n(.*?)^```\n)?"
    return [Step(*found) for found in re.findall(block, guide, re.MULTILINE | re.DOTALL)]


def programs_of(guide: str) -> dict[str, str]:
    """The programs of *guide* by their files. Each stands behind the sentence that begins with its name."""
    return dict(re.findall(r"`([\w/]+\.py)`, [^\n]*:\n\n```python\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL))


def carry_out(guide: str, folder: Path, instead: Mapping[str, str] = NOTHING) -> None:
    """Carry *guide* out in *folder*, and fail where a step does not print what is shown.

    instead: what stands on the page, and what takes its place here.
    """
    for name, program in programs_of(guide).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(program)
    steps = steps_of(guide)
    for number, (step, real) in enumerate(zip(steps, _carry_out(steps, folder, instead), strict=True)):
        said = (folder / f"{number}.err").read_text()
        assert is_shown(documents(step.shown), documents(real)), (
            f"{step.commands}printed\n{real}{said}\nnot\n{step.shown}"
        )


def _carry_out(steps: Sequence[Step], folder: Path, instead: Mapping[str, str]) -> list[str]:
    """Run all commands in one shell. Returns what each block printed."""
    here = {shown: str(port) for port, shown in enumerate(PORTS, free_base_port())} | dict(instead)
    for file in filter(Path.is_file, folder.rglob("*")):
        file.write_text(_replaced(file.read_text(), here))
    # Not functions of the shell: a guide would stop the process of the shell that runs one, and not what it started.
    commands = folder / "bin"
    commands.mkdir()
    for name, arguments in COMMANDS.items():
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        command.chmod(0o755)
    script = [f"PATH={commands}:$PATH"]
    for number, step in enumerate(steps):
        block = _replaced(step.commands, here)
        script.append(f"{{\n{block}}} > {folder}/{number}.out 2> {folder}/{number}.err")
    with subprocess.Popen(["bash", "-c", "\n".join(script)], cwd=folder, start_new_session=True) as shell:
        try:
            shell.wait(timeout=300)
        finally:
            # A guide stops what it starts, if all goes well; then nobody is left in the group.
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    as_shown = {real: shown for shown, real in here.items()}
    return [_replaced((folder / f"{number}.out").read_text(), as_shown) for number in range(len(steps))]


def _replaced(text: str, here: Mapping[str, str]) -> str:
    for shown, real in here.items():
        text = text.replace(shown, real)
    return text


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
            found.append(_expected(joined))
        except orjson.JSONDecodeError:
            continue
        lines = []
    return [*found, *lines]


def _expected(shown: str) -> Any:
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
