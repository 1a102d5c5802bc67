"""The rows about replicators, in apps with each database."""

from collections.abc import Mapping

from scripts.benchmarks.replicator_catch_up import measure_backlog, measure_catch_up
from scripts.benchmarks.replicator_first_load import measure_first_load
from scripts.benchmarks.replicator_ping import measure_ping
from scripts.benchmarks.replicator_simulation import measure_simulation
from scripts.benchmarks.replicator_start import measure_start
from scripts.benchmarks.stage import Measurement

MEASUREMENTS: Mapping[str, Measurement] = {
    "catch-up": measure_catch_up,
    "backlog": measure_backlog,
    "start": measure_start,
    "first-load": measure_first_load,
    "ping": measure_ping,
    "simulation": measure_simulation,
}
