"""What validates answers in other tests notices what is wrong with them."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from catrelay.problems import NotFound, UnknownParent
from tests.answers import AnswerValidator, ValidatingTransport

VALUE = {"id": 1001, "name": "Takapuna", "available": True}
NOT_FOUND = NotFound("There is no category 17").document("/t/acme/categories/byID/17")


@pytest.mark.parametrize(
    ("method", "path", "status", "document", "complaint"),
    [
        ("GET", "/t/acme/categories/byID/17/values/byID/1001", 200, {"id": 1001}, "no CategoryValue"),
        ("GET", "/t/acme/categories/byID/17/values/byID/1001", 200, VALUE | {"color": "red"}, "no CategoryValue"),
        ("GET", "/t/acme/categories/byID/17/values/byID/1001", 200, VALUE | {"code": None}, r"null at \$\.code"),
        ("GET", "/t/acme/categories/byID/17/values/byID/1001", 200, None, "no CategoryValue"),
        ("GET", "/t/acme/categories/byID/17/values", 200, [VALUE | {"values": [{"id": 7}]}], "no CategoryValues"),
        ("POST", "/t/acme/orgs/values", 204, VALUE, "answered 204, not 200 or 201"),
        ("DELETE", "/t/acme/categories/byID/17", 204, VALUE, "with a body"),
        ("GET", "/t/acme/nothing/documented", 200, {"x": [{"y": None}]}, r"null at \$\.x\[0\]\.y"),
        ("GET", "/t/acme/categories/byID/17", 404, {}, "not a type of ours"),
        ("GET", "/t/acme/categories/byID/17", 404, NOT_FOUND | {"type": "about:blank"}, "not a type of ours"),
        ("GET", "/t/acme/categories/byID/17", 404, NOT_FOUND | {"type": "urn:catrelay:problem:x"}, "no known"),
        ("GET", "/t/acme/categories/byID/17", 410, NOT_FOUND, "not-found is 404, not 410"),
        ("GET", "/t/acme/categories/byID/17", 404, NOT_FOUND | {"title": "Gone"}, "the title of not-found"),
        ("GET", "/t/acme/categories/byID/17", 404, NOT_FOUND | {"detail": " "}, "empty detail"),
        ("GET", "/t/acme/categories/byID/17", 404, NOT_FOUND | {"errors": [{"path": "/x"}]}, "pointer and a detail"),
        (
            "POST",
            "/t/acme/categories/byID/17/values/batch",
            200,
            {"results": [{"status": 400, "problem": UnknownParent("x").document() | {"status": 404}}]},
            "unknown-parent is 400",
        ),
    ],
)
def test_a_wrong_answer_is_noticed(method: str, path: str, status: int, document: object, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        AnswerValidator().check(method, path, status, document)


def test_right_answers_pass() -> None:
    validator = AnswerValidator()

    validator.check("GET", "/t/acme/categories/byID/17/values/byID/1001", 200, VALUE)
    validator.check("GET", "/categories/byID/{category}/values", 200, [VALUE | {"values": [VALUE]}])
    validator.check("GET", "/t/acme/orgs/values/remapped", 200, {"results": []})
    validator.check("DELETE", "/t/acme/categories/byID/17", 204, None)
    validator.check("GET", "/t/acme/categories/byID/17", 404, NOT_FOUND)
    validator.check("GET", "/t/acme/nothing/documented", 200, {"x": 1})


@pytest.mark.parametrize(
    ("path", "answer", "complaint"),
    [
        ("/t/acme/categories", JSONResponse([]), "without Journal-Seq"),
        ("/t/acme/categories", JSONResponse([], headers={"journal-seq": "many"}), "without Journal-Seq"),
        ("/t/acme", JSONResponse(NOT_FOUND, 404), "an error as application/json"),
        ("/t/acme", Response("Gone", 404), "an error as nothing"),
        ("/t/acme", JSONResponse({}, 405, media_type="application/problem+json"), "without Allow"),
        ("/t/acme", JSONResponse({}, 401, media_type="application/problem+json"), "without WWW-Authenticate"),
    ],
)
def test_wrong_headers_are_noticed_on_the_way(path: str, answer: Response, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        get(path, answer)


def test_a_right_answer_arrives_as_it_was() -> None:
    response = get("/t/acme/categories", JSONResponse([], headers={"journal-seq": "0"}))

    assert (response.status_code, response.json(), response.headers["journal-seq"]) == (200, [], "0")


def get(path: str, answer: Response) -> httpx.Response:
    def respond(_: Request) -> Response:
        return answer

    async def send() -> httpx.Response:
        app = Starlette(routes=[Route("/{path:path}", respond)])
        transport = ValidatingTransport(httpx.ASGITransport(app))
        async with httpx.AsyncClient(base_url="http://test", transport=transport) as client:
            return await client.get(path)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        ("/categories/byID/17/values/byID/1001/deltaPings", b'{"id": 1001}', "no CategoryValue"),
        ("/jobs/open/byID/5/deltaPings", b'{"operation": "remap"}', "no DeltaPing"),
        ("/jobs/open/byID/5/deltaPings", b'{"operation": null}', "has a null"),
        ("/categories/deltaPings", b"{}", "has a body"),
        ("/categories", b"", "no ping"),
    ],
)
def test_a_wrong_ping_is_noticed(path: str, body: bytes, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        AnswerValidator().check_ping(path, body)


def test_right_pings_pass() -> None:
    validator = AnswerValidator()

    validator.check_ping("/jobs/open/externally/byID/5/deltaPings", b'{"operation": "delete"}')
    validator.check_ping("/categories/byID/17/deltaPings", b"")
