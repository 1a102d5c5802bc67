"""How many pings a second one ATS sends."""

from scripts.benchmarks.bare_sender import IN_FLIGHT, send_bare
from scripts.benchmarks.delivery_tenant import SETTINGS, Tenant
from scripts.benchmarks.line import Line
from scripts.benchmarks.load import elsewhere
from scripts.benchmarks.receivers import Receivers, receiving
from scripts.benchmarks.report import UNJUDGED, Result, Row, at_least
from scripts.benchmarks.stage import Stage

STALL_TIMEOUT_SECONDS = 2
"""Instead of the 15 s of the default: then a burst would have to last for minutes."""
STALL_SETTINGS = SETTINGS | {
    "CATRELAY_PING_TIMEOUT_SECONDS": str(STALL_TIMEOUT_SECONDS),
    "CATRELAY_PING_RETRY_SECONDS": "0.5",
}
"""The one that stalls is tried again and again."""


def measure_fan_out(stage: Stage) -> list[Row]:
    """Single pings against a loop that only posts."""
    sizes = stage.sizes
    posts = sizes.subscribers * sizes.burst_objects
    tenant_name = stage.new_tenant()
    pairs, per_cpu = [], []
    with (
        receiving(sizes.subscribers) as receivers,
        stage.serving("fan-out", tenant_name, settings=SETTINGS) as server,
    ):
        tenant = Tenant(server.target, server.pid, receivers)
        tenant.make_values(sizes.burst_objects)
        tenant.subscribe_ports(range(sizes.subscribers))
        tenant.burst(1)  # the first requests of a process are its slowest
        for _ in range(sizes.repetitions):
            ours = tenant.burst(sizes.burst_objects)
            rate, cpu_rate = _bare_rates(receivers, sizes.subscribers, sizes.burst_objects)
            pairs.append((ours.rate, rate))
            per_cpu.append((ours.cpu_rate, cpu_rate))
    what = f"{posts:,} pings to {sizes.subscribers} subscribers"
    return [
        Result(f"{what}, stored, signed / bare aiohttp, {IN_FLIGHT} in flight", stage.kind, "/s", pairs, at_least(1.0)),
        Result("the same per CPU second of the sending process", stage.kind, "/s", per_cpu, UNJUDGED),
    ]


def _bare_rates(receivers: Receivers, subscribers: int, objects: int) -> tuple[float, float]:
    """Pings a second, and per second that the processor worked for the loop."""
    before = receivers.counts()
    sent = elsewhere(send_bare, receivers.urls(subscribers), receivers.sample(), objects)
    ended = receivers.wait_for({port: before[port] + 1 + objects for port in range(subscribers)})
    return subscribers * objects / (ended - sent.began), subscribers * objects / sent.cpu_seconds


def measure_batch(stage: Stage) -> list[Row]:
    """Objects by batches against objects by pings of their own. There are more by batches, or it were over at once."""
    sizes = stage.sizes
    singly, batched = stage.new_tenant(), stage.new_tenant()
    few = sizes.batch_subscribers
    pairs, per_cpu = [], []
    with receiving(2 * few) as receivers, stage.serving("batch", singly, settings=SETTINGS) as server:
        single = Tenant(server.target, server.pid, receivers)
        single.make_values(sizes.single_objects)
        single.subscribe_ports(range(few))
        batch = Tenant(stage.target(server, batched), server.pid, receivers)
        batch.make_values(sizes.batch_objects)
        batch.subscribe_ports(range(few, 2 * few), batch=True)
        for tenant in (single, batch):
            tenant.burst(1)
        for _ in range(sizes.repetitions):
            ours, baseline = batch.burst(sizes.batch_objects), single.burst(sizes.single_objects)
            pairs.append((ours.rate, baseline.rate))
            per_cpu.append((ours.cpu_rate, baseline.cpu_rate))
    what = f"objects to {few} batch subscribers, {sizes.batch_objects:,} each / by single pings"
    return [
        Result(what, stage.kind, "/s", pairs, at_least(20)),
        Result("the same per CPU second of the ATS", stage.kind, "/s", per_cpu, UNJUDGED),
    ]


def measure_stall(stage: Stage) -> list[Row]:
    """One subscriber that never answers, and what the others feel of it."""
    sizes = stage.sizes
    tenant_name = stage.new_tenant()
    stalled = sizes.subscribers - 1
    pairs, per_cpu = [], []
    with (
        receiving(sizes.subscribers) as receivers,
        stage.serving("stall", tenant_name, settings=STALL_SETTINGS) as server,
    ):
        tenant = Tenant(server.target, server.pid, receivers)
        tenant.make_values(sizes.burst_objects)
        *_, stalled_id = tenant.subscribe_ports(range(sizes.subscribers))
        tenant.burst(1)
        for _ in range(sizes.repetitions):
            ours = tenant.burst(sizes.burst_objects, [stalled])
            receivers.release(stalled)
            _resume(tenant, stalled_id)
            baseline = tenant.burst(sizes.burst_objects)
            pairs.append((ours.rate, baseline.rate))
            per_cpu.append((ours.cpu_rate, baseline.cpu_rate))
    what = f"pings while 1 of {sizes.subscribers} stalls for {STALL_TIMEOUT_SECONDS} s each time / all are healthy"
    return [
        Result(what, stage.kind, "/s", pairs, at_least(0.95)),
        Result("the same per CPU second of the ATS", stage.kind, "/s", per_cpu, UNJUDGED),
    ]


def _resume(tenant: Tenant, subscription: int) -> None:
    with Line(tenant.target) as line:
        line.post(f"/subscriptions/byID/{subscription}/resume", None)
    tenant.settle()
