"""Guides that are carried out: a page's commands, in one shell, and what it says that they print."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.system.suites import free_base_port

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
REST = "... and more"
ATS_PORT, APP_PORT = "8800", "8810"
"""Those of the pages; in their place come others that are free."""


@dataclass(frozen=True)
class Step:
    """A block of commands, and what they print, when the guide shows it."""

    commands: str
    shown: str


def steps_of(guide: str) -> list[Step]:
    """The blocks of *guide*, in their order."""
    block = r"^```sh\n(.*?)^```\n(?:\n```(?:json|text)\n(.*?)^```\n)?"
    return [Step(*found) for found in re.findall(block, guide, re.MULTILINE | re.DOTALL)]


def check(steps: Sequence[Step], folder: Path) -> None:
    """Carry all steps out in *folder*, and fail where one does not print what is shown."""
    for number, (step, real) in enumerate(zip(steps, _carry_out(steps, folder), strict=True)):
        said = (folder / f"{number}.err").read_text()
        assert is_shown(documents(step.shown), documents(real)), (
            f"{step.commands}printed\n{real}{said}\nnot\n{step.shown}"
        )


def _carry_out(steps: Sequence[Step], folder: Path) -> list[str]:
    """Run all commands in one shell. Returns what each block printed."""
    port = free_base_port()
    ports = {ATS_PORT: str(port), APP_PORT: str(port + 1)}
    for file in folder.iterdir():
        file.write_text(_replaced(file.read_text(), ports))
    # Not functions of the shell: a guide would stop the process of the shell that runs one, and not what it started.
    commands = folder / "bin"
    commands.mkdir()
    for name, arguments in {"catrelay": "-m catrelay", "python": ""}.items():
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
        command.chmod(0o755)
    script = [f"PATH={commands}:$PATH"]
    for number, step in enumerate(steps):
        block = _replaced(step.commands, ports)
        script.append(f"{{\n{block}}} > {folder}/{number}.out 2> {folder}/{number}.err")
    with subprocess.Popen(["bash", "-c", "\n".join(script)], cwd=folder, start_new_session=True) as shell:
        try:
            shell.wait(timeout=300)
        finally:
            # A guide stops what it starts, if all goes well; then nobody is left in the group.
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    shown_ports = {real: shown for shown, real in ports.items()}
    return [_replaced((folder / f"{number}.out").read_text(), shown_ports) for number in range(len(steps))]


def _replaced(text: str, ports: dict[str, str]) -> str:
    for shown, real in ports.items():
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
