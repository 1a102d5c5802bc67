"""The rows about the ATS, on each database."""

from collections.abc import Mapping

from scripts.benchmarks import create, journal, kinto, remap, seq, tree
from scripts.benchmarks.stage import Measurement

MEASUREMENTS: Mapping[str, Measurement] = {
    "remap": remap.measure,
    "create": create.measure,
    "tree": tree.measure,
    "journal": journal.measure,
    "kinto": kinto.measure,
    "seq": seq.measure,
}
