"""The receiving side of pings: only what is signed comes in, and what was handled is not handled again.

    app = PingReceiver(secrets)(app)

Source: docs/contract/, "deltaPings".
"""

import inspect
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catrelay.asgi.body import read_body
from catrelay.asgi.problems import problem_response
from catrelay.problems import BadRequest, Conflict, MethodNotAllowed, Problem, Unauthorized
from catrelay.signing import TOLERANCE, SignatureInvalid, SignedMessage, new_secret, verify

Secrets = Callable[[Request], Sequence[str]] | Callable[[Request], Awaitable[Sequence[str]]]
NOT_SIGNED = "The ping is not signed with a secret of this app, or not lately"
MAX_BODY_BYTES = 1_048_576
MAX_IDS = 100_000
"""Remembered for each secret: some 20 MB, for 300 pings a second within five minutes."""
RETRY_AFTER_SECONDS = 1
ALLOW = {"allow": "OPTIONS, POST"}
_OF_THE_BODY = {b"content-encoding", b"content-length", b"transfer-encoding"}


def _now() -> datetime:
    return datetime.now(UTC)


class PingReceiver:
    """Makes an ASGI app one that is called for signed messages only, and once for each that it answers 2xx.

    secrets: gives the live secrets of whoever the request should come from, none when nobody is known: that is answered
    like a wrong signature. It may be async; else it runs in the threadpool. tolerance: how old a message may be, or how
    far ahead. max_body_bytes: None: what the service allows that the app is a part of. max_ids: remembered per secret.

    A message is known by its `webhook-id`, for as long as its signature holds, in this process. A repeat of one that
    was answered 2xx is answered 204: the first answer was lost, or somebody recorded the message. A repeat of one that
    failed runs again. One that is still being handled is answered 409, which the sender repeats: to let it wait would
    hold a connection and a body for each time that it is repeated. What is no POST is no ping, and stays outside.

    One receiver serves all paths that have secrets in common: signatures do not cover the path.
    """

    def __init__(
        self,
        secrets: Secrets,
        *,
        tolerance: timedelta = TOLERANCE,
        max_body_bytes: int | None = MAX_BODY_BYTES,
        max_ids: int = MAX_IDS,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._secrets = secrets
        self._tolerance = tolerance
        self._max_body_bytes = max_body_bytes
        self._now = now
        self._nobodys = new_secret()
        self._handled = _Handled(max_ids)
        self._under_way: set[tuple[str, bytes]] = set()

    def __call__(self, app: ASGIApp) -> ASGIApp:
        """*app*, for signed messages."""

        async def received(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
            elif scope["method"] == "POST":
                await self._receive(app, scope, receive, send)
            else:
                await _without_app(Request(scope))(scope, receive, send)

        return received

    async def _receive(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await read_body(request, media_types=None, max_bytes=self._max_body_bytes)
            secrets = await self._live_secrets(request)
            message = self._verified(request, body, secrets)
        except Problem as refusal:
            await problem_response(request, refusal)(scope, receive, send)
        except ClientDisconnect:
            await problem_response(request, BadRequest("The body ends early"))(scope, receive, send)
        else:
            # No await from here until it is said to be under way: whatever comes meanwhile has to find it.
            digest = sha256(message.id.encode()).digest()  # however long an id is, it takes no more room than others
            if any((secret, digest) in self._under_way for secret in secrets):
                again = {"retry-after": str(RETRY_AFTER_SECONDS)}
                busy = Conflict("The message is being handled: send it again")
                await problem_response(request, busy, again)(scope, receive, send)
            elif any(self._handled.knows(secret, digest) for secret in secrets):
                self._remember(message, digest)  # its signature may be a newer one
                await Response(status_code=204)(scope, receive, send)
            else:
                await self._handle(message, digest, app, _with_body(scope, body), _reading(body, receive), send)

    async def _live_secrets(self, request: Request) -> Sequence[str]:
        """Never none: it takes the same time to find that a signature is wrong."""
        if inspect.iscoroutinefunction(self._secrets):
            found = await self._secrets(request)
        else:
            found = await run_in_threadpool(self._secrets, request)
        return cast(Sequence[str], found) or (self._nobodys,)

    def _verified(self, request: Request, body: bytes, secrets: Sequence[str]) -> SignedMessage:
        try:
            return verify(body, request.headers, signing_secrets=secrets, at=self._now(), tolerance=self._tolerance)
        except SignatureInvalid as error:
            raise Unauthorized(NOT_SIGNED) from error

    async def _handle(
        self, message: SignedMessage, digest: bytes, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        answer = _Answer(send)
        key = message.secret, digest
        self._under_way.add(key)
        try:
            await app(scope, receive, answer.send)
        finally:
            self._under_way.discard(key)
        if 200 <= answer.status < 300:
            self._remember(message, digest)

    def _remember(self, message: SignedMessage, digest: bytes) -> None:
        self._handled.add(message.secret, digest, until=message.at + self._tolerance, now=self._now())


def _without_app(request: Request) -> Response:
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=ALLOW)
    return problem_response(request, MethodNotAllowed("Pings are sent by POST"), ALLOW)


class _Handled:
    """What was handled, by secret: what one sender sends pushes out nothing of another's."""

    def __init__(self, max_ids: int) -> None:
        self._max_ids = max_ids
        # Both with what was added last at the end.
        self._by_secret: OrderedDict[str, OrderedDict[bytes, datetime]] = OrderedDict()

    def knows(self, secret: str, digest: bytes) -> bool:
        return digest in self._by_secret.get(secret, ())

    def add(self, secret: str, digest: bytes, *, until: datetime, now: datetime) -> None:
        ids = self._by_secret.setdefault(secret, OrderedDict())
        self._by_secret.move_to_end(secret)
        ids[digest] = max(until, ids.get(digest, until))
        ids.move_to_end(digest)
        if len(ids) > self._max_ids:
            ids.popitem(last=False)
        _forget(ids, now)
        self._forget_silent(now)

    def _forget_silent(self, now: datetime) -> None:
        """Drop those of who sends no more."""
        while True:
            secret, ids = next(iter(self._by_secret.items()))
            _forget(ids, now)
            if ids:
                return
            del self._by_secret[secret]


def _forget(ids: OrderedDict[bytes, datetime], now: datetime) -> None:
    """Drop what no signature confirms any more. That of a fast clock may keep others a while longer."""
    while ids and next(iter(ids.values())) < now:
        ids.popitem(last=False)


class _Answer:
    """Passes an answer on, and notes its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        with suppress(OSError):  # whoever asked has gone: what is done is done, and the answer waits for the repeat
            await self._send(message)


def _with_body(scope: Scope, body: bytes) -> Scope:
    """*scope* as one whose body is *body*, unpacked and whole."""
    headers = [each for each in scope["headers"] if each[0] not in _OF_THE_BODY]
    return {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}


def _reading(body: bytes, receive: Receive) -> Receive:
    """Gives *body*, then whatever comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return left.pop() if left else await receive()

    return read
