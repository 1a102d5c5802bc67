"""Row 5: the tree of a large category, whole and unchanged."""

import time
from collections.abc import Callable
from statistics import median

import orjson

from scripts.benchmarks.bare import Bare, bare
from scripts.benchmarks.line import Line
from scripts.benchmarks.report import Result, Row, at_most
from scripts.benchmarks.seeding import Seeded, seed_values
from scripts.benchmarks.stage import Stage

CHILDREN = 10
ASKED_PER_REPETITION = 20
BARE_SELECT = (
    "SELECT id, parent, sequence, name, node FROM category_values WHERE tenant = ? AND category = ? AND available"
)


def measure(stage: Stage) -> list[Row]:
    """Both rows."""
    tenant = stage.new_tenant()
    with bare(stage.database) as database:
        seeded = seed_values(database, tenant, stage.sizes.nodes, branching=CHILDREN)
        database.settle("category_values")
        with stage.serving("tree", tenant) as server, Line(server.target) as line, Line(server.root) as root:
            first = line.get(seeded.path)
            assert first.status == 200, first.body
            tree = orjson.loads(first.body)
            assert len(database.rows(BARE_SELECT, seeded.tenant, seeded.category)) == seeded.count
            whole = [
                (line.get(seeded.path).seconds, _bare_seconds(database, seeded, tree))
                for _ in range(stage.sizes.repetitions)
            ]
            etag = first.header("etag")
            assert line.get(seeded.path, if_none_match=etag).status == 304
            unchanged = [
                (
                    _median_seconds(lambda: line.get(seeded.path, if_none_match=etag).seconds),
                    _median_seconds(lambda: root.get("/healthz").seconds),
                )
                for _ in range(stage.sizes.repetitions)
            ]
    nodes = f"{seeded.count:,} nodes ({len(first.body) / 1e6:.1f} MB)"
    milliseconds = [(ours * 1_000, baseline * 1_000) for ours, baseline in unchanged]
    return [
        Result(f"GET .../values, {nodes} / bare SELECT and orjson", stage.kind, "s", whole, at_most(1.5)),
        Result("the same with If-None-Match, unchanged / GET /healthz", stage.kind, "ms", milliseconds, at_most(2)),
    ]


def _bare_seconds(database: Bare, seeded: Seeded, tree: object) -> float:
    """The rows read, and the answer's bytes written from objects that are ready: not even nested."""
    began = time.perf_counter()
    rows = database.rows(BARE_SELECT, seeded.tenant, seeded.category)
    written = orjson.dumps(tree)
    seconds = time.perf_counter() - began
    assert len(rows) == seeded.count
    assert written
    return seconds


def _median_seconds(ask: Callable[[], float]) -> float:
    return median(ask() for _ in range(ASKED_PER_REPETITION))
