"""Row 8: what must not happen to the journal, however many write at once."""

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from scripts.benchmarks.bare import bare
from scripts.benchmarks.line import Line, Target
from scripts.benchmarks.load import elsewhere
from scripts.benchmarks.report import Count, Row
from scripts.benchmarks.seeding import seed_values
from scripts.benchmarks.stage import Stage

CLIENTS = 16
PAGE_ENTRIES = 1_000
WRITES = ("create", "create", "remap", "inactivate")


@dataclass(frozen=True)
class Found:
    """What clients and readers saw. expected: entries that the acknowledged writes must have left; read: by reader."""

    failed: int
    gaps: int
    repeats: int
    writes: int
    expected: int
    read: Sequence[int]

    @property
    def wrong(self) -> int:
        """All that must not be, entries that were lost or made up included."""
        return self.failed + self.gaps + self.repeats + sum(abs(self.expected - read) for read in self.read)


def measure(stage: Stage) -> list[Row]:
    """One server process, and on PostgreSQL two as well."""
    processes = (1,) if stage.kind == "sqlite" else (1, 2)
    return [_measure(stage, count) for count in processes]


def _measure(stage: Stage, processes: int) -> Row:
    tenant = stage.new_tenant()
    with bare(stage.database) as database:
        path = seed_values(database, tenant, 0).path
    with ExitStack() as stack:
        servers = [stack.enter_context(stage.serving("seq", tenant)) for _ in range(processes)]
        found = elsewhere(run, [server.target for server in servers], path, stage.sizes.writes_per_client)
    what = f"failed writes, gaps or repeats in seq, {CLIENTS} clients, {processes} server process(es)"
    return Count(what, stage.kind, found.wrong, f"among {found.writes:,} writes, {found.expected:,} entries")


def run(targets: Sequence[Target], path: str, writes: int) -> Found:
    """Let clients write and a reader per server follow the journal."""
    done = threading.Event()
    with ThreadPoolExecutor(CLIENTS + len(targets)) as pool:
        readers = [pool.submit(_follow, target, done) for target in targets]
        clients = [pool.submit(_write, targets[i % len(targets)], path, writes, i) for i in range(CLIENTS)]
        try:
            outcomes = [client.result() for client in clients]
        finally:
            done.set()
        seen = [reader.result() for reader in readers]
    return Found(
        failed=sum(failed for failed, _ in outcomes),
        gaps=sum(gaps for gaps, _, _ in seen),
        repeats=sum(repeats for _, repeats, _ in seen),
        writes=CLIENTS * writes,
        expected=sum(entries for _, entries in outcomes),
        read=[read for _, _, read in seen],
    )


def _write(target: Target, path: str, writes: int, client: int) -> tuple[int, int]:
    """How many writes failed, and how many entries the others must have left."""
    draw = random.Random(client)
    available: list[int] = []
    failed = entries = 0
    with Line(target) as line:
        for _ in range(writes):
            write = draw.choice(WRITES) if len(available) >= 2 else "create"
            if write == "create":
                answer = line.post(path, {"name": f"Value of client {client}"})
                if answer.status == 201:
                    available.append(answer.json()["id"])
                else:
                    failed += 1
                continue
            value = available.pop(draw.randrange(len(available)))
            body: dict[str, object] = {"id": value, "available": False}
            if write == "remap":
                body["remappedTo"] = draw.choice(available)
            if line.post(path, body).status == 200:
                entries += 1
            else:
                failed += 1
    return failed, entries


def _follow(target: Target, done: threading.Event) -> tuple[int, int, int]:
    """Gaps, repeats and entries that a reader saw until everything was written."""
    gaps = repeats = read = cursor = 0
    with Line(target) as line:
        while True:
            was_done = done.is_set()
            page = line.get(f"/categories/remapped?seqGt={cursor}&limit={PAGE_ENTRIES}").json()
            for entry in page["results"]:
                gaps += entry["seq"] > cursor + 1
                repeats += entry["seq"] <= cursor
                cursor = max(cursor, entry["seq"])
                read += 1
            if was_done and not page["results"]:
                return gaps, repeats, read
