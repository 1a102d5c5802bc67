"""Trees fetched from the ATS, kept for a moment: opening ten values in a row fetches the tree once."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from catman.domain.tree import Tree
from catrelay.client import AtsClient

MAX_KEPT = 8
MIN_AGE_SECONDS = 2.0
MAX_AGE_SECONDS = 30.0
AGE_PER_FETCH = 10.0
"""A tree is kept ten times as long as fetching it took: small ones are always new, large ones do not stall the page."""

Key = tuple[str, int | None]


@dataclass(frozen=True)
class _Kept:
    tree: Tree
    until: float


class Trees:
    """The trees of all tenants' categories. clock: monotonic seconds.

    A tree asked for after `forget` is one that was fetched after it, so nobody sees his own change undone.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[Key, _Kept] = {}
        self._generations: defaultdict[Key, int] = defaultdict(int)
        self._locks: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def tree(self, ats: AtsClient, category: int | None) -> Tree:
        """The category's tree (None: the org tree's), at most seconds old."""
        key = (ats.tenant, category)
        async with self._locks[key]:
            kept = self._kept.get(key)
            if kept is not None and self._clock() < kept.until:
                return kept.tree
            return await self._fetch(ats, key)

    def forget(self, ats: AtsClient, category: int | None) -> None:
        """The category was changed: what was fetched so far, or is being fetched, is not shown again."""
        key = (ats.tenant, category)
        self._generations[key] += 1
        self._kept.pop(key, None)

    async def _fetch(self, ats: AtsClient, key: Key) -> Tree:
        generation, started = self._generations[key], self._clock()
        snapshot = await ats.tree(key[1])
        tree = await asyncio.to_thread(Tree, snapshot.answer, snapshot.journal_seq)
        now = self._clock()
        if generation == self._generations[key]:
            self._kept.pop(key, None)
            age = min(max(MIN_AGE_SECONDS, (now - started) * AGE_PER_FETCH), MAX_AGE_SECONDS)
            self._kept[key] = _Kept(tree, now + age)
            while len(self._kept) > MAX_KEPT:
                del self._kept[next(iter(self._kept))]
        return tree
