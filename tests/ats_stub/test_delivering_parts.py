"""What the deliverer is made of: one call for many, bounds, and bodies that are read once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest
from prometheus_client import CollectorRegistry

from ats_stub.delivering.batch import MAX_ASKED, Batch
from ats_stub.delivering.bodies import MAX_AGE_SECONDS, MAX_BODIES, Bodies
from ats_stub.delivering.metrics import DeliveryMetrics
from ats_stub.delivering.rounds import Part, Requests
from ats_stub.delivering.slots import Slots
from ats_stub.domain.delivery import Health, Round, Work
from ats_stub.domain.pings import Ping, Place, Subject
from ats_stub.store.deliveries import Job
from ats_stub.store.subscription_rows import Key
from catrelay.sending import Answer
from tests.ats_stub.writing import NOW

TENANT, OTHER = 1, 2


async def let_others_go_on() -> None:
    """Until all wait for something."""
    for _ in range(20):
        await asyncio.sleep(0)


class Doubling:
    """Answers with the double of what it is asked, once it may; zeros are trouble."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, asked: Sequence[int]) -> list[int]:
        self.calls.append(list(asked))
        await self.may_answer.wait()
        if 0 in asked:
            raise ZeroDivisionError(len(asked))
        return [2 * each for each in asked]


def test_those_who_ask_at_the_same_time_share_a_call() -> None:
    async def scenario() -> None:
        double = Doubling()
        batch = Batch(double)

        answers = await asyncio.gather(batch.of(1), batch.of(2), batch.of(1))

        assert (list(answers), double.calls) == ([2, 4, 2], [[1, 2, 1]])
        assert (await batch.of(3), double.calls[1:]) == (6, [[3]])

    asyncio.run(scenario())


def test_those_who_ask_while_a_call_is_under_way_share_the_next() -> None:
    async def scenario() -> None:
        double = Doubling()
        double.may_answer.clear()
        batch = Batch(double)
        asking = [asyncio.create_task(batch.of(1))]
        await let_others_go_on()
        for number in (2, 3):
            asking.append(asyncio.create_task(batch.of(number)))
            await let_others_go_on()
        under_way = list(double.calls)

        double.may_answer.set()

        assert (await asyncio.gather(*asking), under_way) == ([2, 4, 6], [[1]])
        assert double.calls == [[1], [2, 3]]

    asyncio.run(scenario())


def test_very_many_are_asked_in_several_calls() -> None:
    async def scenario() -> None:
        double = Doubling()
        batch = Batch(double)

        answers = await asyncio.gather(*(batch.of(number) for number in range(1, MAX_ASKED + 2)))

        assert answers == [2 * number for number in range(1, MAX_ASKED + 2)]
        assert [len(asked) for asked in double.calls] == [MAX_ASKED, 1]

    asyncio.run(scenario())


def test_an_exception_is_raised_where_it_was_asked_for_only() -> None:
    async def scenario() -> None:
        double = Doubling()
        batch = Batch(double)

        one, trouble, two = await asyncio.gather(batch.of(1), batch.of(0), batch.of(2), return_exceptions=True)

        assert (one, two, repr(trouble)) == (2, 4, "ZeroDivisionError(1)")
        assert double.calls == [[1, 0, 2], [1], [0], [2]]
        assert await batch.of(5) == 10

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [1, 0])
def test_who_gives_up_takes_nothing_from_the_others(number: int) -> None:
    async def scenario() -> None:
        double = Doubling()
        double.may_answer.clear()
        batch = Batch(double)
        impatient, patient = asyncio.create_task(batch.of(number)), asyncio.create_task(batch.of(2))
        await let_others_go_on()

        impatient.cancel()
        await asyncio.wait([impatient])
        double.may_answer.set()

        assert (await patient, impatient.cancelled()) == (4, True)

    asyncio.run(scenario())


