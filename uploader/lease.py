"""The right to work on an upload: it runs out unless it is renewed, so what stalls blocks nobody."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from uploader.store import Claim, LeaseLost, Store

log = structlog.get_logger()

BEATS_PER_LEASE = 3
RUN_OUT = datetime.min.replace(tzinfo=UTC)


class Lease:
    """The lease of *claim*, for *seconds* at a time."""

    def __init__(self, claim: Claim, store: Store, clock: Callable[[], datetime], seconds: float) -> None:
        self.claim = claim
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._end = claim.lease_until

    def next_end(self) -> datetime:
        """When it runs out if it is renewed now."""
        return self._clock() + timedelta(seconds=self._seconds)

    def renew(self) -> None:
        """Say that the work goes on. Raises LeaseLost when it was taken over."""
        end = self.next_end()
        try:
            with self._store.write() as unit:
                unit.hold(self.claim, end)
        except LeaseLost:
            self._end = RUN_OUT
            raise
        self._end = end

    async def check(self) -> None:
        """To be awaited before whatever only one may do. Raises LeaseLost, also when nobody can say."""
        if self._clock() < self._end:
            return
        try:
            await asyncio.to_thread(self.renew)
        except LeaseLost:
            raise
        except Exception as error:  # the database is away, in whatever way
            raise LeaseLost(f"the lease of upload {self.claim.ref} ran out and cannot be renewed") from error

    async def keep(self) -> None:
        """Renew it in time until cancelled or lost, through any trouble with the database."""
        while True:
            await asyncio.sleep(self._seconds / BEATS_PER_LEASE)
            try:
                await asyncio.to_thread(self.renew)
            except LeaseLost:
                return
            except Exception:  # the database may come back before the lease has run out
                log.exception("lease cannot be renewed", upload=self.claim.ref.upload, tenant=self.claim.tenant)
