"""Keeping the subscription by which pings come. An ATS without subscriptions is asked by timer only."""

from collections.abc import Sequence

import structlog

from catrelay.client import AtsClient
from catrelay.models import Subscription, SubscriptionCreate, SubscriptionUpdate, Topic
from catrelay.problems import InternalError, MethodNotAllowed, NotFound, Problem, ServiceUnreachable, TooManyRequests
from replicator.store import ReplicaStore
from replicator.threads import InThread
from replicator.unit import Subscribed

log = structlog.get_logger()


class Subscriber:
    """Sees to it that the ATS sends pings to *public_url*."""

    def __init__(
        self, ats: AtsClient, store: ReplicaStore, public_url: str, topics: Sequence[Topic], in_thread: InThread
    ) -> None:
        self._ats = ats
        self._store = store
        self._url = public_url
        self._topics = tuple(topics)
        self._in_thread = in_thread
        self._reported_seq: int | None = None

    async def ensure(self, *, batches: bool) -> str | None:
        """Subscribe, or revive the subscription there is. Returns why the ATS refuses; None when all is well."""
        try:
            remembered = await self._in_thread(self._remembered)
            if remembered is None or not await self._revive(remembered, batches):
                await self._subscribe(batches)
        except (NotFound, MethodNotAllowed):
            log.info("the ATS has no subscriptions, asking by timer only", ats=self._ats.url)
        except ServiceUnreachable:
            raise
        except Problem as refusal:
            if refusal.status >= InternalError.status or isinstance(refusal, TooManyRequests):
                raise  # it passes
            log.warning("the ATS refuses the subscription, asking by timer only", reason=refusal.detail)
            return f"no subscription: {refusal.detail}"
        return None

    async def report(self, seq: int | None) -> None:
        """Tell the ATS how far its journal is applied."""
        remembered = await self._in_thread(self._remembered)
        if seq is None or seq == self._reported_seq or remembered is None:
            return
        try:
            await self._ats.report_applied(remembered.id, seq)
            self._reported_seq = seq
        except (NotFound, MethodNotAllowed):
            self._reported_seq = seq

    async def _revive(self, remembered: Subscribed, batches: bool) -> bool:
        """Whether the remembered subscription works on."""
        try:
            found = await self._ats.subscription(remembered.id)
        except NotFound:
            return False
        self._reported_seq = found.applied_seq
        if found.state == "ended":
            await self._ats.unsubscribe(remembered.id)
            return False
        if (found.url, set(found.topics), found.batch) != (self._url, set(self._topics), batches):
            change = SubscriptionUpdate(url=self._url, topics=self._topics, batch=batches)
            await self._ats.update_subscription(remembered.id, change)
        # What people paused, people resume.
        if found.state in ("suspended", "backing-off") and not found.paused:
            await self._ats.resume_subscription(remembered.id)
        return True

    async def _subscribe(self, batches: bool) -> None:
        self._reported_seq = None
        await self._forget_earlier()
        made: Subscription = await self._ats.subscribe(
            SubscriptionCreate(url=self._url, topics=self._topics, batch=batches)
        )
        if made.secret is None:
            raise ServiceUnreachable("the ATS made a subscription without a secret", url=self._ats.url)
        subscribed = Subscribed(made.id, made.secret)

        def remember() -> None:
            with self._store.write() as unit:
                unit.remember_subscription(subscribed)

        await self._in_thread(remember)

    async def _forget_earlier(self) -> None:
        """End subscriptions whose secret was lost, as when the answer to their making never came."""
        for earlier in (await self._ats.subscriptions()).results:
            if earlier.url == self._url:
                await self._ats.unsubscribe(earlier.id)

    def _remembered(self) -> Subscribed | None:
        with self._store.read() as unit:
            return unit.subscription()
