"""Many clients at once, in a process of their own."""

import multiprocessing
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from scripts.benchmarks.line import Target, answer_bytes, status_of

Outcome = TypeVar("Outcome")

NUMBER = "0000000000"
"""Stands in a body for the number of the request; as many digits as are written there."""

_CHUNK_BYTES = 65_536


@dataclass(frozen=True)
class Load:
    """*clients* keep-alive connections that POST *body* to *path*, each as fast as it is answered, for *seconds*."""

    target: Target
    path: str
    body: str
    clients: int
    seconds: float


@dataclass
class Done:
    """rate: answers a second."""

    answers: int = 0
    failed: int = 0
    rate: float = 0.0
    failures: list[str] = field(default_factory=list)


def elsewhere(act: Callable[..., Outcome], *arguments: object) -> Outcome:
    """What *act* returns when it runs in another process: the server is not slowed by the client's interpreter."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(act, *arguments).result()


def put_load(load: Load, first: int = 0) -> Done:
    """Run *load*. first: where the numbers of the requests start."""
    done = Done()
    template = load.target.request("POST", load.path, load.body.encode())
    zeros, digits = NUMBER.encode(), len(NUMBER)
    selector = selectors.DefaultSelector()
    received = {}
    number = first

    def send(connection: socket.socket) -> None:
        nonlocal number
        number += 1
        connection.sendall(template.replace(zeros, b"%0*d" % (digits, number)))

    for _ in range(load.clients):
        connection = socket.create_connection(load.target.address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        received[connection.fileno()] = bytearray()
        send(connection)

    under_way = load.clients
    began = time.perf_counter()
    end = began + load.seconds
    while under_way:
        for key, _ in selector.select():
            assert isinstance(key.fileobj, socket.socket)
            so_far = received[key.fd]
            chunk = key.fileobj.recv(_CHUNK_BYTES)
            so_far += chunk
            size = answer_bytes(so_far)
            if chunk and (size is None or len(so_far) < size):
                continue
            _count(done, so_far)
            so_far.clear()
            if chunk and time.perf_counter() < end:
                send(key.fileobj)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                under_way -= 1
    done.rate = (done.answers - done.failed) / (time.perf_counter() - began)
    return done


def _count(done: Done, answer: bytearray) -> None:
    done.answers += 1
    if not answer or not 200 <= status_of(answer) < 300:
        done.failed += 1
        if len(done.failures) < 3:
            done.failures.append(bytes(answer[-500:]).decode(errors="replace"))
