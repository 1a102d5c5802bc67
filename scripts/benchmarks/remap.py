"""Rows 1 to 3: a remap of a value with very many dependents, and what others feel of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from scripts.benchmarks.bare import Bare, bare
from scripts.benchmarks.line import Line
from scripts.benchmarks.report import Result, Row, at_most
from scripts.benchmarks.seeding import Seeded, seed_links, seed_values
from scripts.benchmarks.serving import Server
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.writer import writing

FEW = 10
FEW_MOVES = 9
"""How many values with *FEW* dependents are remapped per value with very many."""

HAVE_TARGET_ONE_IN = 10
POLL_SECONDS = 0.03
MOVED_GOALS = {"sqlite": 1.2, "postgresql": 1.3}

BARE_UPDATE = "UPDATE links SET value = ? WHERE tenant = ? AND value = ?"
FORGET_MOVE = "UPDATE links SET trail = '', moved_by = 0 WHERE tenant = ? AND value = ? AND moved_by > 0"
FORGET_TARGETS_OWN = "DELETE FROM links WHERE tenant = ? AND value = ? AND moved_by = 0"


@dataclass(frozen=True)
class Chain:
    """Values of which each is remapped to the next, so that the same dependents move again and again.

    twins: a second chain with as many dependents, in the same table; the bare statement moves those.
    few: values with few dependents, all remapped to the last of them.
    """

    seeded: Seeded
    values: list[int]
    twins: list[int]
    few: list[int]

    def references(self, dependents: int) -> Iterator[tuple[int, int]]:
        """Every dependent has the first value and its twin; one in ten has all later ones too, but no later twin."""
        for dependent in range(1, dependents + 1):
            yield dependent, self.values[0]
            if dependent % HAVE_TARGET_ONE_IN == 0:
                yield from ((dependent, later) for later in self.values[1:])
            yield dependent, self.twins[0]
        for index, value in enumerate(self.few[:-1]):
            for dependent in range(FEW):
                yield dependents + 1 + index * FEW + dependent, value


@dataclass(frozen=True)
class Move:
    """One remap on the clock that all processes share. answer_seconds: until it was answered."""

    began: float
    ended: float
    answer_seconds: float

    @property
    def seconds(self) -> float:
        """Until all dependents had moved."""
        return self.ended - self.began


def measure(stage: Stage) -> list[Row]:
    """All three rows."""
    sizes = stage.sizes
    tenant = stage.new_tenant()
    with bare(stage.database) as database:
        chain = _seed(database, tenant, sizes.moves + sizes.moves_with_a_writer, sizes.dependents)
        with stage.serving("remap", tenant) as server:
            bench = _Bench(server, database, chain, sizes.dependents)
            alone = [bench.compare(index) for index in range(sizes.moves)]
            beside = [bench.compare_waits(sizes.moves + index) for index in range(sizes.moves_with_a_writer)]
    many = f"{sizes.dependents:,} dependents"
    return [
        Result(
            f"remap of {many} until all have moved / one bare UPDATE",
            stage.kind,
            "s",
            [(pair.move.seconds, pair.update_seconds) for pair in alone],
            at_most(MOVED_GOALS[stage.kind]),
        ),
        Result(
            f"answer to that remap / to one of {FEW} dependents",
            stage.kind,
            "ms",
            [(pair.move.answer_seconds * 1_000, pair.few_seconds * 1_000) for pair in alone],
            at_most(3),
        ),
        Result(
            "worst wait of another writer meanwhile / the bare UPDATE",
            stage.kind,
            "s",
            beside,
            at_most(1 / 80, "<= 1/80"),
        ),
    ]


def _seed(database: Bare, tenant: str, moves: int, dependents: int) -> Chain:
    each = moves + 1
    few = moves * FEW_MOVES + 1
    seeded = seed_values(database, tenant, 2 * each + few)
    ids = list(seeded.ids)
    chain = Chain(seeded, ids[:each], ids[each : 2 * each], ids[2 * each :])
    seed_links(database, seeded, chain.references(dependents))
    return chain


@dataclass(frozen=True)
class _Pair:
    move: Move
    update_seconds: float
    few_seconds: float


class _Bench:
    def __init__(self, server: Server, database: Bare, chain: Chain, dependents: int) -> None:
        self._server = server
        self._database = database
        self._chain = chain
        self._dependents = dependents

    def compare(self, index: int) -> _Pair:
        """The move and the statement in turn: every other time the statement is first."""
        if index % 2:
            move = self._move(index)
            return _Pair(move, self._update(index), self._few(index))
        few, update = self._few(index), self._update(index)
        return _Pair(self._move(index), update, few)

    def compare_waits(self, index: int) -> tuple[float, float]:
        """The worst wait of a writer during the move, and the statement."""
        update = self._update(index)
        self._settle()
        with writing(self._server.target, self._chain.seeded.path) as writer:
            move = self._chain_remap(index)
            waits = writer.stop()  # before the statements that follow, for which it would wait, too
        self._forget(index)
        meanwhile = [w.seconds for w in waits if w.began <= move.ended and w.began + w.seconds >= move.began]
        return max(meanwhile), update

    def _move(self, index: int) -> Move:
        self._settle()
        move = self._chain_remap(index)
        self._forget(index)
        return move

    def _chain_remap(self, index: int) -> Move:
        value, target = self._chain.values[index : index + 2]
        return self._remap(value, target, dependents=self._dependents)

    def _forget(self, index: int) -> None:
        """Let the next remap find what this one found: as many links, and none that ever moved."""
        target = self._chain.values[index + 1]
        self._database.seconds_of(FORGET_TARGETS_OWN, self._chain.seeded.tenant, target)
        self._database.seconds_of(FORGET_MOVE, self._chain.seeded.tenant, target)

    def _update(self, index: int) -> float:
        self._settle()
        seeded, twins = self._chain.seeded, self._chain.twins
        return self._database.seconds_of(BARE_UPDATE, twins[index + 1], seeded.tenant, twins[index])

    def _few(self, index: int) -> float:
        """The median answer to remaps of few dependents."""
        *values, target = self._chain.few
        mine = values[index * FEW_MOVES :][:FEW_MOVES]
        moves = [self._remap(value, target, dependents=FEW) for value in mine]
        return median(move.answer_seconds for move in moves)

    def _remap(self, value: int, target: int, *, dependents: int) -> Move:
        with Line(self._server.target) as line:
            began = time.monotonic()
            body = {"id": value, "available": False, "remappedTo": target}
            answer = line.post(self._chain.seeded.path, body)
            assert answer.status == 200, answer.body
            moved = wait_until_moved(line)
            ended = time.monotonic()
            assert moved == dependents, f"{moved} of {dependents} have moved"
            return Move(began, ended, answer.seconds)

    def _settle(self) -> None:
        self._database.settle("links")


def wait_until_moved(line: Line) -> int:
    """How many dependents the latest remap moved, once it has."""
    seq = line.get("/categories/remapped?limit=1").json()["lastSeq"]
    while (moved := _moved(line, seq)) is None:
        time.sleep(POLL_SECONDS)  # nothing tells of it by itself; to ask all the time would slow it down
    return moved


def _moved(line: Line, seq: int) -> int | None:
    (entry,) = line.get(f"/categories/remapped?seqGt={seq - 1}&limit=1").json()["results"]
    moved: int | None = entry.get("moved")
    return moved
