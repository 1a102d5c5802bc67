"""How often a receiver of pings lets the same one in."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from catrelay import PingReceiver
from tests.catrelay.pinged import (
    BODY,
    PATH,
    SECRET,
    SECRETS,
    START,
    TOLERANCE,
    Subscriber,
    client,
    scope_of,
    secrets_of,
    sending,
    signed,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_repeat_is_answered_without_running_again_while_its_signature_holds() -> None:
    app = Subscriber()

    assert await app.send(signed(at=START + TOLERANCE)) == 204
    app.now = START + 2 * TOLERANCE
    assert await app.send(signed(at=START + TOLERANCE)) == 204
    assert await app.send(signed(at=START + TOLERANCE), path="/t/acme/elsewhere") == 204

    assert len(app.handled) == 1


async def test_a_repeat_that_was_signed_anew_keeps_the_message_known() -> None:
    app = Subscriber()
    repeat = signed(at=START + TOLERANCE)

    await app.send(signed())
    app.now = START + TOLERANCE
    await app.send(repeat)
    await app.send(signed("msg_2", at=app.now))
    app.now += TOLERANCE
    await app.send(signed("msg_3", at=app.now))
    await app.send(repeat)

    assert len(app.handled) == 3


@pytest.mark.parametrize("status", [301, 400, 410, 500])
async def test_what_failed_runs_again_when_it_is_repeated(status: int) -> None:
    app = Subscriber(reply=lambda times: status if times == 1 else 200)

    assert [await app.send(signed()) for _ in range(3)] == [status, 200, 204]
    assert len(app.handled) == 2


async def test_what_raised_runs_again_when_it_is_repeated() -> None:
    def reply(times: int) -> int:
        return 204 // (times - 1)

    app = Subscriber(reply=reply)

    with pytest.raises(ZeroDivisionError):
        await app.send(signed())
    assert await app.send(signed()) == 204
    assert len(app.handled) == 2


async def test_what_is_still_handled_is_to_be_sent_again() -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    handled = []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        handled.append(scope["path"])
        started.set()
        await go_on.wait()
        await Response(status_code=204)(scope, receive, send)

    app = Subscriber()
    app.http = client(PingReceiver(secrets_of, now=lambda: START)(slow))
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(app.send(signed()))
        await started.wait()
        meanwhile = await app.http.post(PATH, content=BODY, headers=signed())
        other = tasks.create_task(app.send(signed("msg_2")))
        go_on.set()

    assert (meanwhile.status_code, meanwhile.headers["retry-after"]) == (409, "1")
    assert meanwhile.json()["type"] == "urn:catrelay:problem:conflict"
    assert (first.result(), other.result(), await app.send(signed())) == (204, 204, 204)
    assert len(handled) == 2


async def test_what_was_interrupted_runs_again() -> None:
    started = asyncio.Event()
    times: list[str] = []

    async def interrupted(scope: Scope, receive: Receive, send: Send) -> None:
        times.append(scope["path"])
        if len(times) == 1:
            started.set()
            await asyncio.Event().wait()
        await Response(status_code=204)(scope, receive, send)

    app = Subscriber()
    app.http = client(PingReceiver(secrets_of, now=lambda: START)(interrupted))
    first = asyncio.create_task(app.send(signed()))
    await started.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    assert await app.send(signed()) == 204
    assert len(times) == 2


async def test_an_answer_that_nobody_hears_is_given_to_the_repeat() -> None:
    app = Subscriber()

    async def lost(message: Message) -> None:
        raise OSError("the connection is closed")

    await app.app(scope_of(signed()), sending({"type": "http.request", "body": BODY}), lost)

    assert await app.send(signed()) == 204
    assert app.handled == [BODY]


async def test_a_sender_pushes_out_its_own_ids_only() -> None:
    app = Subscriber(PingReceiver(secrets_of, max_ids=2, now=lambda: START))
    of_beta = signed("msg_1", secret=SECRETS["beta"][0])

    await app.send(of_beta, path=PATH.replace("acme", "beta"))
    for number in (1, 2, 3):
        await app.send(signed(f"msg_{number}"))
    del app.handled[:]
    await app.send(of_beta, path=PATH.replace("acme", "beta"))
    assert app.handled == []

    await app.send(signed("msg_3"))
    assert app.handled == []
    await app.send(signed("msg_1"))
    assert app.handled == [BODY]


async def test_what_a_silent_sender_left_is_forgotten() -> None:
    app = Subscriber()
    receiver = PingReceiver(secrets_of, tolerance=TOLERANCE, now=lambda: app.now)
    app.http = client(receiver(app.app))
    for number in range(3):
        await app.send(signed(f"msg_{number}", secret=SECRETS["beta"][0]), path=PATH.replace("acme", "beta"))

    app.now += 2 * TOLERANCE
    await app.send(signed(at=app.now))

    assert list(receiver._handled._by_secret) == [SECRET]


@dataclass(frozen=True)
class Sent:
    """A message that is sent. after: seconds since the one before. ago: by how much the sender's clock differs."""

    message: int
    after: int
    ago: int
    status: int


sent = st.builds(
    Sent, st.integers(1, 3), st.integers(0, 40), st.integers(-60, 60), st.sampled_from([200, 204, 302, 404, 503])
)


@given(st.lists(sent, max_size=30))
def test_whatever_is_sent_a_recorded_message_never_runs_again_once_it_was_handled(messages: list[Sent]) -> None:
    async def check() -> None:
        statuses: list[int] = []
        app = Subscriber(reply=lambda _: statuses[-1])
        recorded: dict[int, list[dict[str, str]]] = {1: [], 2: [], 3: []}
        for each in messages:
            app.now += timedelta(seconds=each.after)
            headers = signed(f"msg_{each.message}", at=app.now - timedelta(seconds=each.ago))
            statuses.append(each.status)
            before = len(app.handled)
            status = await app.send(headers)
            assert status == (each.status if len(app.handled) > before else 204)
            if 200 <= status < 300:
                recorded[each.message].append(headers)

            before = len(app.handled)
            statuses.append(500)
            for replays in recorded.values():
                for replay in replays:
                    assert await app.send(replay) in (204, 401)
            assert len(app.handled) == before

    asyncio.run(check())
