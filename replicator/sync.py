"""`SyncReplicator`: the replicator for Django, Flask and scripts, its event loop in a thread of its own."""

import inspect
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self

import anyio
import httpx
from anyio.from_thread import BlockingPortal

from catrelay.models import ReplicaStatus
from replicator.app import Replicator
from replicator.store import ReplicaStore

Arguments = ParamSpec("Arguments")
_OF_THE_BODY = {"content-length", "transfer-encoding"}


@dataclass(frozen=True)
class Answer:
    """What is to be answered to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _with_arguments_of(
    model: Callable[Concatenate[Replicator, Arguments], None],
) -> Callable[[Callable[..., None]], "Callable[Concatenate[SyncReplicator, Arguments], None]"]:
    return lambda init: init


class SyncReplicator:
    """A `Replicator`, made with the same arguments, whose methods return when they are done. Threads may share it.

    It opens itself when it is first used: a thread and connections, which no fork survives. So a module may make it
    before a server forks (gunicorn's `preload_app`), and each worker opens its own; use after a fork of what was used
    before raises RuntimeError. `close` it, or enter it: a process that leads and ends without that is succeeded later.
    """

    @_with_arguments_of(Replicator.__init__)
    def __init__(self, **arguments: Any) -> None:
        inspect.signature(Replicator).bind(**arguments)  # a wrong argument is told here, not at first use
        self._arguments = arguments
        self._lock = threading.RLock()
        self._open: _Open | None = None

    def __enter__(self) -> Self:
        self._opened()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def catch_up(self) -> None:
        """See `Replicator.catch_up`."""
        opened = self._opened()
        opened.portal.call(opened.replicator.catch_up)

    def look_up(self, category: int, value: int) -> None:
        """See `Replicator.look_up`."""
        opened = self._opened()
        opened.portal.call(opened.replicator.look_up, category, value)

    def status(self) -> ReplicaStatus:
        """How the replica stands."""
        return self._opened().replicator.status()

    @property
    def store(self) -> ReplicaStore:
        """Where the replica is."""
        return self._opened().replicator.store

    def handle(
        self, method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """What `Replicator.app` answers: pings in; what the app holds on a value, replica and status out.

        path: from `/t/` on, decoded. query: as it was sent. body: whole, whatever the headers say of its length.
        """
        opened = self._opened()
        given = {name: text for name, text in (headers or {}).items() if name.lower() not in _OF_THE_BODY}
        url = httpx.URL("http://localhost", path=path, query=query.encode())
        return opened.portal.call(_ask, opened.app, httpx.Request(method, url, headers=given, content=body))

    def start(self) -> None:
        """Follow the ATS from now on, in the background. Any number of processes may: one leads."""
        with self._lock:
            opened = self._opened()
            if opened.following is None:
                opened.following = ExitStack()
                opened.following.enter_context(opened.portal.wrap_async_context_manager(_following(opened.replicator)))

    def stop(self) -> None:
        """Follow no more. What is under way is given up, and is done anew by whoever leads next."""
        with self._lock:
            if self._open is not None and self._open.following is not None:
                self._open.following.close()
                self._open.following = None

    def run(self) -> None:
        """Follow the ATS until SIGINT or SIGTERM; in the main thread, as a management command does it."""
        asked: SimpleQueue[None] = SimpleQueue()  # a signal's handler may interrupt its methods
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, lambda *_: asked.put(None)) for number in numbers}
        try:
            self.start()
            asked.get()
        finally:
            self.close()
            for number, handler in before.items():
                signal.signal(number, handler)

    def close(self) -> None:
        """Stop, and close what was opened here. Later use opens it anew."""
        with self._lock:
            if self._open is not None and self._open.process == os.getpid():
                self.stop()
                self._open.stack.close()
            self._open = None

    def _opened(self) -> "_Open":
        with self._lock:
            if self._open is None:
                self._open = _open(self._arguments)
            if self._open.process != os.getpid():
                raise RuntimeError("the replicator was used before this process was forked: use it afterwards only")
            return self._open


@dataclass
class _Open:
    """What one process has of it. stack: closes it all."""

    process: int
    portal: BlockingPortal
    replicator: Replicator
    app: httpx.ASGITransport
    stack: ExitStack
    following: ExitStack | None = None


def _open(arguments: Mapping[str, Any]) -> _Open:
    with ExitStack() as stack:
        portal = _portal()
        stack.callback(lambda: portal.call(portal.stop))
        replicator = Replicator(**arguments)
        stack.callback(portal.call, replicator.close)
        if not isinstance(arguments["store"], ReplicaStore):
            replicator.store.migrate()
        return _Open(os.getpid(), portal, replicator, httpx.ASGITransport(replicator.app), stack.pop_all())


def _portal() -> BlockingPortal:
    """Of a new event loop in a new thread, which does not keep the process from ending.

    anyio's start_blocking_portal would: without being closed it waits for its thread when all is destroyed.
    """
    made: SimpleQueue[BlockingPortal] = SimpleQueue()

    async def serve() -> None:
        async with BlockingPortal() as portal:
            made.put(portal)
            await portal.sleep_until_stopped()

    threading.Thread(target=anyio.run, args=[serve], name="replicator", daemon=True).start()
    return made.get()


async def _ask(app: httpx.ASGITransport, request: httpx.Request) -> Answer:
    response = await app.handle_async_request(request)
    # As it is: what is packed stays so.
    body = b"".join([piece async for piece in response.stream])  # type: ignore[union-attr] # of this transport's
    return Answer(response.status_code, dict(response.headers), body)


@asynccontextmanager
async def _following(replicator: Replicator) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(replicator.run)
        yield
        group.cancel_scope.cancel()
