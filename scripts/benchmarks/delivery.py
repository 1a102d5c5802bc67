"""The rows about the delivery of pings, on each database."""

from collections.abc import Mapping

from scripts.benchmarks.delivery_growth import measure_growth
from scripts.benchmarks.delivery_memory import measure_memory
from scripts.benchmarks.delivery_throughput import measure_batch, measure_fan_out, measure_stall
from scripts.benchmarks.delivery_wake import measure_wake
from scripts.benchmarks.delivery_write import measure_write
from scripts.benchmarks.stage import Measurement

MEASUREMENTS: Mapping[str, Measurement] = {
    "fan-out": measure_fan_out,
    "batch": measure_batch,
    "stall": measure_stall,
    "write": measure_write,
    "wake": measure_wake,
    "memory": measure_memory,
    "growth": measure_growth,
}
