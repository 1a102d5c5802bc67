"""The benchmarks still run. What they measure is never asserted: times depend on what else the machine does."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

ROWS = {
    "remap": ["remap of 3,000 dependents", "answer to that remap", "worst wait of another writer"],
    "journal": ["journal of 2,000 entries"],
}


@pytest.mark.parametrize(("database", "measured"), [("sqlite", ["remap", "journal"])])
def test_a_quick_run_prints_a_table_with_the_rows_asked_for(database: str, measured: list[str]) -> None:
    only = [argument for name in measured for argument in ("--only", name)]

    ran = subprocess.run(
        [ROOT / "scripts" / "bench", "ats", "--quick", "--database", database, *only],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.partition("\nwhat ")[2].splitlines()[1:]
    rows = [row for name in measured for row in ROWS[name]]
    assert [line[: len(row)] for line, row in zip(lines, rows, strict=False)] == rows
    assert all(f"  {database}  " in line for line in lines[: len(rows)])
    assert "\nPeak memory of the server: " in ran.stdout
