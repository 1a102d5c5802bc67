"""What a client meets on a real connection: the server's part of good manners."""

import gzip
import socket
from collections.abc import Callable, Iterator

import pytest
from starlette.applications import Starlette

from tests.catman.stage import serving

Talk = Callable[..., bytes]
HEAD = b"Host: service\r\nConnection: close\r\n"
KIB = 1_024


@pytest.fixture
def talk(app: Starlette) -> Iterator[Talk]:
    """Send bytes over a connection of its own, and read until the service closes it."""
    with serving(app) as url:
        port = int(url.rpartition(":")[2])

        def send(*parts: bytes) -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.sendall(b"".join(parts))
                return b"".join(iter(lambda: connection.recv(65_536), b""))

        yield send


def test_head_says_how_long_the_answer_would_be_and_sends_none_of_it(talk: Talk) -> None:
    head, _, body = talk(b"HEAD /healthz HTTP/1.1\r\n", HEAD, b"\r\n").partition(b"\r\n\r\n")
    _, _, got = talk(b"GET /healthz HTTP/1.1\r\n", HEAD, b"\r\n").partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: %d\r\n" % len(got) in head
    assert body == b""


def test_what_is_not_modified_has_no_body(talk: Talk) -> None:
    answer = talk(b"GET /healthz HTTP/1.1\r\n", HEAD, b"If-None-Match: *\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 304 ")
    assert answer.endswith(b"\r\n\r\n")


def test_methods_that_no_resource_has_are_refused_with_those_it_has(talk: Talk) -> None:
    for method in (b"TRACE", b"PROPFIND", b"QUERY"):
        answer = talk(method, b" /healthz HTTP/1.1\r\n", HEAD, b"\r\n")

        assert answer.startswith(b"HTTP/1.1 405 ")
        assert b"allow: GET, HEAD, OPTIONS\r\n" in answer
        assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "request_line",
    [b"NONSENSE / HTTP/1.1\r\n", b"CONNECT x:80 HTTP/1.1\r\n", b"GET /\xff HTTP/1.1\r\n", b"\x00\r\n"],
)
def test_what_is_no_http_is_refused_by_the_server(talk: Talk, request_line: bytes) -> None:
    assert talk(request_line, HEAD, b"\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: x\r\n",
        b"Content-Length: -1\r\n",
    ],
)
def test_a_body_of_unclear_length_is_refused_by_the_server(talk: Talk, framing: bytes) -> None:
    assert talk(b"POST /t/acme/echoes HTTP/1.1\r\n", HEAD, framing, b"\r\n{}").startswith(b"HTTP/1.1 400 ")


def test_addresses_are_bounded_by_the_server(talk: Talk) -> None:
    assert talk(b"GET /", b"a" * 60 * KIB, b" HTTP/1.1\r\n", HEAD, b"\r\n").startswith(b"HTTP/1.1 404 ")
    assert talk(b"GET /", b"a" * 66 * KIB, b" HTTP/1.1\r\n", HEAD, b"\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_bomb_in_chunks_is_refused(talk: Talk, token: str) -> None:
    bomb = gzip.compress(b" " * 5_000_000)
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(bomb), bomb)
    headers = b"Authorization: Bearer %b\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n" % token.encode()

    answer = talk(b"POST /t/acme/echoes HTTP/1.1\r\n", HEAD, headers, b"\r\n", chunk)

    assert len(bomb) < 10_000
    assert answer.startswith(b"HTTP/1.1 413 ")
