"""Row 7: against Kinto, on the same PostgreSQL, ours durable."""

import time

from scripts.benchmarks import rival
from scripts.benchmarks.bare import bare
from scripts.benchmarks.journal import page_path, pages_seconds
from scripts.benchmarks.line import Line
from scripts.benchmarks.load import NUMBER, Done, Load, elsewhere, put_load
from scripts.benchmarks.report import Result, Row, at_least
from scripts.benchmarks.seeding import seed_journal, seed_values
from scripts.benchmarks.stage import Stage
from tests.postgres import fresh_database

CLIENTS = 4
BODY = f'{{"name": "Value {NUMBER}", "code": "V{NUMBER}"}}'


def measure(stage: Stage) -> list[Row]:
    """All three rows; none on SQLite, which Kinto does not know."""
    if stage.kind == "sqlite":
        return []
    rival.install()
    sizes = stage.sizes
    tenant = stage.new_tenant()
    with bare(stage.database) as database:
        seeded = seed_values(database, tenant, sizes.entries)
        seed_journal(database, seeded)
        path = seed_values(database, tenant, 0).path
    with (
        fresh_database(stage.database) as other,
        rival.kinto(other, stage.folder) as theirs,
        stage.serving("kinto", tenant) as server,
        Line(server.target) as our_line,
        Line(theirs) as their_line,
    ):
        assert our_line.get(page_path(0)).status == 200
        creates, batches, pages = [], [], []
        for _ in range(sizes.repetitions):
            creates.append(
                (
                    _creates(Load(server.target, path, BODY, CLIENTS, sizes.load_seconds)).rate,
                    _creates(Load(theirs, rival.RECORDS, f'{{"data": {BODY}}}', CLIENTS, sizes.load_seconds)).rate,
                )
            )
            batches.append((_our_batch(our_line, path), _their_batch(their_line)))
        with Line(theirs) as line:
            assert line.send(theirs.request("DELETE", rival.RECORDS)).status == 200
        rival.seed_records(other, sizes.entries)
        for _ in range(sizes.repetitions):
            ours, baseline = pages_seconds(our_line, sizes.entries), rival.pages_seconds(their_line, sizes.entries)
            pages.append((sizes.entries / ours, sizes.entries / baseline))
    entries = f"{sizes.entries:,} entries by pages of {rival.PAGE_RECORDS:,}"
    return [
        Result(f"values created a second, {CLIENTS} clients / records, Kinto", stage.kind, "/s", creates, at_least(12)),
        Result(f"values in batches of {rival.BATCH} / records, Kinto", stage.kind, "/s", batches, at_least(200)),
        Result(f"journal, {entries} / records, Kinto", stage.kind, "/s", pages, at_least(4)),
    ]


def _creates(load: Load) -> Done:
    """Kinto's failures are its own: what counts is what was created."""
    return elsewhere(put_load, load)


def _our_batch(line: Line, path: str) -> float:
    values = [{"name": f"Value {index}", "code": f"V{index}"} for index in range(rival.BATCH)]
    began = time.perf_counter()
    results = line.post(f"{path}/batch", {"values": values}).json()["results"]
    seconds = time.perf_counter() - began
    assert [result["status"] for result in results] == [201] * rival.BATCH
    return rival.BATCH / seconds


def _their_batch(line: Line) -> float:
    records = [{"data": {"name": f"Value {index}", "code": f"V{index}"}} for index in range(rival.BATCH)]
    requests = [{"method": "POST", "path": rival.RECORDS, "body": record} for record in records]
    began = time.perf_counter()
    responses = line.post("/batch", {"requests": requests}).json()["responses"]
    seconds = time.perf_counter() - began
    assert [response["status"] for response in responses] == [201] * rival.BATCH
    return rival.BATCH / seconds
