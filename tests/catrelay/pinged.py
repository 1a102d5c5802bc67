"""An app behind a receiver of pings, and what is sent to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catrelay import PingReceiver, sign
from catrelay.signing import new_secret

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
BODY = b'{"id": 1001, "name": "IT"}'
SECRET = new_secret()
SECRETS = {"acme": [SECRET], "beta": [new_secret()]}
TOLERANCE = timedelta(minutes=1)
PATH = "/t/acme/categories/deltaPings"


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
