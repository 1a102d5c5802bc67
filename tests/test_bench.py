"""The benchmarks still run. What they measure is never asserted: times depend on what else the machine does."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

REMAP = ["remap of 3,000 dependents", "answer to that remap", "worst wait of another writer"]
JOURNAL = ["journal of 2,000 entries"]
START = ["HTTP requests of a start with nothing new"]
BATCH = ["objects to 2 batch subscribers, 20 each", "the same per CPU second of the ATS"]


@pytest.mark.parametrize(
    ("subject", "measured", "rows"),
    [
        ("ats", ["remap", "journal"], [*REMAP, *JOURNAL]),
        ("delivery", ["batch"], BATCH),
        ("replicator", ["start"], START),
    ],
)
def test_a_quick_run_prints_a_table_with_the_rows_asked_for(
    subject: str, measured: Sequence[str], rows: Sequence[str]
) -> None:
    only = [argument for name in measured for argument in ("--only", name)]

    ran = subprocess.run(
        [ROOT / "scripts" / "bench", subject, "--quick", "--database", "sqlite", *only],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.partition("\nwhat ")[2].splitlines()[1:]
    assert [line[: len(row)] for line, row in zip(lines, rows, strict=False)] == rows
    assert all("  sqlite  " in line for line in lines[: len(rows)])
    assert "\nPeak memory of the server: " in ran.stdout
