import gzip
import zlib

import pytest

from catrelay.problems import TYPE_PREFIX
from tests.catrelay.asgi.conftest import MAX_BODY_BYTES, Ask

ECHOES = "/t/acme/echoes"
LONG = '{"name": "' + "Auckland " * 200 + '"}'


def problem_of(ask: Ask, method: str, path: str, **options: object) -> tuple[int, str]:
    answer = ask(method, path, **options)
    return answer.status_code, answer.json()["type"].removeprefix(TYPE_PREFIX)


def test_options_names_the_methods_and_needs_no_token(ask: Ask) -> None:
    for path in (ECHOES, "/t/nobody/echoes"):
        answer = ask("OPTIONS", path, headers={"authorization": ""})

        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_head_does_not_start_a_stream(ask: Ask) -> None:
    answer = ask("HEAD", "/stream")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/*", "application/json", "text/html, application/json;q=0.1"]
)
def test_json_is_answered_where_it_is_accepted(ask: Ask, accept: str) -> None:
    assert ask("GET", ECHOES, headers={"accept": accept}).status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "*/*, application/*;q=0.0", "nonsense"])
def test_an_accept_without_json_is_refused_before_anything_is_done(ask: Ask, accept: str) -> None:
    assert problem_of(ask, "GET", ECHOES, headers={"accept": accept}) == (406, "not-acceptable")
    assert problem_of(ask, "POST", ECHOES, content="{", headers={"accept": accept}) == (406, "not-acceptable")


def test_a_problem_is_reported_whatever_is_accepted(ask: Ask) -> None:
    assert problem_of(ask, "GET", "/nothing", headers={"accept": "text/html"}) == (404, "not-found")
    assert problem_of(ask, "PUT", ECHOES, headers={"accept": "text/html"}) == (405, "method-not-allowed")


def test_what_is_no_json_has_its_own_media_type(ask: Ask) -> None:
    assert ask("GET", "/stream", headers={"accept": "text/event-stream"}).status_code == 200
    assert ask("GET", "/metrics", headers={"accept": "text/plain"}).status_code == 200
    assert ask("GET", "/stream", headers={"accept": "application/json"}).status_code == 406


def test_a_long_answer_is_gzipped_for_who_takes_it(ask: Ask) -> None:
    plain = ask("POST", ECHOES, content=LONG, headers={"accept-encoding": "identity"})
    answer = ask("POST", ECHOES, content=LONG, headers={"accept-encoding": "br, gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json() == plain.json()
    assert int(answer.headers["content-length"]) < len(plain.content) == int(plain.headers["content-length"])
    assert "content-encoding" not in plain.headers
    assert plain.headers["vary"] == answer.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize(
    "header", ["", "identity", "br", "gzip;q=0", "gzip;q=0.5, identity", "*;q=0", "identity, *;q=0.1"]
)
def test_a_long_answer_is_sent_as_it_is_to_who_does_not_take_gzip(ask: Ask, header: str) -> None:
    answer = ask("POST", ECHOES, content=LONG, headers={"accept-encoding": header})

    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", [ECHOES, "/stream", "/page"])
def test_short_answers_streams_and_pages_are_never_gzipped(ask: Ask, path: str) -> None:
    assert "content-encoding" not in ask("GET", path, headers={"accept-encoding": "gzip"}).headers


def test_what_has_no_tag_is_gzipped_without_one(ask: Ask) -> None:
    ask("GET", ECHOES)

    answer = ask("GET", "/metrics", headers={"accept-encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert "etag" not in answer.headers
    assert "catrelay_http_requests_total" in answer.text


def test_a_gzipped_representation_has_a_tag_of_its_own_that_is_known_too(ask: Ask) -> None:
    def get(method: str = "GET", **headers: str) -> tuple[int, str]:
        answer = ask(method, "/openapi.json", headers={name.replace("_", "-"): text for name, text in headers.items()})
        return answer.status_code, answer.headers["etag"]

    _, plain = get(accept_encoding="identity")
    _, gzipped = get(accept_encoding="gzip")

    assert gzipped == plain[:-1] + '-gzip"'
    assert get("HEAD", accept_encoding="gzip") == (200, gzipped)
    for known in (plain, gzipped):
        assert get(accept_encoding="identity", if_none_match=known) == (304, plain)
        assert get(accept_encoding="gzip", if_none_match=known) == (304, gzipped)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
def test_a_gzipped_body_is_read(ask: Ask, coding: str) -> None:
    answer = ask("POST", ECHOES, content=gzip.compress(LONG.encode()), headers={"content-encoding": coding})

    assert answer.status_code == 201
    assert answer.json()["name"].startswith("Auckland")


def test_a_body_of_exactly_the_bound_is_unpacked(ask: Ask) -> None:
    body = gzip.compress(b'{"name": "x"}'.ljust(MAX_BODY_BYTES))

    assert ask("POST", ECHOES, content=body, headers={"content-encoding": "gzip"}).status_code == 201


@pytest.mark.parametrize("size", [MAX_BODY_BYTES + 1, 50_000_000])
def test_a_body_that_unpacks_to_more_than_the_bound_is_refused(ask: Ask, size: int) -> None:
    coder = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = coder.compress(b" " * size) + coder.flush()
    assert size > 1_000_000 or len(body) < MAX_BODY_BYTES

    answer = problem_of(ask, "POST", ECHOES, content=body, headers={"content-encoding": "gzip"})

    assert answer == (413, "payload-too-large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        gzip.compress(b"{}")[:-1],
        gzip.compress(b"{}")[:5],
        gzip.compress(b"{}") + gzip.compress(b""),
        gzip.compress(b"{}") + b"{}",
        zlib.compress(b"{}"),
    ],
    ids=["nothing", "plain", "without its end", "half a header", "two members", "something behind", "deflate"],
)
def test_a_body_that_is_not_the_gzip_it_says_is_refused(ask: Ask, body: bytes) -> None:
    answer = problem_of(ask, "POST", ECHOES, content=body, headers={"content-encoding": "gzip"})

    assert answer == (400, "invalid-request")


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "gzip, identity", ""])
def test_a_body_in_another_coding_is_refused_by_its_name(ask: Ask, coding: str) -> None:
    answer = ask("POST", ECHOES, content=b"{}", headers={"content-encoding": coding})

    assert answer.status_code == 415
    assert coding in answer.json()["detail"]
    assert answer.headers["accept-encoding"] == "gzip"
