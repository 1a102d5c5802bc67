"""What comes in through a receiver of pings."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from catrelay import PingReceiver, sign
from catrelay.asgi.coding import compress
from catrelay.problems import Unavailable
from catrelay.signing import new_secret
from tests.catrelay.pinged import (
    BODY,
    PATH,
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


async def test_what_is_no_post_is_no_ping() -> None:
    app = Subscriber()
    started = []

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        started.append(scope["type"])

    await PingReceiver(secrets_of)(lifespan)({"type": "lifespan"}, sending(), _nowhere)
    got, asked = await app.http.get(PATH), await app.http.options(PATH)

    assert (got.status_code, got.headers["allow"]) == (405, "OPTIONS, POST")
    assert (asked.status_code, asked.headers["allow"]) == (204, "OPTIONS, POST")
    assert (app.handled, started) == ([], ["lifespan"])


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


async def _nowhere(message: Message) -> None:
    raise AssertionError(message)
