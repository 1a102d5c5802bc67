import re
from collections.abc import AsyncIterator

import pytest

from catrelay.models import MAX_ID
from catrelay.problems import TYPE_PREFIX
from tests.catrelay.asgi.conftest import MAX_BODY_BYTES, MAX_LIMIT, Ask

ECHOES = "/t/acme/echoes"


def post(ask: Ask, body: str | bytes) -> tuple[int, str, list[dict[str, str]]]:
    """Status, problem type and errors of the answer to *body*."""
    answer = ask("POST", ECHOES, content=body)
    document = answer.json()
    return answer.status_code, document.get("type", "").removeprefix(TYPE_PREFIX), document.get("errors", [])


def test_a_body_arrives_as_a_model(ask: Ask) -> None:
    answer = ask("POST", ECHOES, content='{"name": "東京 🗼", "externalId": "x"}')

    assert answer.status_code == 201
    assert answer.json() == {"name": "東京 🗼", "externalId": "x"}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "nonsense",
        "{'name': 'x'}",
        '{"name": "x"} {}',
        '{"name": "\\ud800"}',
        '{"\\ud800": 1}',
        b'{"name": "\xff"}',
        b'\xff\xfe{\x00"\x00}\x00',
        "[" * 5_000,
        '{"values":[' * 900,
        '{"id": ' + "9" * 5_000 + "}",
    ],
    ids=[
        "nothing",
        "half an object",
        "no JSON",
        "single quotes",
        "two documents",
        "a lone surrogate",
        "a lone surrogate as a member's name",
        "no UTF-8",
        "UTF-16",
        "deep",
        "deep in a model",
        "an integer of 5000 digits",
    ],
)
def test_a_body_that_is_not_json_is_refused(ask: Ask, body: str | bytes) -> None:
    status, kind, _ = post(ask, body)

    assert (status, kind) in [(400, "malformed-json"), (400, "invalid-request")]


def test_a_body_that_is_empty_is_called_empty(ask: Ask) -> None:
    for nothing in (b"", b" \n"):
        assert ask("POST", ECHOES, content=nothing).json()["detail"] == "The body is empty"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json; charset=latin-1", 415),
        ('application/json;charset="UTF-16"', 415),
        ("application/json; charset=UTF-8", 201),
        ('application/json; x=y; charset="utf8"', 201),
    ],
)
def test_a_body_in_another_charset_than_utf_8_is_refused(ask: Ask, content_type: str, status: int) -> None:
    answer = ask("POST", ECHOES, content='{"name": "x"}', headers={"content-type": content_type})

    assert answer.status_code == status
    if status == 415:
        assert re.search("charset is (latin-1|utf-16): send utf-8", answer.json()["detail"])


@pytest.mark.parametrize("body", ["null", "[]", '"text"', "7", "true"])
def test_a_body_that_is_no_object_is_refused_at_its_root(ask: Ask, body: str) -> None:
    status, kind, errors = post(ask, body)

    assert (status, kind) == (400, "invalid-request")
    assert [error["pointer"] for error in errors] == [""]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('{"color": "red"}', "/color"),
        ('{"external_id": "x"}', "/external_id"),
        ('{"a/b~c": 1}', "/a~1b~0c"),
        ('{"東京": 1}', "/東京"),
        ('{"name": 7}', "/name"),
        ('{"name": ["x"]}', "/name"),
        ('{"name": "a\\u0000b"}', "/name"),
        ('{"externalId": ""}', "/externalId"),
        ('{"externalId": "' + "x" * 501 + '"}', "/externalId"),
        ('{"available": "true"}', "/available"),
        ('{"available": 1}', "/available"),
        ('{"id": "7"}', "/id"),
        ('{"id": 0}', "/id"),
        ('{"id": -1}', "/id"),
        ('{"id": 7.5}', "/id"),
        ('{"id": true}', "/id"),
        (f'{{"id": {MAX_ID + 1}}}', "/id"),
        ('{"sequence": "first"}', "/sequence"),
        (f'{{"sequence": {2**53 + 1}}}', "/sequence"),
        ('{"location": {"lat": 1, "country": "XX"}}', "/location/country"),
        ('{"values": [{"name": "x"}, {"name": 7}]}', "/values/1/name"),
    ],
)
def test_a_member_that_is_wrong_is_named_by_its_pointer(ask: Ask, body: str, pointer: str) -> None:
    status, kind, errors = post(ask, body)

    assert (status, kind) == (400, "invalid-request")
    assert [error["pointer"] for error in errors] == [pointer]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_is_not_finite_is_refused(ask: Ask, number: str) -> None:
    status, _, _ = post(ask, f'{{"sequence": {number}}}')

    assert status == 400


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"color": "red"}', "is not a member that this resource takes"),
        ('{"name": 7}', "should be a valid string"),
        (
            '{"location": {"lng": 1, "country": "XX"}}',
            "is not a country code (ISO 3166-1 alpha-2) that the contract knows",
        ),
    ],
)
def test_what_is_wrong_is_told_in_words_that_follow_the_pointer(ask: Ask, body: str, detail: str) -> None:
    _, _, errors = post(ask, body)

    assert [error["detail"] for error in errors] == [detail]


