import pytest

from catrelay.asgi import etag_of
from tests.catrelay.asgi.conftest import Ask

ECHOES = "/t/acme/echoes"


def test_a_json_answer_carries_the_etag_of_its_body(ask: Ask) -> None:
    got, made = ask("GET", ECHOES), ask("POST", ECHOES, content='{"name": "x"}')

    assert got.headers["etag"] == etag_of(got.content)
    assert made.headers["etag"] == etag_of(made.content)
    assert got.headers["etag"] != made.headers["etag"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
def test_what_the_sender_has_is_not_sent_again(ask: Ask, method: str, form: str) -> None:
    etag = ask("GET", ECHOES).headers["etag"]

    answer = ask(method, ECHOES, headers={"if-none-match": form.format(etag)})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == etag
    assert "content-type" not in answer.headers


def test_tags_may_come_in_several_lines(ask: Ask) -> None:
    etag = ask("GET", ECHOES).headers["etag"]

    answer = ask("GET", ECHOES, headers=[("if-none-match", '"x"'), ("if-none-match", etag)])

    assert answer.status_code == 304


def test_another_state_is_sent(ask: Ask) -> None:
    etag = ask("GET", ECHOES).headers["etag"]

    assert ask("GET", f"{ECHOES}?gtID=1", headers={"if-none-match": etag}).status_code == 200


def test_a_write_is_not_answered_304(ask: Ask) -> None:
    assert ask("POST", ECHOES, content="{}", headers={"if-none-match": "*"}).status_code == 201


def test_an_error_stays_one_and_has_no_etag(ask: Ask) -> None:
    answer = ask("GET", f"{ECHOES}/byID/0", headers={"if-none-match": "*"})

    assert answer.status_code == 404
    assert "etag" not in answer.headers


@pytest.mark.parametrize("header", ["x", "", '"a'])
def test_an_if_none_match_that_is_none_is_refused(ask: Ask, header: str) -> None:
    assert ask("GET", ECHOES, headers={"if-none-match": header}).status_code == 400


@pytest.mark.parametrize("known", ['"always"', '"always-gzip"'])
def test_an_endpoint_that_answers_304_itself_names_what_the_sender_has(ask: Ask, known: str) -> None:
    answer = ask("GET", "/unchanging", headers={"if-none-match": known})

    assert (answer.status_code, answer.headers["etag"]) == (304, known)
    assert answer.headers["vary"] == "accept-encoding"
