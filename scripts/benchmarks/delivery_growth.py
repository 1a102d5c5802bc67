"""What stays in the database of changes that everybody was told of."""

import time

from scripts.benchmarks.bare import Bare, bare
from scripts.benchmarks.delivery_tenant import SETTINGS, Tenant
from scripts.benchmarks.line import Line
from scripts.benchmarks.receivers import receiving
from scripts.benchmarks.report import UNJUDGED, Count, Growth, Row, at_most
from scripts.benchmarks.stage import Stage

GOAL_MEGABYTES = 10
CHANGES_PER_REQUEST = 1_000
POLL_SECONDS = 1
KEEP_NOTHING = SETTINGS | {"CATRELAY_CHANGES_KEEP_SECONDS": "0"}
COUNT_CHANGES = "SELECT count(*) FROM changes"


def measure_growth(stage: Stage) -> list[Row]:
    """Of what is in use, and of what the system gave."""
    sizes = stage.sizes
    tenant_name = stage.new_tenant()
    with (
        receiving(sizes.subscribers) as receivers,
        bare(stage.database) as database,
        stage.serving("growth", tenant_name, settings=KEEP_NOTHING) as server,
    ):
        tenant = Tenant(server.target, server.pid, receivers)
        tenant.make_values(1)
        tenant.subscribe_ports(range(sizes.subscribers))
        tenant.burst(1)
        before = database.sizes()
        with Line(tenant.target) as line:
            for _ in range(0, sizes.changes, CHANGES_PER_REQUEST):
                tenant.change(line, [*tenant.values] * CHANGES_PER_REQUEST)
        tenant.settle()
        left = _left_when_pruned(database, sizes.prune_seconds)
        after = database.sizes()
    what = f"{sizes.changes:,} changes, {sizes.subscribers} subscriptions, sent, pruned: database in use / before"
    goal = at_most(GOAL_MEGABYTES, f"<= +{GOAL_MEGABYTES} MB")
    return [
        Growth(what, stage.kind, "MB", after.used, before.used, goal),
        Growth("the same, as the system sees it", stage.kind, "MB", after.allotted, before.allotted, UNJUDGED),
        Count("changes still kept", stage.kind, left, f"{sizes.changes:,}"),
    ]


def _left_when_pruned(database: Bare, seconds: float) -> int:
    """How many changes are still kept, after *seconds* at the latest."""
    end = time.monotonic() + seconds
    while (left := database.one(COUNT_CHANGES)) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)  # nothing tells of it by itself
    return int(left)