def test_every_wrong_member_is_named(ask: Ask) -> None:
    _, _, errors = post(ask, '{"name": 7, "color": "red", "id": 0}')

    assert sorted(error["pointer"] for error in errors) == ["/color", "/id", "/name"]


def test_a_body_of_exactly_the_bound_is_read(ask: Ask) -> None:
    body = '{"name": "x"}'

    assert ask("POST", ECHOES, content=body.ljust(MAX_BODY_BYTES)).status_code == 201


def test_a_body_above_the_bound_is_refused(ask: Ask) -> None:
    assert ask("POST", ECHOES, content=b" " * (MAX_BODY_BYTES + 1)).status_code == 413


def test_a_body_above_the_bound_is_refused_when_it_comes_in_pieces_of_unknown_number(ask: Ask) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES):
            yield b"  "

    answer = ask("POST", ECHOES, content=pieces())

    assert "content-length" not in answer.request.headers
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"],
)
def test_json_is_taken_by_any_of_its_names(ask: Ask, media_type: str) -> None:
    assert ask("POST", ECHOES, content="{}", headers={"content-type": media_type}).status_code == 201


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_media_type_is_refused(ask: Ask, media_type: str) -> None:
    assert ask("POST", ECHOES, content="{}", headers={"content-type": media_type}).status_code == 415


def test_a_query_arrives_as_a_model(ask: Ask) -> None:
    assert ask("GET", f"{ECHOES}?gtID=7&includeAll=true").json() == {"gtID": 7, "includeAll": True, "limit": 10}
    assert ask("GET", ECHOES).json() == {"gtID": 0, "includeAll": False, "limit": 10}


def test_more_than_a_query_may_ask_for_is_refused_and_not_cut_short(ask: Ask) -> None:
    answer = ask("GET", f"{ECHOES}?limit={MAX_LIMIT + 1}")

    assert ask("GET", f"{ECHOES}?limit={MAX_LIMIT}").json()["limit"] == MAX_LIMIT
    assert (answer.status_code, answer.json()["type"]) == (400, f"{TYPE_PREFIX}limit-exceeded")
    assert answer.json()["errors"] == [{"pointer": "limit", "detail": "is too large"}]


def test_who_takes_no_query_is_not_sent_one(ask: Ask) -> None:
    assert ask("GET", "/healthz?limit=1").status_code == 400


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("color=red", "color"),
        ("gt_id=7", "gt_id"),
        ("gtID=seven", "gtID"),
        ("gtID=-1", "gtID"),
        ("gtID=", "gtID"),
        ("gtID=1&gtID=1", "gtID"),
        ("includeAll=perhaps", "includeAll"),
    ],
)
def test_a_query_parameter_that_is_wrong_is_named(ask: Ask, query: str, parameter: str) -> None:
    answer = ask("GET", f"{ECHOES}?{query}")

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [parameter]
    assert answer.json()["detail"].startswith(f"The query is wrong at {parameter}: ")


@pytest.mark.parametrize("text", ["0", "-1", "1.0", "x", "%EF%BC%91", f"{MAX_ID + 1}", "9" * 5_000, "%00", "%20"])
def test_what_cannot_be_an_id_is_not_found(ask: Ask, text: str) -> None:
    assert ask("GET", f"{ECHOES}/byID/{text}").status_code == 404


@pytest.mark.parametrize("value", [1, MAX_ID])
def test_an_id_arrives_as_a_number(ask: Ask, value: int) -> None:
    assert ask("GET", f"{ECHOES}/byID/{value}").json() == value
