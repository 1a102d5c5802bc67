"""`catrelay export` and `import`, against a real ATS on a real socket."""

import io
import json
import os
import pty
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.catrelay.cli.conftest import Catrelay, Options

Tenants = dict[str, Options]


@pytest.fixture(scope="module", autouse=True)
def something_to_move(tenants: Tenants) -> None:
    """An org of acme."""
    where = [*tenants["acme"], "--category", "1"]
    command = [sys.executable, "-m", "catrelay", "values", "create", "Head office", *where]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def file(catrelay: Catrelay, tenants: Tenants, tmp_path: Path) -> Path:
    """An export of acme."""
    path = tmp_path / "acme.json"
    outcome = catrelay("export", "--to", str(path), *tenants["acme"])
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    return path


def kinds(text: str | bytes) -> list[str]:
    return [json.loads(line)["kind"] for line in text.splitlines()]


def test_an_export_goes_to_stdout_or_to_a_file_of_its_owner(tenants: Tenants, file: Path) -> None:
    command = [sys.executable, "-m", "catrelay", "export", *tenants["acme"]]

    printed = subprocess.run(command, check=True, capture_output=True)

    assert kinds(printed.stdout) == kinds(file.read_bytes()) == ["header", "category", "value", "end"]
    assert printed.stderr == b""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_an_import_is_foreseen_done_and_not_repeated(catrelay: Catrelay, tenants: Tenants, file: Path) -> None:
    foreseen = catrelay("import", str(file), "--dry-run", *tenants["beta"])
    done = catrelay("import", str(file), "--json", *tenants["beta"])
    again = catrelay("import", str(file), *tenants["beta"])

    assert foreseen.out.splitlines()[0].split("\t")[::3] == ["made", "Head office"]
    assert json.loads(done.out)["counts"]["value"] == {"made": 1, "changed": 0, "unchanged": 0, "failed": 0}
    assert "value\t0\t0\t1\t0" in again.out
    assert (foreseen.err, done.err, again.err) == ("", "", "")
    assert sorted(path.name for path in file.parent.iterdir()) == ["acme-to-beta.map", "acme.json"]


def test_an_import_reads_stdin(tenants: Tenants, file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "catrelay", "import", "-", "--map", str(tmp_path / "map"), *tenants["beta"]]

    with file.open() as export:
        done = subprocess.run(command, stdin=export, check=True, capture_output=True)

    assert done.stdout.startswith(b"kind\tmade")


def test_a_file_that_is_not_there_is_wrong_usage(catrelay: Catrelay, tenants: Tenants, tmp_path: Path) -> None:
    assert catrelay("import", str(tmp_path / "none"), *tenants["beta"]).status == 2


def test_a_file_that_is_not_whole_is_refused_before_anything_is_written(
    catrelay: Catrelay, tenants: Tenants, file: Path
) -> None:
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    broken = {
        "is cut off": b"".join(lines[:-1]),
        "is cut off in line": whole[:-20],
        "is not whole": b"".join([*lines[:2], lines[-1]]),
        "goes on after its end": whole + lines[1],
        "is no export": b"".join(lines[1:]),
        "has version 2": whole.replace(b'"version":1', b'"version":2', 1),
        "does not know": whole.replace(b'"kind":"value"', b'"kind":"valve"', 1),
        "without an id": whole.replace(b'"data":{"id":', b'"data":{"ID":'),
    }

    for told, content in broken.items():
        file.write_bytes(content)
        outcome = catrelay("import", str(file), *tenants["beta"])
        assert outcome.status == 1
        assert told in outcome.err
        assert outcome.err.count("\n") == 1


def test_a_map_of_another_import_and_the_source_itself_are_refused(
    catrelay: Catrelay, tenants: Tenants, file: Path
) -> None:
    catrelay("import", str(file), *tenants["beta"])
    itself = catrelay("import", str(file), *tenants["acme"])
    file.write_bytes(file.read_bytes().replace(b'"epoch":"', b'"epoch":"x', 1))

    other = catrelay("import", str(file), *tenants["beta"])

    assert other.status == itself.status == 1
    assert "the map is of another source epoch" in other.err
    assert "acme is the tenant that the export is of" in itself.err


def test_an_export_is_not_printed_on_a_terminal_and_draws_a_bar_on_one_only(tenants: Tenants, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "catrelay", "export", *tenants["acme"]]

    status, shown = on_a_terminal([*command, "--to", str(tmp_path / "acme.json")])
    refused, told = on_a_terminal(command)

    assert status == 0
    assert b"\x1b[" in shown
    assert refused == 1
    assert b"--to FILE" in told
    assert b'"kind"' not in told


def on_a_terminal(command: list[str]) -> tuple[int, bytes]:
    """How a command ends whose stdout and stderr are a terminal, and what it shows there."""
    here, there = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(command, stdout=there, stderr=there, env=environment) as process:
        os.close(there)
        shown = io.BytesIO()
        try:
            while some := os.read(here, 65_536):
                shown.write(some)
        except OSError:
            pass  # Linux says so when the other end is closed
        os.close(here)
    return process.returncode, shown.getvalue()
