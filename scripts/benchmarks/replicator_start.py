"""What a replicator asks when it starts and nothing is new."""

import re

from scripts.benchmarks.delivery_tenant import SETTINGS
from scripts.benchmarks.line import Line
from scripts.benchmarks.load import elsewhere
from scripts.benchmarks.receivers import receiving
from scripts.benchmarks.replica import App, app_database, catch_up
from scripts.benchmarks.report import Count, Row
from scripts.benchmarks.stage import Stage

CATEGORIES = 50
VALUES = 5
MOST_REQUESTS = 3
RULES = {"mandatory": False, "canMultiSelect": True, "leafSelectionOnly": False}
_COUNTED = re.compile(rb"^catrelay_http_requests_total\{(.*)\} (\S+)$", re.MULTILINE)


def measure_start(stage: Stage) -> list[Row]:
    """The row."""
    tenant = stage.new_tenant()
    with (
        receiving(1) as receivers,
        app_database(stage) as database,
        stage.serving("start", tenant, settings=SETTINGS) as server,
        Line(server.target) as line,
        Line(server.root) as root,
    ):
        categories = [_category(line, number) for number in range(CATEGORIES)]
        app = App(database, server.target, categories[0])
        app.make_objects([])
        (url,) = receivers.urls(1)
        elsewhere(catch_up, app, url)
        before = _requests(root)
        elsewhere(catch_up, app, url)
        asked = _requests(root) - before
    what = f"HTTP requests of a start with nothing new, {CATEGORIES} categories, with a subscription"
    return [Count(what, stage.kind, asked, "", MOST_REQUESTS)]


def _category(line: Line, number: int) -> int:
    made = line.post("/categories", {"name": f"Category {number}", "jobRules": RULES, "candidateRules": RULES})
    assert made.status == 201, made.body
    category: int = made.json()["id"]
    values = [{"name": f"Value {value}"} for value in range(VALUES)]
    answer = line.post(f"/categories/byID/{category}/values/batch", {"values": values})
    assert answer.status == 200, answer.body
    return category


def _requests(root: Line) -> int:
    """How many requests the ATS has answered, apart from those that ask this."""
    counted = _COUNTED.findall(root.get("/metrics").body)
    return sum(int(float(count)) for labels, count in counted if b'route="/metrics"' not in labels)
