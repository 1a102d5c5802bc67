"""What is done in a simulated run: drawn first, then carried out, so that a run can be repeated with less of it."""

from dataclasses import dataclass
from random import Random

WEIGHTS = {
    "create": 40,
    "rename": 40,
    "move": 25,
    "remap": 50,
    "chain": 8,
    "inactivate": 20,
    "restore": 20,
    "undo": 20,
    "back": 12,
    "batch": 10,
    "new category": 3,
    "delete category": 3,
    "add quote": 100,
    "pin quote": 120,
    "add article": 60,
    "pin article": 100,
    "delete object": 15,
    "pause": 25,
    "long pause": 4,
    "kill app": 6,
    "crash app": 14,
    "kill ats": 2,
    "crash ats": 6,
    "cut": 4,
    "heal": 4,
    "compact": 4,
    "back up": 1,
    "restore backup": 0.6,
}
"""How often each kind is drawn."""

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
    """A plan of so many steps."""
    kinds = random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=operations)
    return [Step(kind, *(random.randrange(MOST) for _ in range(3))) for kind in kinds]
