"""The subscription by which pings come, and the worker that answers them."""

import asyncio

import pytest

from catrelay.problems import Forbidden, Unavailable
from tests.replicator.objects import App
from tests.replicator.replicas import PUBLIC_URL, ats_tree, catch_up, ping_of, replicator_of, tree
from tests.replicator.standin import StandIn


def test_an_ats_that_refuses_the_subscription_is_asked_by_timer_only(ats: StandIn, app: App) -> None:
    def refuse(path: str) -> None:
        if path == "/subscriptions":
            raise Forbidden("This token may not subscribe")

    ats.meanwhile = refuse
    replicator = replicator_of(ats, app)

    asyncio.run(replicator.catch_up())

    assert tree(app) == ats_tree(ats)
    assert replicator.status().last_error == "no subscription: This token may not subscribe"


def test_an_ats_that_cannot_subscribe_just_now_is_tried_again(ats: StandIn, app: App) -> None:
    def fail(path: str) -> None:
        if path == "/subscriptions":
            raise Unavailable("Too much to do")

    ats.meanwhile = fail

    with pytest.raises(Unavailable):
        asyncio.run(replicator_of(ats, app).catch_up())


def test_the_first_subscription_asks_for_pings_at_the_apps_root(ats: StandIn, app: App) -> None:
    catch_up(ats, app)

    (made,) = ats.subscriptions.values()
    assert (made.url, made.topics, made.batch) == (PUBLIC_URL, ("categories", "orgs"), False)
    assert ats.applied == [0]


def test_a_subscription_outlives_a_restart(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    catch_up(ats, app)

    assert list(ats.subscriptions) == [1]


@pytest.mark.parametrize("state", ["suspended", "backing-off", "active"])
def test_a_subscription_that_waits_is_resumed(ats: StandIn, app: App, state: str) -> None:
    catch_up(ats, app)
    ats.subscriptions[1] = ats.subscriptions[1].model_copy(update={"state": state, "url": "http://old"})

    catch_up(ats, app)

    assert (ats.subscriptions[1].state, ats.subscriptions[1].url) == ("active", PUBLIC_URL)


def test_a_subscription_whose_secret_never_arrived_is_ended(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    (lost,) = ats.subscriptions.values()
    with app.store.write() as unit:
        unit.remember_subscription(None)

    catch_up(ats, app)

    (kept,) = ats.subscriptions.values()
    assert kept.secret != lost.secret


@pytest.mark.parametrize("is_ended", [True, False])
def test_a_subscription_that_is_gone_is_made_anew(ats: StandIn, app: App, is_ended: bool) -> None:
    catch_up(ats, app)
    first = ats.subscriptions.pop(1)
    ats.subscriptions[7] = first.model_copy(update={"id": 7, "url": "http://another.app"})
    if is_ended:
        ats.subscriptions[1] = first.model_copy(update={"state": "ended"})

    catch_up(ats, app)

    with app.store.read() as unit:
        subscribed = unit.subscription()
    assert subscribed is not None
    assert subscribed.secret == ats.subscriptions[subscribed.id].secret
    assert subscribed.secret != first.secret


def test_an_ats_without_subscriptions_is_asked_by_timer_only(ats: StandIn, app: App) -> None:
    ats.takes_subscriptions = False

    catch_up(ats, app)

    assert tree(app) == ats_tree(ats)


def test_the_worker_answers_pings_after_its_first_catch_up(ats: StandIn, app: App) -> None:
    catch_up(ats, app)
    quote = app.add_quote(1)

    async def follow() -> None:
        replicator = replicator_of(ats, app)
        reported = asyncio.Event()
        started = asyncio.Event()
        events = {"/categories": started, "/subscriptions/byID/1/applied": reported}
        ats.meanwhile = lambda path: events[path].set() if path in events else None
        async with asyncio.timeout(30), replicator.lifespan():
            await started.wait()
            ats.remap(1, 2)
            await replicator.receive([ping_of(1)])
            await reported.wait()

    asyncio.run(follow())

    assert app.quotes() == {quote: 2}
    assert ats.applied == [0, 1]


def test_the_worker_remembers_why_it_could_not_catch_up_and_tries_again(ats: StandIn, app: App) -> None:
    errors: list[str | None] = []
    pinging: list[asyncio.Future[None]] = []

    async def follow() -> None:
        replicator = replicator_of(ats, app)
        reported = asyncio.Event()

        def be_away_at_first(path: str) -> None:
            errors.append(replicator.status().last_error)
            if len(errors) == 1:
                pinging.append(asyncio.ensure_future(replicator.receive([ping_of(1)])))  # so that it does not wait
                raise Unavailable("The stand-in is away")
            if path.endswith("/applied"):
                reported.set()

        ats.meanwhile = be_away_at_first
        async with asyncio.timeout(30), replicator.lifespan():
            await reported.wait()
            errors.append(replicator.status().last_error)

    asyncio.run(follow())

    assert errors[:2] == [None, "The stand-in is away"]
    assert errors[-1] is None
    assert tree(app) == ats_tree(ats)
