"""What is sent, what is made of answers, and what is told of failures."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from catrelay.sending import MAX_ERROR_CHARACTERS, Answer, PingSender
from catrelay.targets import Targets
from tests.raw_receivers import RawReceiver, React, answering, hanging_up
from tests.sending import post, post_all

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def answer_to(react: React) -> Answer:
    with RawReceiver(react).listening() as receiver:
        return post(receiver.url)


def test_a_ping_is_its_body_its_headers_and_little_else() -> None:
    with RawReceiver(answering(NO_CONTENT)).listening() as receiver:
        post(receiver.url, b'{"id": 1}', {"webhook-id": "msg_1"})

    head, _, body = receiver.requests[0].decode().partition("\r\n\r\n")
    line, *headers = head.split("\r\n")
    assert (line, body) == ("POST /hook HTTP/1.1", '{"id": 1}')
    assert sorted(headers) == [
        "accept: */*",
        "content-length: 9",
        "content-type: application/json",
        f"host: 127.0.0.1:{receiver.port}",
        "user-agent: catrelay",
        "webhook-id: msg_1",
    ]


def test_a_ping_without_a_body_says_so() -> None:
    with RawReceiver(answering(NO_CONTENT)).listening() as receiver:
        post(receiver.url, b"")

    assert b"\r\ncontent-length: 0\r\n" in receiver.requests[0]
    assert b"content-type" not in receiver.requests[0]


@pytest.mark.parametrize("reply", [NO_CONTENT, OK, b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"])
def test_pings_follow_each_other_on_one_connection(reply: bytes) -> None:
    with RawReceiver(answering(reply)).listening() as receiver:
        post_all(*[receiver.url] * 5)

    assert (len(receiver.requests), receiver.connections) == (5, 1)


def test_a_connection_that_the_receiver_closes_after_its_answer_is_not_used_again() -> None:
    with RawReceiver(hanging_up(b"HTTP/1.1 204 X\r\nconnection: close\r\n\r\n")).listening() as receiver:
        assert post_all(*[receiver.url] * 3) == [Answer(204)] * 3

    assert receiver.connections == 3


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    assert answer_to(answering(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status)) == Answer(status)


@pytest.mark.parametrize("status", [101, 304, 400, 410, 429, 503, 999])
def test_anything_else_is_told_by_its_status(status: int) -> None:
    answer = answer_to(answering(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % status))

    assert answer == Answer(status, f"answered {status}")


@pytest.mark.parametrize("text", [b"", b"-1", b"1.5", b"9999999999", b"soon", b"\xff\xfe", b"Sun, 99 Foo"])
def test_a_retry_after_that_says_nothing_is_ignored(text: bytes) -> None:
    answer = answer_to(answering(b"HTTP/1.1 503 X\r\nretry-after: " + text + b"\r\ncontent-length: 0\r\n\r\n"))

    assert answer == Answer(503, "answered 503")


def test_retry_after_is_seconds_or_a_date() -> None:
    past = format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True).encode()
    future = format_datetime(datetime.now(UTC) + timedelta(days=2), usegmt=True).encode()

    def retry_after(text: bytes) -> timedelta | None:
        return answer_to(
            answering(b"HTTP/1.1 429 X\r\nretry-after: " + text + b"\r\ncontent-length: 0\r\n\r\n")
        ).retry_after

    assert retry_after(b"120") == timedelta(minutes=2)
    assert retry_after(past) == timedelta()
    assert timedelta(days=1) < (retry_after(future) or timedelta()) <= timedelta(days=2)


def test_a_refused_connection_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert post(f"http://127.0.0.1:{port}") == Answer(None, "connection refused")


@pytest.mark.parametrize(
    ("react", "error"),
    [
        (hanging_up(), "connection closed before message completed"),
        (hanging_up(b"HTTP/1.1 200"), "connection closed before message completed"),
        (answering(b"220 mail.example ESMTP\r\n\r\n"), "no HTTP answer: invalid HTTP version parsed"),
        (answering(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), "no HTTP answer: invalid content-length parsed"),
        (answering(b"HTTP/1.1 200 OK\r\nx: \x00\r\n\r\n"), "no HTTP answer: invalid HTTP header parsed"),
    ],
    ids=["hang-up", "half-a-line", "smtp", "length", "header"],
)
def test_what_is_no_answer_is_told_without_details_of_the_client(react: React, error: str) -> None:
    assert answer_to(react) == Answer(None, error)


@pytest.mark.parametrize("url", ["", "x", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://[::1", "data:,"])
def test_what_is_no_url_of_a_receiver_is_not_sent_to(url: str) -> None:
    answer = post(url)

    assert answer.status is None
    assert (answer.error or "").startswith("nothing can be sent to this URL")


def test_errors_are_short_printable_and_without_the_url() -> None:
    answer = post("http://" + "a" * 5_000 + ".invalid/token-of-mine")

    assert len(answer.error or "") == MAX_ERROR_CHARACTERS
    assert "token-of-mine" not in (answer.error or "")


def test_whoever_is_cancelled_goes_on_at_once_and_the_request_ends_by_its_timeout() -> None:
    receiver = RawReceiver(lambda connection: None)

    async def run() -> bool:
        async with PingSender(Targets("127.0.0.0/8"), timeout=timedelta(seconds=0.5)) as sender:
            posting = asyncio.create_task(sender.post(receiver.url, b"", {}))
            await asyncio.to_thread(receiver.wait_for_request)
            posting.cancel()
            await asyncio.wait([posting])
            await asyncio.to_thread(receiver.wait_until_hung_up)
        return posting.cancelled()

    with receiver.listening():
        assert asyncio.run(run())
