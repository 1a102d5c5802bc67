"""A world to deliver in: subscribers of every kind, processes that die, and an oracle that knows what was changed.

All of it follows from a seed. Time is virtual and there are no sockets; the deliverer and its database are real.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

import orjson
from prometheus_client import CollectorRegistry

from ats_stub.delivering import Deliverer, DeliveryMetrics
from ats_stub.domain.delivery import DeliveryRules, RetryPolicy
from ats_stub.operations import subscriptions
from ats_stub.operations.values import write_value
from ats_stub.store import Store
from catrelay.models import CategoryValueWrite, SubscriptionCreate, Topic
from catrelay.sending import Answer
from catrelay.tokens import Access
from tests.ats_stub.writing import NOW

ORGS = 1
TIMEOUT_SECONDS = 15.0
PATIENCE_SECONDS = 40 * 86_400.0

Manner = Literal["well", "slow", "refusing", "stalling", "busy", "unwell", "picky"]
MANNERS: tuple[Manner, ...] = ("well", "slow", "refusing", "stalling", "busy", "unwell", "picky")

RULES = DeliveryRules(
    RetryPolicy((2, 10, 60, 300, 1_800), timedelta(days=5)),
    keep_told=timedelta(days=90),
    keep_any=timedelta(days=90),
    poll_seconds=60,
)
CALM = replace(RULES, lease=timedelta(hours=1), poll_seconds=3_600, prune_seconds=3_600)
"""For long times in which little happens."""


class Died(Exception):
    """What a process asks for, once it is dead."""


@dataclass
class Subscriber:
    """manners: how it answers from which moment on, in seconds; in the end it is well, unless it is *leaving*.

    seen: versions by path, in the order of their arrival. delivered: pings that it answered 2xx.
    """

    manners: list[tuple[float, Manner]]
    leaving: float | None = None
    key: int = 0
    seen: dict[str, list[int]] = field(default_factory=dict)
    delivered: int = 0
    requests: int = 0

    def manner(self, now: float) -> Manner:
        """How it answers now."""
        return [manner for since, manner in self.manners if since <= now][-1]

    async def answer(self, body: bytes, path: str, random: Random) -> Answer:
        """Take a request in, or not, and answer it, or not."""
        loop = asyncio.get_running_loop()
        self.requests += 1
        await asyncio.sleep(random.uniform(0.001, 0.05))
        if self.leaving is not None and loop.time() >= self.leaving:
            return Answer(410, "answered 410")
        match self.manner(loop.time()):
            case "refusing":
                return Answer(None, "connection refused")
            case "stalling":
                if random.random() < 0.5:  # it does what it is asked for, and its answer comes too late
                    self._take(body, path)
                await asyncio.sleep(TIMEOUT_SECONDS)
                return Answer(None, "no answer")
            case "busy":
                return Answer(503, "answered 503", timedelta(seconds=random.choice([0, 5, 90])))
            case "unwell" if random.random() < 0.5:
                return Answer(500, "answered 500")
            case "picky" if len(path) % 3 == 0:
                return Answer(400, "answered 400")
            case "slow":
                await asyncio.sleep(random.uniform(1, 5))
        self.delivered += self._take(body, path)
        return Answer(204)

    def _take(self, body: bytes, path: str) -> int:
        document: Any = orjson.loads(body) if body else None
        pings = document["pings"] if path.endswith("/t/acme/deltaPings") else [{"path": path, "body": document}]
        for ping in pings:
            if ping.get("body") is not None:
                org = re.sub(".*/orgs", "/orgs", ping["path"])
                self.seen.setdefault(org, []).append(int(ping["body"]["name"].rpartition("v")[2]))
        return len(pings)


class World:
    """Subscribers and changes. deaths: in how many of a process's calls to the database it dies, as a share."""

    def __init__(
        self, store: Store, access: Access, seed: int, *, deaths: float = 0.0, rules: DeliveryRules = RULES
    ) -> None:
        self.random = Random(seed)
        self.rules = rules
        self.store = store
        self.access = access
        self.subscribers: dict[str, Subscriber] = {}
        self.versions: dict[int, int] = {}
        self.changes = 0
        self._deaths = deaths
        self._tasks: list[asyncio.Task[None]] = []

    def now(self) -> datetime:
        """The present."""
        return NOW + timedelta(seconds=asyncio.get_running_loop().time())

    def subscribe(self, subscriber: Subscriber, *topics: Topic, batch: bool = False) -> Subscriber:
        """Let *subscriber* be told from now on."""
        url = f"http://192.0.2.7/{len(self.subscribers)}"
        wanted = SubscriptionCreate(url=url, topics=topics, batch=batch)
        with self.store.write(self.access.tenant_id, app="tests", now=self.now()) as unit:
            subscriber.key = subscriptions.subscribe(unit, self.access, wanted).id
        self.subscribers[url] = subscriber
        return subscriber

    def change(self, orgs: int = 1, of: int = 100) -> None:
        """Change some orgs, in one write; there are *of* of them in all."""
        with self.store.write(self.access.tenant_id, app="tests", now=self.now()) as unit:
            for _ in range(orgs):
                known = list(self.versions)
                org = self.random.choice(known) if len(known) == of else None
                version = 0 if org is None else self.versions[org] + 1
                named = CategoryValueWrite(name=f"Org v{version}")
                if org is not None:
                    named = named.model_copy(update={"id": org})
                self.versions[write_value(unit, ORGS, named)[0].id] = version
        self.changes += orgs

    def resume_all(self) -> None:
        """As an operator does who finds some suspended."""
        for subscriber in self.subscribers.values():
            with suppress(Exception), self.store.write(self.access.tenant_id, app="tests", now=self.now()) as unit:
                subscriptions.resume(unit, self.access, subscriber.key)

    def start(self) -> None:
        """Start a process that delivers, and another one whenever it dies."""
        process = _Process(self)
        process.task = asyncio.create_task(process.run())
        self._tasks.append(process.task)

    async def settled(self) -> None:
        """Return once every subscriber that is still there has been told of all."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        self._deaths = 0.0
        while any(self._lags()):
            assert asyncio.get_running_loop().time() < deadline, self._lags()
            await asyncio.sleep(self.rules.poll_seconds)

    async def stop(self) -> None:
        """End all processes in good order."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _lags(self) -> list[int]:
        with self.store.read(self.access.tenant_id) as unit:
            listed = unit.subscriptions.listed(app=None, after=0, limit=1_000, now=self.now())
        return [each.lag for each in listed if each.state != "ended" and each.lag]

    def check_calls(self, process: "_Process") -> None:
        """Let *process* die, perhaps."""
        if self.random.random() < self._deaths:
            process.is_dead = True
            process.task.cancel()  # nothing of it reaches the database or a subscriber any more
            asyncio.get_running_loop().call_later(self.random.uniform(0.1, 30), self.start)


