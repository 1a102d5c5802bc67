"""How soon an app that starts has a large category."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from scripts.benchmarks.bare import bare
from scripts.benchmarks.line import Line
from scripts.benchmarks.load import elsewhere
from scripts.benchmarks.replica import App, Clock, Took, app_database, catch_up
from scripts.benchmarks.report import UNJUDGED, Result, Row, at_most
from scripts.benchmarks.seeding import seed_values
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.tree import CHILDREN

MAKE_TABLE = "CREATE TABLE plain (category INTEGER, id INTEGER, document TEXT NOT NULL, PRIMARY KEY (category, id))"
INSERT = "INSERT INTO plain (category, id, document) VALUES (?, ?, ?)"


def measure_first_load(stage: Stage) -> list[Row]:
    """Both rows."""
    tenant = stage.new_tenant()
    with bare(stage.database) as database:
        seeded = seed_values(database, tenant, stage.sizes.nodes, branching=CHILDREN)
        database.settle("category_values")
    with stage.serving("first-load", tenant) as server:
        runs = []
        for _ in range(stage.sizes.repetitions):
            with app_database(stage) as ours, app_database(stage) as theirs:
                app, plain = (App(address, server.target, seeded.category) for address in (ours, theirs))
                app.make_objects([])
                runs.append((elsewhere(catch_up, app), elsewhere(load_plainly, plain, seeded.path)))
                assert _count(app, "replica_values") == _count(plain, "plain") == seeded.count
    what = f"first load of {seeded.count:,} values / GET, flatten, executemany, commit"
    times = [(ours.seconds, baseline.seconds) for ours, baseline in runs]
    worked = [(ours.cpu_seconds, baseline.cpu_seconds) for ours, baseline in runs]
    return [
        Result(what, stage.kind, "s", times, at_most(1.2)),
        Result("the same by processor time of the app's process", stage.kind, "s", worked, UNJUDGED),
    ]


def load_plainly(app: App, path: str) -> Took:
    """What a loop takes that knows nothing of journals, and does one thing after the other."""
    with app.bare() as database, Line(app.ats) as line:
        database.seconds_of(MAKE_TABLE)
        clock = Clock()
        tree = orjson.loads(line.get(path).body)
        database.insert_each(INSERT, _rows(app.category, tree))
        return clock.stop()


def _rows(category: int, tree: Sequence[dict[str, Any]]) -> Iterator[tuple[int, int, str]]:
    pending = list(tree)
    while pending:
        value = pending.pop()
        pending += value.pop("values", ())
        yield category, value["id"], orjson.dumps(value).decode()


def _count(app: App, table: str) -> int:
    with app.bare() as database:
        found: int = database.one(f"SELECT count(*) FROM {table}")
        return found