def test_the_end_waits_for_the_call_under_way_and_begins_no_other() -> None:
    async def scenario() -> None:
        double = Doubling()
        double.may_answer.clear()
        batch = Batch(double)
        await batch.end()
        first = asyncio.create_task(batch.of(1))
        await let_others_go_on()
        second = asyncio.create_task(batch.of(2))
        await let_others_go_on()

        ending = asyncio.create_task(batch.end())
        await let_others_go_on()
        too_early = ending.done()
        double.may_answer.set()
        await ending

        assert (await first, second.done(), too_early, double.calls) == (2, False, False, [[1]])
        second.cancel()

    asyncio.run(scenario())


def test_who_wants_many_places_gets_those_that_are_free_but_at_least_one() -> None:
    async def scenario() -> None:
        slots = Slots(5)

        given = [await slots.take(3), await slots.take(3)]
        waiting = asyncio.create_task(slots.take(3))
        await let_others_go_on()
        had_to_wait = not waiting.done()
        slots.give_back(1)

        assert (given, had_to_wait, await waiting) == ([3, 2], True, 1)

    asyncio.run(scenario())


def test_places_are_given_out_in_the_order_of_asking_and_never_more_than_there_are() -> None:
    async def scenario() -> None:
        slots, order, taken, most = Slots(4), list[int](), 0, 0

        async def work(number: int) -> None:
            nonlocal taken, most
            places = await slots.take(1 + number % 3)
            order.append(number)
            taken += places
            most = max(most, taken)
            await asyncio.sleep(0)
            taken -= places
            slots.give_back(places)

        await asyncio.gather(*(work(number) for number in range(50)))

        assert (order, most) == (list(range(50)), 4)
        assert await slots.take(10) == 4

    asyncio.run(scenario())


def test_who_gives_up_waiting_for_a_place_leaves_it_to_the_next() -> None:
    async def scenario() -> None:
        slots = Slots(1)
        await slots.take(1)
        impatient, patient = asyncio.create_task(slots.take(1)), asyncio.create_task(slots.take(1))
        await let_others_go_on()

        impatient.cancel()
        await let_others_go_on()
        slots.give_back(1)

        assert (await patient, impatient.cancelled()) == (1, True)

    asyncio.run(scenario())


def test_who_is_stopped_right_when_it_is_given_places_gives_them_back() -> None:
    async def scenario() -> None:
        slots = Slots(2)
        await slots.take(2)
        impatient, patient = asyncio.create_task(slots.take(2)), asyncio.create_task(slots.take(2))
        await let_others_go_on()

        slots.give_back(2)  # to the first, which has not heard of it yet
        impatient.cancel()

        assert (await patient, impatient.cancelled()) == (2, True)

    asyncio.run(scenario())


def ping(number: int, position: int = 1, subject: Subject = "value") -> Ping:
    return Ping(f"/orgs/values/byID/{number}/deltaPings", subject, number, "update", position)


