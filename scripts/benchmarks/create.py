"""Row 4: how much of what HTTP alone allows is left when every value is stored durably."""

from scripts.benchmarks.bare import bare
from scripts.benchmarks.load import NUMBER, Load, elsewhere, put_load
from scripts.benchmarks.report import Result, Row, at_least
from scripts.benchmarks.seeding import seed_values
from scripts.benchmarks.serving import OURS_WITH_FLOOR, UNSTORED_PATH
from scripts.benchmarks.stage import Stage

CLIENTS = 32
BODY = f'{{"name": "Value {NUMBER}", "code": "V{NUMBER}", "externalId": "hr-{NUMBER}"}}'
NUMBERS_PER_RUN = 10_000_000
"""More than can be sent in one run, so that no number comes twice."""


def measure(stage: Stage) -> list[Row]:
    """The row."""
    tenant = stage.new_tenant()
    with bare(stage.database) as database:
        path = seed_values(database, tenant, 0).path
    with stage.serving("create", tenant, OURS_WITH_FLOOR) as server:

        def rate(load: Load, run: int) -> float:
            done = elsewhere(put_load, load, run * NUMBERS_PER_RUN)
            assert not done.failed, f"{done.failed} of {done.answers} failed: {done.failures}"
            return done.rate

        stored = Load(server.target, path, BODY, CLIENTS, stage.sizes.load_seconds)
        unstored = Load(server.target, UNSTORED_PATH, BODY, CLIENTS, stage.sizes.load_seconds)
        rate(stored, 0)  # the first requests of a process are its slowest
        pairs = [(rate(stored, run), rate(unstored, run)) for run in range(1, stage.sizes.repetitions + 1)]
    what = f"POST .../values, durable, {CLIENTS} clients / the same parsed, answered, not stored"
    return [Result(what, stage.kind, "/s", pairs, at_least(0.5))]
