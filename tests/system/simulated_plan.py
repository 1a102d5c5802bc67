"""What is done in a simulated run: drawn first, then carried out, so that a run can be repeated with less of it."""

from dataclasses import dataclass
from random import Random

CHANGES = {"create": 40, "rename": 40, "move": 25, "remap": 50, "inactivate": 20, "restore": 20}
"""Of values. Those that follow each other, with the same first number, are asked for together."""

HANDWORK = {"add quote": 100, "pin quote": 120, "add article": 60, "pin article": 100, "delete object": 15}
"""What apps do with their objects."""

EVENTS = {
    "chain": 8,
    "undo": 20,
    "back": 10,
    "new category": 3,
    "delete category": 3,
    "pause": 25,
    "long pause": 4,
    "kill app": 4,
    "crash app": 10,
    "kill ats": 1,
    "crash ats": 4,
    "cut": 4,
    "heal": 4,
    "compact": 4,
    "upload": 2,
    "crash uploader": 1,
    "back up": 1,
    "restore backup": 0.6,
}
"""What happens by itself."""

KINDS = {**CHANGES, **HANDWORK, **EVENTS}
MAX_IN_A_ROW = 12
SORTS = (2, 4, 2)
"""How often a row of each sort is drawn."""

MOST = 2**16


@dataclass(frozen=True)
class Step:
    """One operation. a, b, c: what chance says about it, each from 0 to MOST - 1; what there is then is chosen by them.

    A step for which there is nothing then does nothing.
    """

    kind: str
    a: int = 0
    b: int = 0
    c: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.a} {self.b} {self.c}"


def draw(random: Random, operations: int) -> list[Step]:
    """A plan of so many steps: some of one sort, then some of another."""
    plan: list[Step] = []
    while len(plan) < operations:
        (weights,) = random.choices((CHANGES, HANDWORK, EVENTS), SORTS)
        count = 1 if weights is EVENTS else random.randint(1, MAX_IN_A_ROW)
        kinds = random.choices(list(weights), list(weights.values()), k=count)
        same = random.randrange(MOST)
        plan += [Step(kind, *_numbers(random, same if weights is CHANGES else None)) for kind in kinds]
    return plan[:operations]


def _numbers(random: Random, first: int | None) -> tuple[int, int, int]:
    a, b, c = (random.randrange(MOST) for _ in range(3))
    return a if first is None else first, b, c
