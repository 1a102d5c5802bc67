"""The rows about the ATS, on each database."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence

from scripts.benchmarks import create, journal, kinto, remap, seq, tree
from scripts.benchmarks.report import Row
from scripts.benchmarks.stage import Stage

Measurement = Callable[[Stage], list[Row]]

MEASUREMENTS: Mapping[str, Measurement] = {
    "remap": remap.measure,
    "create": create.measure,
    "tree": tree.measure,
    "journal": journal.measure,
    "kinto": kinto.measure,
    "seq": seq.measure,
}


def measure(stage: Stage, names: Sequence[str]) -> list[Row]:
    """The rows of the measurements named."""
    rows: list[Row] = []
    for name in names:
        began = time.monotonic()
        rows += MEASUREMENTS[name](stage)
        sys.stderr.write(f"{name} on {stage.kind}: {time.monotonic() - began:.0f} s\n")
    return rows