class _Process:
    task: asyncio.Task[None]

    def __init__(self, world: World) -> None:
        self.is_dead = False
        self._world = world
        self._random = Random(world.random.random())
        self._deliverer = Deliverer(
            world.store,
            world.rules,
            self,
            DeliveryMetrics(CollectorRegistry()),
            clock=world.now,
            in_thread=self._call,
            random=self._random.random,
        )

    async def run(self) -> None:
        with suppress(Died):
            async with self._deliverer.running():
                await asyncio.Event().wait()

    def _call(self, call: Callable[..., Any], *arguments: object) -> Awaitable[Any]:
        return self._called(call, arguments)

    async def _called(self, call: Callable[..., Any], arguments: tuple[object, ...]) -> Any:
        self._die_perhaps()
        await asyncio.sleep(0.001)
        done = call(*arguments)
        self._die_perhaps()
        return done

    def _die_perhaps(self) -> None:
        if not self.is_dead:
            self._world.check_calls(self)
        if self.is_dead:
            raise Died

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        assert headers["webhook-signature"].startswith("v1,")
        if self.is_dead:
            raise Died
        root, _, path = url.partition("/t/acme")
        answer = await self._world.subscribers[root].answer(body, f"/t/acme{path}", self._random)
        if self.is_dead:
            raise Died
        return answer
