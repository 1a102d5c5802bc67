"""Subscribers on real sockets: they note what they are sent, and answer as a test wishes."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Thread

import uvicorn
from starlette.types import Receive, Scope, Send

WAIT_SECONDS = 30
"""Long enough for any machine: a test that waits so long has failed."""


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What a request is answered with."""

    status: int = 204
    headers: Mapping[str, str] | None = None
    body: bytes = b""


class Receiver:
    """A subscriber that answers 204 to all, or whatever *reply* says of the requests so far, the present one last."""

    def __init__(self) -> None:
        self.reply: Callable[[list[Received]], Reply] = lambda _: Reply()
        self.received: list[Received] = []
        self._changed = Condition()
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens, or did last."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def paths(self) -> list[str]:
        """The paths of all requests so far, in their order."""
        return [request.path for request in self.received]

    def reserve(self) -> None:
        """Choose a port without listening on it."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]

    def wait_for(self, *paths: str) -> None:
        """Wait until each of *paths* was asked for."""
        with self._changed:
            assert self._changed.wait_for(lambda: set(paths) <= set(self.paths), WAIT_SECONDS), self.paths

    def wait_for_count(self, count: int) -> None:
        """Wait until there were so many requests."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, WAIT_SECONDS), self.paths

    @contextmanager
    def listening(self) -> Iterator["Receiver"]:
        """Listen, on the same port as before if there was one."""
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(self._app, interface="asgi3", lifespan="off", log_config=None, ws="none")
        )
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join()
            listener.close()

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): text.decode() for name, text in scope["headers"]}
        with self._changed:
            self.received.append(Received(scope["path"], headers, body))
            reply = self.reply(self.received)
            self._changed.notify_all()
        sent = [(name.encode(), text.encode()) for name, text in (reply.headers or {}).items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": sent})
        await send({"type": "http.response.body", "body": reply.body})
