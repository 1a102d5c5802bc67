"""`scripts/simulate`: replays one seed, shrinks one, or looks for one that fails."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from random import Random, SystemRandom

from tests.system.simulated_plan import Step, draw
from tests.system.simulation import Difference, report, run


def main() -> int:
    """What the process exits with: 0 when everything ended where it belongs."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--seed", type=int, help="replay this one, and print all that happened")
    what.add_argument("--minutes", type=float, help="run new seeds for so long, or until one fails")
    parser.add_argument("--operations", type=int, default=500, help="of a run (500)")
    parser.add_argument("--shrink", action="store_true", help="look for the least of the seed's operations that fail")
    given = parser.parse_args()
    if given.seed is None:
        return _soak(given.minutes * 60, given.operations)
    plan = draw(Random(given.seed), given.operations)
    return _replay(_shrunk(plan, given.seed) if given.shrink else plan, given.seed)


def _replay(plan: Sequence[Step], seed: int) -> int:
    found = report(plan, seed)
    for line in found.log:
        print(line)
    print(found.digest)
    return _say(found.difference)


def _soak(seconds: float, operations: int) -> int:
    counts: Counter[str] = Counter()
    began, used = time.monotonic(), time.process_time()
    seeds = SystemRandom()
    while time.monotonic() - began < seconds:
        seed = seeds.randrange(2**32)
        found = report(draw(Random(seed), operations), seed)
        counts += found.counts + Counter(seeds=1)
        if found.difference is not None:
            print(f"fails: scripts/simulate --seed {seed} --operations {operations}")
            return _say(found.difference)
    per_second = counts["operations"] / (time.process_time() - used)
    print(", ".join(f"{number} {name}" for name, number in sorted(counts.items())))
    print(f"{per_second:.0f} operations per second of one core")
    return 0


def _shrunk(plan: list[Step], seed: int) -> list[Step]:
    """The steps that remain when whatever can be left out is, while it still fails."""
    size = len(plan)
    while size > 1 and run(plan, seed) is not None:
        size = (size + 1) // 2
        start = 0
        while start < len(plan):
            less = plan[:start] + plan[start + size :]
            if run(less, seed) is not None:
                plan = less
                print(f"{len(plan)} steps", file=sys.stderr)
            else:
                start += size
    return plan


def _say(difference: Difference | None) -> int:
    print("everything is where it belongs" if difference is None else difference.what)
    return 0 if difference is None else 1


if __name__ == "__main__":
    sys.exit(main())
