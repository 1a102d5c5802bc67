"""The mover: lets links follow remaps, a piece at a time between what others write, as long as the ATS runs."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog

from ats_stub.domain.moves import next_size
from ats_stub.operations.journal import BEGINNING, move_on
from ats_stub.store import MOVES, Store
from ats_stub.store.moves import TENANTS_WITH_MOVES, Place
from catrelay.lookup import Lookup

log = structlog.get_logger()

APP = "ats"
POLL_SECONDS = 5.0
"""For what a process left behind that died, or that could not wake this one."""


class Mover:
    """Moves within *running*. Any number of processes may move in one database: each piece is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._tenants_with_moves = Lookup(store.database, TENANTS_WITH_MOVES)
        self._reached: dict[int, tuple[str, int, Place]] = {}
        self._size = store.sizes.following

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Move until the block is left; then stop after the piece that is under way."""
        # A thread of its own: requests wait for their turn to write in the pool's.
        moving = threading.Thread(target=self._run, name="mover")
        with self._store.waker.on_wake(MOVES, self._woken.set):
            moving.start()
            try:
                yield
            finally:
                self._stop.set()
                self._woken.set()
                await asyncio.to_thread(moving.join)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._woken.clear()
            moved = [self._move_on(tenant) for tenant in self._tenants()]
            if not any(moved):
                self._woken.wait(POLL_SECONDS)

    def _tenants(self) -> list[int]:
        try:
            return [tenant for (tenant,) in self._tenants_with_moves.rows()]
        except Exception:  # the database may come back
            log.exception("cannot see which links have to follow remaps")
            return []

    def _move_on(self, tenant: int) -> bool:
        """Make the tenant's next piece. False when that failed: other tenants' links move nevertheless."""
        try:
            self._make_piece(tenant)
        except Exception:  # tried again after a pause
            log.exception("cannot let links follow remaps", tenant=tenant)
            return False
        return True

    def _make_piece(self, tenant: int) -> None:
        epoch, seq, place = self._reached.pop(tenant, ("", 0, BEGINNING))
        with self._store.write(tenant, app=APP, now=datetime.now(UTC), is_long=True) as unit:
            began = time.perf_counter()
            # In a backup that was restored meanwhile the same move may have come less far.
            reached = move_on(unit, seq if epoch == unit.counters.epoch else 0, place, self._size)
            seconds = time.perf_counter() - began
        if reached is not None:
            self._reached[tenant] = (unit.counters.epoch, *reached)
            self._size = next_size(self._size, unit.moves.followed, seconds)
