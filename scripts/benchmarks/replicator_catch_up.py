"""How soon an app's objects are where they belong after very many remaps that it did not hear of."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from replicator.source import LONG_PAGE_ENTRIES
from scripts.benchmarks.bare import bare
from scripts.benchmarks.journal import pages_seconds
from scripts.benchmarks.line import Line
from scripts.benchmarks.load import elsewhere
from scripts.benchmarks.replica import OBJECTS, App, Clock, Took, app_database, catch_up
from scripts.benchmarks.report import UNJUDGED, Result, Row, at_most
from scripts.benchmarks.seeding import seed_remaps, seed_values
from scripts.benchmarks.stage import Stage

LONGEST_CHAIN = 20
ENDS = 1_000
"""Values at which chains end: the same few however long the backlog, so that the tree left in the end is the same."""

TIMES = 10
MEMORY_GOAL = 1.1

MAKE_MAPPING = "CREATE TEMPORARY TABLE mapping (source INTEGER PRIMARY KEY, target INTEGER NOT NULL)"
BARE_UPDATE = f"UPDATE {OBJECTS} SET value = mapping.target FROM mapping WHERE {OBJECTS}.value = mapping.source"


def measure_catch_up(stage: Stage) -> list[Row]:
    """A backlog against one statement that knows already where all belong."""
    sizes, entries = stage.sizes, stage.sizes.entries
    with waiting(stage, entries) as backlog:
        runs = [(backlog.update(), backlog.transfer_seconds(), backlog.catch_up()) for _ in range(sizes.catch_ups)]
    rest = [(ours.seconds - transfer, update.seconds) for update, transfer, ours in runs]
    whole = [(ours.seconds, transfer) for _, transfer, ours in runs]
    what = f"catch-up over {entries:,} entries, {sizes.dependents:,} objects"
    rows: list[Row] = [
        Result(f"{what}, less the pages' transfer / one bare UPDATE", stage.kind, "s", rest, at_most(1.5)),
        Result("all of that catch-up / the bare transfer of its pages", stage.kind, "s", whole, UNJUDGED),
    ]
    if stage.kind == "sqlite":
        worked = [(ours.cpu_seconds, update.cpu_seconds) for update, _, ours in runs]
        rows.append(Result("processor time of all of it / of the UPDATE", stage.kind, "s", worked, UNJUDGED))
    return rows


def measure_backlog(stage: Stage) -> list[Row]:
    """Ten times the backlog of the same objects against once."""
    entries = stage.sizes.entries
    with waiting(stage, entries) as once, waiting(stage, TIMES * entries) as often:
        pairs = [(often.catch_up(), once.catch_up()) for _ in range(stage.sizes.long_catch_ups)]
    times = [(ours.seconds, baseline.seconds) for ours, baseline in pairs]
    peaks = [
        (ours.peak_megabytes, baseline.peak_megabytes)
        for ours, baseline in pairs
        if ours.peak_megabytes is not None and baseline.peak_megabytes is not None
    ]
    what = f"catch-up over {TIMES * entries:,} entries / over {entries:,}"
    rows: list[Row] = [Result(what, stage.kind, "s", times, at_most(TIMES + 1))]
    if peaks:
        rows.append(Result("peak memory of the app's process then", stage.kind, "MB", peaks, at_most(MEMORY_GOAL)))
    return rows


@dataclass(frozen=True)
class Backlog:
    """An app that is to catch up, again and again on a copy of its database.

    ends: by value, where its objects belong. wanted: the objects' values afterwards, in the order of the objects.
    """

    stage: Stage
    app: App
    ends: Mapping[int, int]
    wanted: Sequence[int]

    def update(self) -> Took:
        """One bare statement, in a process of its own."""
        with self._copy() as app:
            took = elsewhere(update, app, self.ends)
            assert app.values() == self.wanted
        return took

    def transfer_seconds(self) -> float:
        """The pages that a replicator reads, received and left alone."""
        with Line(self.app.ats) as line:
            return pages_seconds(line, len(self.ends), LONG_PAGE_ENTRIES)

    def catch_up(self) -> Took:
        """Ours, by a replicator that starts in a process of its own."""
        with self._copy() as app:
            took = elsewhere(catch_up, app)
            assert app.values() == self.wanted
        return took

    @contextmanager
    def _copy(self) -> Iterator[App]:
        with app_database(self.stage, like=self.app.database) as database:
            yield replace(self.app, database=database)


def update(app: App, mapping: Mapping[int, int]) -> Took:
    """One UPDATE, with a mapping that is ready."""
    with app.bare() as database:
        database.seconds_of(MAKE_MAPPING)
        database.load("mapping", ("source", "target"), mapping.items())
        database.seconds_of("ANALYZE mapping")
        clock = Clock()
        database.seconds_of(BARE_UPDATE)
        return clock.stop()


@contextmanager
def waiting(stage: Stage, entries: int) -> Iterator[Backlog]:
    """A replica of the values as they were, objects that have them, and *entries* that remapped these since."""
    tenant = stage.new_tenant()
    with (
        bare(stage.database) as database,
        app_database(stage) as apps,
        stage.serving("catch-up", tenant) as server,
    ):
        seeded = seed_values(database, tenant, entries + ENDS)
        database.settle("category_values")
        app = App(apps, server.target, seeded.category)
        remaps, ends = chains(seeded.ids, entries)
        values = list(remaps)
        held = Random(entries).choices(values, k=stage.sizes.dependents)
        app.make_objects(held)
        elsewhere(catch_up, app)
        seed_remaps(database, seeded, remaps)
        database.settle("category_values", "journal")
        with app.bare() as replica:
            replica.settle(OBJECTS)
        yield Backlog(stage, app, ends, [ends[value] for value in held])


def chains(ids: range, entries: int) -> tuple[dict[int, int], dict[int, int]]:
    """Target by value, in the order of so many remaps, and where each value's chain ends.

    Chains are 1 to 20 long, and grow at the same time: chance says which goes on next.
    """
    values, ends = ids[:entries], ids[entries:]
    whole: list[Sequence[int]] = []
    start = 0
    while start < entries:
        length = len(whole) % LONGEST_CHAIN + 1
        whole.append([*values[start : start + length], ends[len(whole) % len(ends)]])
        start += length
    turns = [number for number, chain in enumerate(whole) for _ in chain[1:]]
    Random(entries).shuffle(turns)
    steps = [pairwise(chain) for chain in whole]
    remaps = dict(next(steps[number]) for number in turns)
    return remaps, {value: chain[-1] for chain in whole for value in chain[:-1]}
