"""`Replicator`: what an app embeds to follow the categories of its tenant's ATS."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import anyio
import sqlalchemy as sa
import structlog
from starlette.applications import Starlette
from starlette.routing import Route

from catrelay.asgi import Guard
from catrelay.client import AtsClient
from catrelay.models import ReplicaStatus, Topic
from catrelay.signing import TOLERANCE
from replicator.api import replica_routes
from replicator.bindings import Binding
from replicator.catchup import CatchUp
from replicator.domain.pace import jittered, retry_after
from replicator.domain.pings import meant_by
from replicator.leaders import is_gone, new_leader
from replicator.metrics import metrics_route
from replicator.mounting import OneToken, mounted
from replicator.moving import Hook, Mover
from replicator.source import Source
from replicator.store import ReplicaStore
from replicator.subscription import Subscriber
from replicator.threads import InThread, in_threadpool
from replicator.unit import MAX_PINGS_KEPT, WHOLE_TENANT, Lease, Unit

DEFAULT_TOPICS: tuple[Topic, ...] = ("categories", "orgs")
DEFAULT_INTERVAL = timedelta(seconds=60)
DEFAULT_RESYNC_DELAY = timedelta(seconds=2)
VERIFY_INTERVAL = timedelta(hours=1)
DEFAULT_HANDOVER = timedelta(seconds=0.5)
DEFAULT_LEASE = timedelta(seconds=15)

log = structlog.get_logger()


def _now() -> datetime:
    return datetime.now(UTC)


class Replicator:
    """Keeps a copy of one tenant's categories and values, and moves the app's own objects as the journal says.

    ats: the ATS's root, with *token* and *tenant*; or a client of it.
    store: the app's database, an address (`sqlite:///app.db`, `postgresql://...`, `mysql://...`) or an engine of
    SQLAlchemy; `lifespan` makes the replica's tables in it. Or a `ReplicaStore`, whose tables its owner makes.
    bindings: where values are pinned to objects.
    public_url: the app's root as the ATS reaches it, where it sends pings; None: it is asked by timer only.
    interval: how often to look without a ping, +- 20 %. resync_delay: how long to wait, at most and by chance, before
    everything is asked for anew. handover: how often the process that leads looks for pings that others received.
    lease: how long a process leads unless it says so anew; when it dies, another begins within 4/3 of that.
    before_transfer, after_transfer: see `Hook`.
    read_token: who shows it may read what `app` tells of the replica; None: nobody.

    Mount `app` (or serve `routes`), and enter `lifespan`. Nothing is moved before it is entered, unless `catch_up` is
    called. Any number of processes may have the same database: one leads, the others receive pings for it.
    """

    def __init__(
        self,
        *,
        ats: AtsClient | str,
        token: str = "",
        tenant: str = "",
        store: ReplicaStore | sa.Engine | str,
        bindings: Sequence[Binding],
        public_url: str | None = None,
        topics: Sequence[Topic] = DEFAULT_TOPICS,
        interval: timedelta = DEFAULT_INTERVAL,
        resync_delay: timedelta = DEFAULT_RESYNC_DELAY,
        handover: timedelta = DEFAULT_HANDOVER,
        lease: timedelta = DEFAULT_LEASE,
        before_transfer: Hook | None = None,
        after_transfer: Hook | None = None,
        read_token: str | None = None,
        now: Callable[[], datetime] = _now,
        chance: Callable[[], float] = random.random,
        in_thread: InThread = in_threadpool,
    ) -> None:
        self._owns_ats = isinstance(ats, str)
        self._ats = AtsClient(ats, tenant, token) if isinstance(ats, str) else ats
        self.tenant = self._ats.tenant
        self._owns_store = not isinstance(store, ReplicaStore)
        self.store = store if isinstance(store, ReplicaStore) else ReplicaStore.of(store, self.tenant)
        self.bindings = tuple(bindings)
        self.now = now
        self.interval = interval
        self._resync_delay = resync_delay
        self._handover = handover
        self._lease = lease
        self._chance = chance
        self._in_thread = in_thread
        self._read_token = read_token
        self._source = Source(self._ats)
        self._mover = Mover(bindings, before_transfer, after_transfer)
        self._catch_up = CatchUp(
            self._source, self.store, self._mover, now=now, before_resync=self._spread, in_thread=in_thread
        )
        self._subscriber = (
            None if public_url is None else Subscriber(self._ats, self.store, public_url, topics, in_thread)
        )
        self.failures = 0
        self._name = new_leader()
        self._turn = asyncio.Lock()
        self._woken = asyncio.Event()

    # Serving

    @property
    def app(self) -> Starlette:
        """An ASGI app to mount: pings in; what the app holds on a value, replica, status and `/metrics` out."""
        guard = Guard(OneToken(self.tenant, self._read_token))
        return mounted([*self.routes(guard), metrics_route(self, guard)])

    def routes(self, guard: Guard, *, ping_tolerance: timedelta = TOLERANCE) -> list[Route]:
        """What the app serves for it, whole paths. An app with several tenants takes `replica_routes` instead.

        ping_tolerance: how old a ping may be, or how far ahead its sender's clock.
        """
        return replica_routes(
            guard, lambda tenant: self if tenant == self.tenant else None, ping_tolerance=ping_tolerance
        )

    async def receive(self, paths: Sequence[str]) -> None:
        """Write verified pings down. Whoever leads acts on them afterwards."""
        await self._in_thread(lambda: self._record(paths))
        self._woken.set()

    def _record(self, paths: Sequence[str]) -> None:
        with self.store.write() as unit:
            unit.receive_pings(paths, self.now())

    # Following

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Follow the ATS while entered."""
        if self._owns_store:
            await self._in_thread(self.store.migrate)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self.run)
                yield
                group.cancel_scope.cancel()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close what was opened here: connections to the ATS and to the database."""
        if self._owns_ats:
            await self._ats.close()
        if self._owns_store:
            self.store.close()

    async def run(self) -> None:
        """Follow the ATS until cancelled: at once, on each ping, and by timer; while no other process does."""
        failures = 0
        due = verified = self._time()
        try:
            while True:
                try:
                    pings = await self._in_thread(self._looked)
                    if pings is None:
                        await self._rest_until(self._time() + self._lease.total_seconds() / 3)
                        continue
                    if self._time() >= due or failures:
                        is_time_to_verify = self._time() >= verified + VERIFY_INTERVAL.total_seconds()
                        await self.catch_up(verify=is_time_to_verify)
                        verified = self._time() if is_time_to_verify else verified
                        due = self._time() + jittered(self.interval, self._chance()).total_seconds()
                    elif pings.is_any:
                        await self._answer(pings)
                    failures = 0
                except Exception as error:  # noqa: BLE001 - a worker's outermost loop: whatever it was, it is tried again
                    failures += 1
                    self.failures += 1
                    due = self._time() + retry_after(failures, self._chance()).total_seconds()
                    await self._note_failure(error, failures)
                await self._rest_until(due if failures else min(due, self._time() + self._handover.total_seconds()))
        finally:
            with anyio.CancelScope(shield=True):
                await self._in_thread(self._give_up_lease)

    async def catch_up(self, *, verify: bool = False) -> None:
        """The journal after the cursor, then the present trees; the subscription is revived first.

        verify: prove by digests that nothing of the replica has drifted, and repair it where it has; `run` does so once
        an hour. Raises the Problem that the ATS answers, or ServiceUnreachable.
        """
        async with self._turn:
            pings = await self._in_thread(self._pending)
            abilities = await self._source.describe()
            refusal = await self._subscriber.ensure(batches=abilities.batches) if self._subscriber else None
            await self._catch_up.everything(verify=verify)
            await self._done(pings.last, refusal)

    async def answer_pings(self) -> None:
        """Do what pings were the occasion for; `run` does so whenever some came."""
        await self._answer(await self._in_thread(self._pending))

    async def _answer(self, pings: "_Pending") -> None:
        async with self._turn:
            if pings.lost:
                await self._catch_up.everything()
            elif pings.paths:
                await self._catch_up.pinged(*meant_by(pings.paths, pings.orgs_category))
            if pings.is_any:
                await self._done(pings.last, None)

    async def look_up(self, category: int, value: int) -> None:
        """Read the journal on and take over the value's present state: for an app about to refuse it.

        Raises the Problem that the ATS answers, or ServiceUnreachable.
        """
        async with self._turn:
            await self._catch_up.pinged([(category, value)], [])

    def status(self) -> ReplicaStatus:
        """How the replica stands."""
        with self.store.read() as unit:
            state = unit.state()
            cursor = unit.cursors().get(WHOLE_TENANT)
            last_ping = unit.pings_after(state.pings - 1, limit=1)
            lease = unit.lease()
        behind = None if cursor is None or state.head is None else max(state.head - cursor, 0)
        return ReplicaStatus(
            cursor=cursor,
            head=state.head,
            lag=behind,
            epoch=state.epoch,
            pings=state.pings,
            moved=state.moved,
            leads=lease is not None and lease.leader == self._name and lease.until > self.now(),
            last_ping=last_ping[0] if last_ping else None,
            last_catch_up=state.last_catch_up,
            last_error=state.last_error,
        )

    def _pending(self) -> "_Pending":
        with self.store.read() as unit:
            return _pending(unit)

    def _looked(self) -> "_Pending | None":
        """What is to be done, if this process is to do it."""
        now = self.now()
        with self.store.read() as unit:
            lease = unit.lease()
            pings = _pending(unit)
        if self._is_due(lease, now):
            return pings if self._take_lease(now) else None
        return pings if lease is not None and lease.leader == self._name else None

    async def _done(self, answered: int, refusal: str | None) -> None:
        def note() -> int | None:
            with self.store.write() as unit:
                unit.note_done(answered, self.now(), refusal)
                return unit.cursors().get(WHOLE_TENANT)

        cursor = await self._in_thread(note)
        if self._subscriber:
            await self._subscriber.report(cursor)

    async def _note_failure(self, error: Exception, failures: int) -> None:
        reason = str(error) or type(error).__name__
        log.warning("catching up failed", tenant=self.tenant, failures=failures, error=reason)

        def note() -> None:
            with self.store.write() as unit:
                unit.note_error(reason)

        try:
            await self._in_thread(note)
        except Exception as unnoted:  # noqa: BLE001 - the database may be what failed
            log.warning("the failure could not be noted", tenant=self.tenant, error=str(unnoted))

    def _take_lease(self, now: datetime) -> bool:
        with self.store.write() as unit:
            if self._is_due(unit.lease(), now):  # asked again: another may have been faster
                unit.take_lease(Lease(self._name, now + self._lease))
                return True
        return False

    def _is_due(self, lease: Lease | None, now: datetime) -> bool:
        """Whether the lease is to be taken, or taken anew."""
        if lease is None or lease.until <= now or is_gone(lease.leader):
            return True
        left = lease.until - now
        # Nobody takes one for so long: the clock was ahead, and whoever took it may be gone for hours.
        is_absurd = left > 2 * self._lease
        return is_absurd or (lease.leader == self._name and left < self._lease / 2)

    def _give_up_lease(self) -> None:
        try:
            with self.store.write() as unit:
                lease = unit.lease()
                if lease is not None and lease.leader == self._name:
                    unit.take_lease(None)
        except Exception as error:  # noqa: BLE001 - it runs out by itself
            log.warning("the lease was not given up", tenant=self.tenant, error=str(error))

    async def _spread(self) -> None:
        await anyio.sleep(self._resync_delay.total_seconds() * self._chance())

    async def _rest_until(self, moment: float) -> None:
        with anyio.move_on_after(moment - self._time()):
            await self._woken.wait()
        self._woken.clear()

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()


@dataclass(frozen=True)
class _Pending:
    """Pings that nobody acted on yet. last: how many there were in all. lost: some of them are not kept any more."""

    last: int
    paths: Sequence[str]
    lost: bool
    orgs_category: int | None

    @property
    def is_any(self) -> bool:
        return self.lost or bool(self.paths)


def _pending(unit: Unit) -> _Pending:
    state = unit.state()
    paths = tuple(ping.path for ping in unit.pings_after(state.answered, limit=MAX_PINGS_KEPT))
    return _Pending(state.pings, paths, len(paths) < state.pings - state.answered, state.orgs_category)
