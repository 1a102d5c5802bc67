"""Subscribers that cost next to nothing: one process that listens on many ports, counts, and answers 204."""

import asyncio
import multiprocessing
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, cast

import uvloop

HOST = "127.0.0.1"
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
WAIT_SECONDS = 300
BACKLOG = 256

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_IN_BATCH = b'"path":'
_BATCH_PATH = b"/deltaPings HTTP/1.1\r\n"
_OBJECTS_PATH = b"/byID/"


@dataclass(frozen=True)
class Sample:
    """A request as it came in. request: all of it. headers: without those that every client makes itself."""

    request: bytes
    path: str
    headers: Mapping[str, str]
    body: bytes


class Receivers:
    """The process with the ports, told what to do over a pipe. Counted are objects: a batch has many of them.

    Moments are of `time.monotonic`, which all processes share.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.ports: Sequence[int] = connection.recv()

    def urls(self, count: int) -> list[str]:
        """As many different URLs, on as many ports as there are."""
        return [f"http://{HOST}:{self.ports[i % len(self.ports)]}/s{i}" for i in range(count)]

    def counts(self) -> list[int]:
        """What came in at each port so far."""
        counts: list[int] = self._ask("counts")
        return counts

    def hold(self, *ports: int) -> None:
        """Answer no more at the ports with these indices."""
        self._ask("hold", *ports)

    def release(self, *ports: int) -> float:
        """Answer all that was held, and again at once. Returns when."""
        began: float = self._ask("release", *ports)
        return began

    def wait_for(self, counts: Mapping[int, int], seconds: float = WAIT_SECONDS) -> float:
        """When each port had so much, counted from the start, by index. Raises TimeoutError."""
        self._connection.send(("expect", counts))
        if not self._connection.poll(seconds):
            raise TimeoutError(f"not everything came within {seconds} s; wanted were {counts}")
        last: float = self._connection.recv()
        return last

    def sample(self) -> Sample:
        """The latest request that had a body."""
        sample: Sample = self._ask("sample")
        return sample

    def _ask(self, question: str, *details: int) -> Any:
        self._connection.send((question, details))
        return self._connection.recv()


@contextmanager
def receiving(ports: int) -> Iterator[Receivers]:
    """Receivers on as many ports."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_receive, args=(ports, theirs), daemon=True)
    process.start()
    try:
        yield Receivers(ours)
    finally:
        process.kill()
        process.join()


@dataclass(eq=False)
class _Port:
    """counted: objects so far. wanted: how many are waited for. held: who gets no answer yet, None: all get one."""

    counted: int = 0
    wanted: int = 0
    held: list[asyncio.WriteTransport] | None = None


@dataclass
class _Process:
    control: Connection
    ports: list[_Port]
    lacking: int = 0
    """How many ports have less than is waited for."""
    last: float = 0.0
    sample: bytes = b""
    servers: list[asyncio.Server] = field(default_factory=list)

    def came(self, port: _Port, transport: asyncio.WriteTransport, request: bytes) -> None:
        self.last = time.monotonic()
        before, port.counted = port.counted, port.counted + _objects_in(request)
        if not request.endswith(b"\r\n\r\n"):
            self.sample = request
        if port.held is None:
            transport.write(ANSWER)
        else:
            port.held.append(transport)
        if before < port.wanted <= port.counted:
            self.lacking -= 1
            if not self.lacking:
                self.control.send(self.last)

    def asked(self) -> None:
        question, details = self.control.recv()
        match question:
            case "expect":
                self._expect(details)
            case "counts":
                self.control.send([port.counted for port in self.ports])
            case "sample":
                self.control.send(_sample_of(self.sample))
            case "hold":
                for index in details:
                    self.ports[index].held = []
                self.control.send(None)
            case "release":
                self.control.send(time.monotonic())
                for index in details:
                    self._release(self.ports[index])

    def _expect(self, counts: Mapping[int, int]) -> None:
        for index, wanted in counts.items():
            self.ports[index].wanted = wanted
        self.lacking = sum(port.counted < port.wanted for port in self.ports)
        if not self.lacking:
            self.control.send(self.last)

    def _release(self, port: _Port) -> None:
        held, port.held = port.held or [], None
        for transport in held:
            if not transport.is_closing():
                transport.write(ANSWER)


class _Subscriber(asyncio.Protocol):
    """One connection. Clients wait for each answer before they send the next request."""

    def __init__(self, process: _Process, port: _Port) -> None:
        self._process = process
        self._port = port
        self._received = b""
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if not self._size:
            self._size = _request_bytes(self._received)
        if self._size and len(self._received) >= self._size:
            request, self._received, self._size = self._received, b"", 0
            self._process.came(self._port, self._transport, request)


def _receive(ports: int, control: Connection) -> None:
    uvloop.run(_serve(ports, control))


async def _serve(ports: int, control: Connection) -> None:
    loop = asyncio.get_running_loop()
    process = _Process(control, [_Port() for _ in range(ports)])
    for port in process.ports:
        process.servers.append(await loop.create_server(partial(_Subscriber, process, port), HOST, 0, backlog=BACKLOG))
    loop.add_reader(control.fileno(), process.asked)
    control.send([server.sockets[0].getsockname()[1] for server in process.servers])
    await asyncio.Event().wait()


def _request_bytes(received: bytes) -> int:
    """How long the whole request is that *received* begins with, 0 while its head is not complete."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return 0
    length = _LENGTH.search(received, 0, end)
    return end + 4 + (int(length[1]) if length else 0)


def _objects_in(request: bytes) -> int:
    """How many objects the request is about."""
    line = request[: request.find(b"\n") + 1]
    is_batch = line.endswith(_BATCH_PATH) and _OBJECTS_PATH not in line
    return request.count(_IN_BATCH) if is_batch else 1


def _sample_of(request: bytes) -> Sample:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    others = {name: value for name, value in headers.items() if name.lower() not in ("host", "content-length")}
    return Sample(request, first.split()[1], others, body)
