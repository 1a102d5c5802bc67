"""An app behind a receiver of pings: what comes in, and how often."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catrelay import PingReceiver, sign
from catrelay.asgi.coding import compress
from catrelay.problems import Unavailable
from catrelay.signing import new_secret

pytestmark = pytest.mark.anyio

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
BODY = b'{"id": 1001, "name": "IT"}'
SECRET = new_secret()
SECRETS = {"acme": [SECRET], "beta": [new_secret()]}
TOLERANCE = timedelta(minutes=1)
PATH = "/t/acme/categories/deltaPings"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def secrets_of(request: Request) -> list[str]:
    return SECRETS.get(request.url.path.split("/")[2], [])


@dataclass
class Subscriber:
    """An app behind a receiver. reply: its status, the first time, the second ... handled: the bodies it was given."""

    receiver: PingReceiver | None = None
    reply: Callable[[int], int] = lambda _: 204
    now: datetime = START
    handled: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self.receiver or PingReceiver(secrets_of, tolerance=TOLERANCE, now=lambda: self.now)
        self.app = receiver(self._app)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://app")

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.handled.append(await request.body())
        await Response(status_code=self.reply(len(self.handled)))(scope, receive, send)

    async def send(self, headers: Mapping[str, str], *, body: bytes = BODY, path: str = PATH) -> int:
        return (await self.http.post(path, content=body, headers=headers)).status_code

    async def refused(self, headers: Mapping[str, str], *, body: bytes = BODY, path: str = PATH) -> dict[str, Any]:
        """The problem that the sender is answered."""
        answer = await self.http.post(path, content=body, headers=headers)
        assert answer.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = answer.json()
        assert document["status"] == answer.status_code
        return document


def signed(
    message_id: str = "msg_1", *, at: datetime = START, secret: str = SECRET, body: bytes = BODY
) -> dict[str, str]:
    return sign(body, message_id=message_id, at=at, signing_secrets=[secret])


async def test_what_is_signed_comes_in_as_it_was_sent() -> None:
    app = Subscriber()

    assert await app.send(signed()) == 204
    assert await app.send(signed("msg_2", body=b""), body=b"") == 204

    assert app.handled == [BODY, b""]


async def test_what_was_gzipped_comes_in_unpacked() -> None:
    app = Subscriber()

    assert await app.send({**signed(), "content-encoding": "gzip"}, body=compress(BODY)) == 204

    assert app.handled == [BODY]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(body=BODY + b" "),
        signed(secret=new_secret()),
        {**signed(), "webhook-id": "msg_2"},
        {**signed(), "webhook-timestamp": str(int(START.timestamp()) + 1)},
        signed(at=START - TOLERANCE - timedelta(seconds=1)),
        signed(at=START + TOLERANCE + timedelta(seconds=1)),
        {"webhook-id": "msg_1", "webhook-timestamp": "9" * 5_000, "webhook-signature": "v1,"},
    ],
    ids=["no signature", "body", "secret", "id", "timestamp", "too old", "too new", "overflow"],
)
async def test_what_is_not_signed_so_is_refused(headers: dict[str, str]) -> None:
    app = Subscriber()

    assert (await app.refused(headers))["type"] == "urn:catrelay:problem:unauthorized"
    assert app.handled == []

    assert await app.send(signed()) == 204  # what was refused is not remembered


async def test_an_unknown_tenant_is_not_told_from_a_wrong_signature() -> None:
    app = Subscriber()

    known = await app.refused(signed(secret=new_secret()))
    unknown = await app.refused(signed(secret=new_secret()), path=PATH.replace("acme", "nobody"))

    assert known | {"instance": ""} == unknown | {"instance": ""}


async def test_secrets_may_be_looked_up_by_a_coroutine_and_several_be_live() -> None:
    old, new = new_secret(), new_secret()

    async def look_up(_: Request) -> list[str]:
        await anyio.lowlevel.checkpoint()
        return [old, new]

    app = Subscriber(PingReceiver(look_up, now=lambda: START))

    assert [await app.send(signed(id_, secret=secret)) for id_, secret in (("1", old), ("2", new))] == [204, 204]
    assert await app.send(sign(BODY, message_id="1", at=START, signing_secrets=[new])) == 204
    assert len(app.handled) == 2  # a repeat is one whichever live secret signs it


async def test_a_lookup_that_fails_is_answered_as_it_says() -> None:
    def look_up(_: Request) -> list[str]:
        raise Unavailable("The database is away")

    app = Subscriber(PingReceiver(look_up, now=lambda: START))

    assert (await app.refused(signed()))["detail"] == "The database is away"


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


async def test_a_sender_that_leaves_within_its_body_is_not_an_error_of_the_app() -> None:
    app = Subscriber()
    answered: list[Message] = []

    async def send(message: Message) -> None:
        answered.append(message)

    begin: Message = {"type": "http.request", "body": BODY[:3], "more_body": True}
    await app.app(scope_of(signed()), sending(begin, {"type": "http.disconnect"}), send)

    assert (answered[0]["status"], app.handled) == (400, [])


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_is_read_to_a_bound(is_announced: bool) -> None:
    app = Subscriber(PingReceiver(secrets_of, max_body_bytes=10_000, now=lambda: START))
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1_000
            yield b" " * 1_000

    headers = signed() | ({"content-length": "10001"} if is_announced else {})
    answer = await app.http.post(PATH, content=endless(), headers=headers)

    assert (answer.status_code, app.handled) == (413, [])
    assert read == (0 if is_announced else 11_000)
    assert await app.send(signed(body=b" " * 10_000), body=b" " * 10_000) == 204


async def test_what_is_no_ping_passes() -> None:
    app = Subscriber()
    started = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        started.append(scope["type"])

    await PingReceiver(secrets_of)(lifespan)({"type": "lifespan"}, sending(), _nowhere)

    assert (await app.http.get("/health")).status_code == 204
    assert (await app.http.delete(PATH)).status_code == 401
    assert started == ["lifespan"]


async def test_as_the_middleware_of_a_route_it_sees_the_path_and_the_services_bound() -> None:
    async def ping(request: Request) -> Response:
        return Response(await request.body(), status_code=202)

    receiver = PingReceiver(lambda request: SECRETS[request.path_params["tenant"]], max_body_bytes=None)
    app = Starlette(routes=[Route("/t/{tenant}/ping", ping, methods=["POST"], middleware=[Middleware(receiver)])])
    app.state.max_body_bytes = 100
    http = client(app)
    now = datetime.now(UTC)

    taken = await http.post("/t/acme/ping", content=BODY, headers=signed(at=now))
    refused = await http.post("/t/acme/ping", content=b" " * 101, headers=signed(at=now, body=b" " * 101))

    assert (taken.status_code, taken.content, refused.status_code) == (202, BODY, 413)


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


def client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")


def scope_of(headers: Mapping[str, str]) -> Scope:
    return {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "query_string": b"",
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }


def sending(*messages: Message) -> Receive:
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0)

    return receive


async def _nowhere(message: Message) -> None:
    raise AssertionError(message)
