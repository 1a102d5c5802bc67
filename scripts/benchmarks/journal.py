"""Row 6: a subscriber that was away reads the journal."""

import time

from scripts.benchmarks.bare import Bare, bare
from scripts.benchmarks.line import Line
from scripts.benchmarks.report import Result, Row, at_most
from scripts.benchmarks.seeding import Seeded, seed_journal, seed_values
from scripts.benchmarks.serving import OURS_WITH_FLOOR, READY_PATH
from scripts.benchmarks.stage import Stage

PAGE_ENTRIES = 1_000
BARE_SELECT = "SELECT entry FROM journal WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?"


def measure(stage: Stage) -> list[Row]:
    """The row."""
    tenant = stage.new_tenant()
    with bare(stage.database) as database:
        seeded = seed_values(database, tenant, stage.sizes.entries)
        seed_journal(database, seeded)
        database.settle("journal")
        with stage.serving("journal", tenant, OURS_WITH_FLOOR) as server, Line(server.target) as line:
            page = line.get(page_path(0))
            assert [entry["seq"] for entry in page.json()["results"]] == list(range(1, PAGE_ENTRIES + 1))
            with Line(server.root) as root:
                root.send(server.root.request("POST", READY_PATH, page.body))
                pairs = [
                    (pages_seconds(line, seeded.count), _bare_seconds(database, seeded) + _floor_seconds(root, seeded))
                    for _ in range(stage.sizes.repetitions)
                ]
    what = f"journal of {seeded.count:,} entries by pages of {PAGE_ENTRIES:,} / bare read and ready answers"
    return [Result(what, stage.kind, "s", pairs, at_most(2))]


def page_path(after: int, limit: int = PAGE_ENTRIES) -> str:
    """The page after an entry."""
    return f"/categories/remapped?seqGt={after}&limit={limit}"


def pages_seconds(line: Line, entries: int, limit: int = PAGE_ENTRIES) -> float:
    """How long it takes to read all pages."""
    began = time.perf_counter()
    for after in range(0, entries, limit):
        assert line.get(page_path(after, limit)).status == 200
    return time.perf_counter() - began


def _bare_seconds(database: Bare, seeded: Seeded) -> float:
    began = time.perf_counter()
    for after in range(0, seeded.count, PAGE_ENTRIES):
        assert len(database.rows(BARE_SELECT, seeded.tenant, after, PAGE_ENTRIES)) == PAGE_ENTRIES
    return time.perf_counter() - began


def _floor_seconds(root: Line, seeded: Seeded) -> float:
    return sum(root.get(READY_PATH).seconds for _ in range(0, seeded.count, PAGE_ENTRIES))
