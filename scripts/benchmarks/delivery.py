"""The rows about the delivery of pings, on each database."""

from collections.abc import Mapping

from scripts.benchmarks import (
    delivery_growth,
    delivery_memory,
    delivery_throughput,
    delivery_wake,
    delivery_write,
)
from scripts.benchmarks.stage import Measurement

MEASUREMENTS: Mapping[str, Measurement] = {
    "fan-out": delivery_throughput.measure_fan_out,
    "batch": delivery_throughput.measure_batch,
    "stall": delivery_throughput.measure_stall,
    "write": delivery_write.measure,
    "wake": delivery_wake.measure,
    "memory": delivery_memory.measure,
    "growth": delivery_growth.measure,
}
