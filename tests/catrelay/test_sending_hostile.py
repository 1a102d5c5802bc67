"""Receivers that mean no good cost a bounded time, and bounded memory: a flood is not read to its end."""

import asyncio
import socket
from datetime import timedelta

import pytest

from catrelay.sending import Answer, PingSender
from catrelay.targets import Targets
from tests.raw_receivers import Flood, RawReceiver, React, dripping
from tests.sending import THIS_MACHINE, post

OK = b"HTTP/1.1 200 OK\r\n"
TEN_TERABYTES = b"content-length: 10000000000000\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
SECONDS = 0.3
MAX_FLOOD_BYTES = 50_000_000
"""Most of it in the system's buffers."""
NO_ANSWER = Answer(None, "no answer within 0.3 s")


def post_to(react: React, body: bytes = b"{}", *, seconds: float = 30) -> Answer:
    """The answer, after the receiver has seen that its connection was closed."""
    receiver = RawReceiver(react)
    with receiver.listening():
        answer = post(receiver.url, body, seconds=seconds)
        receiver.wait_until_hung_up()
    if isinstance(react, Flood):
        assert react.sent < MAX_FLOOD_BYTES
    return answer


@pytest.mark.parametrize(
    "react",
    [
        Flood(OK + b"\r\n", b"x" * 65_536),
        Flood(OK + TEN_TERABYTES + b"\r\n", b"x" * 65_536),
        Flood(OK + CHUNKED + b"\r\n", b"1\r\nx\r\n" * 10_000),
        Flood(OK + CHUNKED + b"\r\n1;", b"x" * 65_536),
        Flood(OK + CHUNKED + b"\r\n0\r\n", b"x: y\r\n" * 10_000),
        dripping(OK + b"\r\n", b"x"),
        dripping(OK + TEN_TERABYTES + b"\r\n", b"x"),
    ],
    ids=["endless", "10 TB", "chunks", "chunk extension", "trailers", "drip", "drip of 10 TB"],
)
def test_a_body_without_end_is_not_waited_for(react: React) -> None:
    assert post_to(react) == Answer(200)


@pytest.mark.parametrize(
    "react",
    [Flood(OK, b"x: y\r\n" * 10_000), Flood(OK + b"x: ", b"y" * 65_536), Flood(b"", b"H" * 65_536)],
    ids=["headers", "one header", "no line"],
)
def test_headers_without_end_are_no_answer(react: React) -> None:
    assert (post_to(react).error or "").startswith("no HTTP answer: ")


@pytest.mark.parametrize(
    "react",
    [
        lambda _: None,
        dripping(b"", b"H"),
        dripping(OK, b"x: y\r\n"),
        dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["silence", "one letter", "headers", "hints"],
)
def test_an_answer_that_does_not_come_in_time_is_given_up(react: React) -> None:
    assert post_to(react, seconds=SECONDS).status is None


def test_a_flood_of_hints_ends_by_the_timeout() -> None:
    receiver = RawReceiver(Flood(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000))
    with receiver.listening():
        assert post(receiver.url, seconds=SECONDS) == NO_ANSWER
        receiver.wait_until_hung_up()


def test_a_receiver_that_does_not_read_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"

        assert post(url, b"x" * 50_000_000, seconds=SECONDS) == NO_ANSWER


def test_a_receiver_that_takes_no_connection_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address):
            assert post(f"http://127.0.0.1:{address[1]}", seconds=SECONDS) == NO_ANSWER


def test_a_connection_has_less_time_than_an_answer() -> None:
    async def run(url: str) -> Answer:
        sender = PingSender(
            Targets(THIS_MACHINE), timeout=timedelta(seconds=30), connect_timeout=timedelta(seconds=0.1)
        )
        async with sender:
            return await sender.post(url, b"", {})

    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = asyncio.run(run(f"https://127.0.0.1:{silent.getsockname()[1]}"))

    assert answer == Answer(None, "no connection in time")
