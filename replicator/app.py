"""`Replicator`: what an app embeds to follow the categories of its tenant's ATS."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import anyio
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from catrelay.asgi import Guard
from catrelay.client import AtsClient
from catrelay.models import ReplicaStatus, Topic
from catrelay.signing import TOLERANCE
from replicator.api import replica_routes
from replicator.bindings import Binding
from replicator.catchup import CatchUp, Key
from replicator.domain.pace import jittered, retry_after
from replicator.source import Source
from replicator.store import WHOLE_TENANT, ReplicaStore
from replicator.subscription import Subscriber

DEFAULT_TOPICS: tuple[Topic, ...] = ("categories", "orgs")
DEFAULT_INTERVAL = timedelta(seconds=60)
DEFAULT_RESYNC_DELAY = timedelta(seconds=2)

log = structlog.get_logger()


def _now() -> datetime:
    return datetime.now(UTC)


class Replicator:
    """Keeps a copy of one tenant's categories and values, and moves the app's own objects as the journal says.

    public_url: the app's root, where the ATS sends pings. interval: how often to look without a ping, ± 20 %.
    resync_delay: how long to wait, at most and by chance, before everything is asked for anew.
    Serve its routes, and enter `lifespan`. Nothing is moved before it is entered, unless `catch_up` is called.
    """

    def __init__(
        self,
        *,
        ats: AtsClient,
        store: ReplicaStore,
        bindings: Sequence[Binding],
        public_url: str,
        topics: Sequence[Topic] = DEFAULT_TOPICS,
        interval: timedelta = DEFAULT_INTERVAL,
        resync_delay: timedelta = DEFAULT_RESYNC_DELAY,
        now: Callable[[], datetime] = _now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.tenant = ats.tenant
        self.store = store
        self.bindings = tuple(bindings)
        self.now = now
        self._interval = interval
        self._resync_delay = resync_delay
        self._chance = chance
        self._source = Source(ats)
        self._catch_up = CatchUp(self._source, store, bindings, now=now, before_resync=self._spread)
        self._subscriber = Subscriber(ats, store, public_url, topics)
        self._turn = asyncio.Lock()
        self._woken = asyncio.Event()
        self._pinged_values: set[Key] = set()
        self._pinged_categories: set[int] = set()
        self._last_error: str | None = None

    def routes(self, guard: Guard, *, ping_tolerance: timedelta = TOLERANCE) -> list[Route]:
        """What the app serves for it, whole paths. An app with several tenants takes `replica_routes` instead.

        ping_tolerance: how old a ping may be, or how far ahead its sender's clock.
        """
        return replica_routes(
            guard, lambda tenant: self if tenant == self.tenant else None, ping_tolerance=ping_tolerance
        )

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Follow the ATS while entered."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.run)
            yield
            group.cancel_scope.cancel()

    async def run(self) -> None:
        """Follow the ATS until cancelled: at once, on each ping, and by timer."""
        failures = 0
        due = self._time()
        while True:
            try:
                if self._time() >= due:
                    await self.catch_up()
                    due = self._time() + jittered(self._interval, self._chance()).total_seconds()
                else:
                    await self.answer_pings()
                failures = 0
                wait_until = due
            except Exception as error:  # noqa: BLE001 - the worker's outermost loop: whatever it was, it is tried again
                failures += 1
                self._last_error = str(error) or type(error).__name__
                log.warning("catching up failed", tenant=self.tenant, failures=failures, error=self._last_error)
                due = self._time()
                wait_until = due + retry_after(failures, self._chance()).total_seconds()
            await self._sleep_until(wait_until)

    async def catch_up(self) -> None:
        """The journal after the cursor, then the present trees; the subscription is revived first.

        Raises the Problem that the ATS answers, or ServiceUnreachable.
        """
        async with self._turn:
            values, categories = self._take_pinged()
            try:
                abilities = await self._source.describe()
                refusal = await self._subscriber.ensure(batches=abilities.batches)
                await self._catch_up.everything()
            except BaseException:
                self._pinged_values |= values
                self._pinged_categories |= categories
                raise
            self._last_error = refusal
            await self._report()

    async def answer_pings(self) -> None:
        """Do what pings were the occasion for; `run` does so whenever some came."""
        async with self._turn:
            values, categories = self._take_pinged()
            if values or categories:
                await self._catch_up.pinged(values, categories)
                await self._report()

    async def look_up(self, category: int, value: int) -> None:
        """Read the journal on and take over the value's present state: for an app about to refuse it.

        Raises the Problem that the ATS answers, or ServiceUnreachable.
        """
        async with self._turn:
            await self._catch_up.pinged([(category, value)], [])

    def pinged(self, values: Sequence[Key], categories: Sequence[int]) -> None:
        """Note what pings were about; the work is done after they are answered."""
        self._pinged_values.update(values)
        self._pinged_categories.update(categories)
        self._woken.set()

    def status(self) -> ReplicaStatus:
        """How the replica stands."""
        with self.store.read() as unit:
            state = unit.state()
            cursor = unit.cursors().get(WHOLE_TENANT)
            last_ping = unit.pings_after(state.pings - 1, limit=1)
        behind = None if cursor is None or state.head is None else max(state.head - cursor, 0)
        return ReplicaStatus(
            cursor=cursor,
            head=state.head,
            lag=behind,
            epoch=state.epoch,
            pings=state.pings,
            moved=state.moved,
            last_ping=last_ping[0] if last_ping else None,
            last_catch_up=state.last_catch_up,
            last_error=self._last_error,
        )

    async def _report(self) -> None:
        status = await run_in_threadpool(self.status)
        await self._subscriber.report(status.cursor)

    def _take_pinged(self) -> tuple[set[Key], set[int]]:
        taken = self._pinged_values, self._pinged_categories
        self._pinged_values, self._pinged_categories = set(), set()
        self._woken.clear()
        return taken

    async def _spread(self) -> None:
        await anyio.sleep(self._resync_delay.total_seconds() * self._chance())

    async def _sleep_until(self, moment: float) -> None:
        with anyio.move_on_after(moment - self._time()):
            await self._woken.wait()

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()
