"""A keep-alive HTTP/1.1 connection on a bare socket: a client library would cost more than what is measured."""

import json
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_CHUNK_BYTES = 1_048_576
TIMEOUT_SECONDS = 600
IDLE_SECONDS = 2
"""After that long the server may be about to close the connection."""

WITHOUT_BODY = (204, 304)
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Answer:
    """seconds: from the first byte sent until the last one received."""

    status: int
    head: bytes
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """The value of a header that the answer has."""
        found = re.search(rb"^" + name.encode() + rb": *(.*?)\r?$", self.head, re.IGNORECASE | re.MULTILINE)
        assert found is not None, f"no header {name}: {self.head!r}"
        return found[1].decode()


@dataclass(frozen=True)
class Target:
    """Where requests go to. prefix: what all paths begin with; authorization: the header's value, if any."""

    url: str
    prefix: str = ""
    authorization: str = ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        if_none_match: str = "",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> bytes:
        """All bytes of a request. headers: more of them."""
        lines = [f"{method} {self.prefix}{path} HTTP/1.1", f"host: {urlsplit(self.url).netloc}"]
        if self.authorization:
            lines.append(f"authorization: {self.authorization}")
        if if_none_match:
            lines.append(f"if-none-match: {if_none_match}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            lines += ["content-type: application/json", f"content-length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


class Line:
    """One connection, one request at a time."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        self._last_used = time.monotonic()
        connection = socket.create_connection(self._target.address, timeout=TIMEOUT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def get(self, path: str, *, if_none_match: str = "") -> Answer:
        """The answer to GET."""
        return self.send(self._target.request("GET", path, if_none_match=if_none_match))

    def post(self, path: str, body: object) -> Answer:
        """The answer to POST of *body* as JSON."""
        return self.send(self._target.request("POST", path, json.dumps(body).encode()))

    def send(self, request: bytes) -> Answer:
        """The answer to a whole request."""
        if time.monotonic() - self._last_used > IDLE_SECONDS:
            self._socket.close()
            self._socket = self._connect()
        began = time.perf_counter()
        self._socket.sendall(request)
        received = bytearray()
        while (size := answer_bytes(received)) is None or len(received) < size:
            chunk = self._socket.recv(_CHUNK_BYTES)
            if not chunk:
                raise ConnectionError(f"the server hung up after {bytes(received[:200])!r}")
            received += chunk
        seconds = time.perf_counter() - began
        self._last_used = time.monotonic()
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        return Answer(status_of(received), head, body, seconds)


def answer_bytes(received: bytearray) -> int | None:
    """How long the whole answer is that *received* begins with, None while its head is not complete."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = _LENGTH.search(received, 0, end)
    has_body = length is not None and status_of(received) not in WITHOUT_BODY
    return end + 4 + (int(length[1]) if length and has_body else 0)


def status_of(received: bytes | bytearray) -> int:
    """The status of the answer that *received* begins with."""
    return int(received[9:12])
