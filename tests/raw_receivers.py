"""Receivers that do with a connection whatever a test wants done: answer by the byte, flood, stall or hang up."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread

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
        self._open: list[socket.socket] = []
        self._threads: list[Thread] = []
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/hook"

    @contextmanager
    def listening(self) -> Iterator["RawReceiver"]:
        """Take connections; at the end of the block all of them are closed."""
        accepting = Thread(target=self._accept)
        accepting.start()
        try:
            yield self
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            self._listener.close()
            for connection in list(self._open):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
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
                    self._open.append(connection)
                thread = Thread(target=self._serve, args=[connection])
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        served = connection
        with suppress(OSError):
            if self._tls is not None:
                served = self._tls.wrap_socket(connection, server_side=True)
                with self._changed:
                    self._open[self._open.index(connection)] = served
            while (request := _read_request(served)) is not None:
                with self._changed:
                    self.requests.append(request)
                    self._changed.notify_all()
                self._react(served)
        served.close()
        with self._changed:
            self._open = [each for each in self._open if each is not served and each is not connection]
            self._changed.notify_all()


def _read_request(connection: socket.socket) -> bytes | None:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (piece := connection.recv(65_536)):
            return None
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (piece := connection.recv(missing)):
        received += piece
        missing -= len(piece)
    return received


def answering(reply: bytes) -> React:
    """Answer with these bytes, then wait for the next request."""
    return lambda connection: connection.sendall(reply)


def hanging_up(reply: bytes = b"") -> React:
    """Answer with these bytes, then close."""

    def react(connection: socket.socket) -> None:
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_RDWR)

    return react


def flooding(start: bytes, forever: bytes) -> React:
    """Send *start*, then *forever* again and again, as fast as it is taken."""

    def react(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(MAX_FLOOD_BYTES // len(forever)):
            connection.sendall(forever)
        raise AssertionError("a flood was read to its end")

    return react


def dripping(start: bytes, drop: bytes) -> React:
    """Send *start*, then *drop* again and again, slowly."""

    def react(connection: socket.socket) -> None:
        connection.sendall(start)
        connection.settimeout(PACE_SECONDS)
        while True:
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                connection.sendall(drop)

    return react


MAX_FLOOD_BYTES = 200_000_000