class Shelf:
    """Has the bodies of all tenants but those that are gone, and of all objects but those without one."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.version = 1
        self.reads: list[tuple[int, list[int]]] = []
        self.bodies = Bodies(self.read, lambda: self.now)

    async def read(self, tenant: int, pings: Sequence[Ping]) -> Mapping[Ping, bytes]:
        self.reads.append((tenant, [each.object for each in pings]))
        await asyncio.sleep(0)
        return {} if tenant == OTHER else {each: b"v%d" % self.version for each in pings if each.object != 404}


def on_a_shelf(play: Callable[[Shelf], Awaitable[None]]) -> None:
    async def scenario() -> None:
        await play(Shelf())

    asyncio.run(scenario())


def test_a_body_is_read_once_for_all_who_are_told_of_the_same() -> None:
    async def play(shelf: Shelf) -> None:
        told = await asyncio.gather(*(shelf.bodies.of(TENANT, [ping(1), ping(2), ping(404)]) for _ in range(9)))
        again = await shelf.bodies.of(TENANT, [ping(2), ping(404), ping(3)])

        assert told == [{ping(1): b"v1", ping(2): b"v1"}] * 9
        assert again == {ping(2): b"v1", ping(3): b"v1"}
        assert shelf.reads == [(TENANT, [1, 2, 404]), (TENANT, [3])]

    on_a_shelf(play)


def test_how_often_a_ping_failed_does_not_matter_to_its_body_but_a_later_change_does() -> None:
    async def play(shelf: Shelf) -> None:
        await shelf.bodies.of(TENANT, [ping(1)])
        shelf.version = 2
        failed, changed = ping(1)._replace(attempts=3), ping(1, position=2)

        assert await shelf.bodies.of(TENANT, [failed]) == {failed: b"v1"}
        assert await shelf.bodies.of(TENANT, [changed]) == {changed: b"v2"}

    on_a_shelf(play)


def test_bodies_are_read_anew_after_a_while() -> None:
    async def play(shelf: Shelf) -> None:
        await shelf.bodies.of(TENANT, [ping(1)])
        shelf.bodies.learn(TENANT, [ping(2), ping(404)], {ping(2): b"learned"})
        shelf.version = 2

        shelf.now += MAX_AGE_SECONDS / 2
        young = await shelf.bodies.of(TENANT, [ping(1), ping(2), ping(404)])
        shelf.now += MAX_AGE_SECONDS / 2
        old = await shelf.bodies.of(TENANT, [ping(1), ping(2)])

        assert young == {ping(1): b"v1", ping(2): b"learned"}
        assert old == {ping(1): b"v2", ping(2): b"v2"}

    on_a_shelf(play)


def test_so_many_bodies_are_held() -> None:
    async def play(shelf: Shelf) -> None:
        many = [ping(number) for number in range(1_000, MAX_BODIES + 1_001)]
        await shelf.bodies.of(TENANT, many)

        assert len(await shelf.bodies.of(TENANT, many[:1])) == 1

        assert shelf.reads[1:] == [(TENANT, [1_000])]

    on_a_shelf(play)


def test_a_tenant_that_is_gone_has_no_bodies_and_keeps_none_from_the_others() -> None:
    async def play(shelf: Shelf) -> None:
        here, gone = await asyncio.gather(shelf.bodies.of(TENANT, [ping(1)]), shelf.bodies.of(OTHER, [ping(1)]))

        assert (here, gone) == ({ping(1): b"v1"}, {})
        assert shelf.reads == [(TENANT, [1]), (OTHER, [1])]
        await shelf.bodies.end()

    on_a_shelf(play)


def test_what_is_told_of_people_and_jobs_is_not_read_at_all() -> None:
    async def play(shelf: Shelf) -> None:
        subjects: tuple[Subject, ...] = ("job", "user", "candidate")
        pings = [ping(number, subject=subject) for number, subject in enumerate(subjects)]

        told = await shelf.bodies.of(TENANT, pings)

        assert told == dict.fromkeys(pings, b'{"operation":"update"}')
        assert shelf.reads == []

    on_a_shelf(play)


class Down:
    """A subscriber that is not there."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.urls.append(url)
        await asyncio.sleep(0)  # what is sent at the same time is on its way by now
        return Answer(None, "connection refused")


@pytest.mark.parametrize("batch", [False, True])
def test_pings_of_what_is_gone_let_nobody_who_is_down_be_sent_more_at_a_time(batch: bool) -> None:
    async def play(shelf: Shelf) -> None:
        health = Health("backing-off", 1, failing_since=NOW)
        pings = [ping(404), *map(ping, range(9))]
        job = Job(
            key=Key(TENANT, 5),
            tenant_name="acme",
            app="tests",
            url="http://192.0.2.7",
            secrets=("whsec_c2VjcmV0",),
            batch=batch,
            replays=0,
            attempted=0,
            work=Work(health, Place(0), Place(1), pings, {}),
            is_all=True,
        )
        part = Part(job, Round(pings, health, (), batch=batch), job.work.end, health, {})
        subscriber = Down()

        await Requests(subscriber, shelf.bodies, DeliveryMetrics(CollectorRegistry()), lambda: NOW).make(part)

        assert len(subscriber.urls) == 1
        assert (part.done.dropped, len(part.done.unsent), part.done.down) == ([ping(404)], 8, True)

    on_a_shelf(play)
