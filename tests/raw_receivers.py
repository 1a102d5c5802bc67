"""Receivers that do with a connection whatever a test wants done: answer by the byte, flood, stall or hang up."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread
from typing import BinaryIO

from tests.receivers import WAIT_SECONDS

React = Callable[[socket.socket], None]
PACE_SECONDS = 0.02


class RawReceiver:
    """Reads requests, and after each does *react* with its connection. tls: what it shows of itself, if anything."""

    def __init__(self, react: React, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None):
        self.requests: list[bytes] = []
        self.connections = 0
        self._react = react
        self._tls = tls
        self._changed = Condition()
        self._open = 0
        self._threads: list[Thread] = []
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/hook"

    @contextmanager
    def listening(self) -> Iterator["RawReceiver"]:
        """Take connections. The block ends when whoever sends has closed all of them."""
        accepting = Thread(target=self._accept)
        accepting.start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            self._listener.close()
            for thread in self._threads:
                thread.join()

    def wait_for_request(self) -> None:
        """Wait until there was one."""
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self.requests), WAIT_SECONDS)

    def wait_until_hung_up(self) -> None:
        """Wait until no connection is left open."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.connections and not self._open, WAIT_SECONDS)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with self._changed:
                    self.connections += 1
                    self._open += 1
                thread = Thread(target=self._serve, args=[connection])
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            tls = self._tls
            served = connection if tls is None else tls.wrap_socket(connection, server_side=True)
            with served, served.makefile("rb") as stream:
                while (request := _read_request(stream)) is not None:
                    with self._changed:
                        self.requests.append(request)
                        self._changed.notify_all()
                    self._react(served)
        with self._changed:
            self._open -= 1
            self._changed.notify_all()


def _read_request(stream: BinaryIO) -> bytes | None:
    """None when no further one comes."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (line := stream.readline()):
            return None
        head += line
    length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head)
    assert length is not None, head
    return head + stream.read(int(length[1]))


def answering(reply: bytes) -> React:
    """Answer with these bytes, then wait for the next request."""
    return lambda connection: connection.sendall(reply)


def hanging_up(reply: bytes = b"") -> React:
    """Answer with these bytes, then close."""

    def react(connection: socket.socket) -> None:
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_RDWR)

    return react


class Flood:
    """Sends *start*, then *forever* again and again, as fast as it is taken. sent: how many bytes were."""

    def __init__(self, start: bytes, forever: bytes) -> None:
        self.sent = 0
        self._start = start
        self._forever = forever

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(self._start)
        while True:
            connection.sendall(self._forever)
            self.sent += len(self._forever)


def dripping(start: bytes, drop: bytes) -> React:
    """Send *start*, then *drop* again and again, slowly."""

    def react(connection: socket.socket) -> None:
        connection.sendall(start)
        connection.settimeout(PACE_SECONDS)
        while True:
            with suppress(TimeoutError):
                connection.recv(1)
            connection.sendall(drop)

    return react
