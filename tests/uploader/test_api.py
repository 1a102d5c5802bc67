"""The uploader's resources: who may ask, what is refused, what is answered."""

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import orjson
import pytest

from tests.running import Running, running
from tests.uploader.ats_standin import CATEGORY, Faulty, StandIn, body
from tests.uploader.conftest import TENANT, Suite, city

UPLOADS = f"/categories/byID/{CATEGORY}/values/uploads"
PATIENCE_REQUESTS = 100_000


@pytest.fixture
def ats() -> StandIn:
    return StandIn(city())


@pytest.fixture
def uploader(suite: Suite, ats: StandIn) -> Iterator[Running]:
    """A started uploader, whose worker works on its own."""
    with running(suite.app(ats.transport(), max_body_bytes=20_000), tenant=TENANT, token=suite.token) as started:
        yield started


@pytest.fixture
def idle(suite: Suite, ats: StandIn) -> Iterator[Running]:
    """A started uploader, whose ATS never answers."""
    away = Faulty(ats.transport(), 0, httpx.ConnectError("refused"), acted=False, dies=True)
    with running(suite.app(away), tenant=TENANT, token=suite.token) as started:
        yield started


def ended(uploader: Running, path: str) -> dict[str, object]:
    for _ in range(PATIENCE_REQUESTS):
        status: dict[str, object] = uploader.get(path)
        if status["status"] in ("Complete", "Error"):
            return status
    raise AssertionError(f"{path} does not end")


def test_an_upload_is_accepted_at_once_and_worked_off_afterwards(uploader: Running, ats: StandIn) -> None:
    answer = uploader.call("POST", UPLOADS, body({"id": 1, "values": [{"id": 2}, {"id": 3}, {"name": "New"}]}))

    assert answer.status_code == 201
    assert answer.headers["location"] == f"/t/{TENANT}{UPLOADS}/byID/1"
    assert answer.json()["status"] == "Queued"
    status = ended(uploader, f"{UPLOADS}/byID/1")
    assert status["status"] == "Complete"
    assert len(ats.rules.values) == 5


def test_uploads_of_a_collection_follow_each_other(uploader: Running) -> None:
    for number in (1, 2, 3):
        uploader.post(UPLOADS, body({"id": 1, "values": [{"id": 2}, {"id": 3}]}))
        assert ended(uploader, f"{UPLOADS}/byID/{number}")["status"] == "Complete"


def test_a_second_upload_is_refused_while_the_first_is_incomplete(idle: Running) -> None:
    idle.post(UPLOADS, body())

    assert idle.refused("POST", UPLOADS, body()) == (409, "upload-incomplete")
    assert idle.call("POST", "/categories/byID/18/values/uploads", body()).status_code == 201
    assert idle.call("POST", "/orgs/values/uploads", body()).status_code == 201
    assert idle.refused("POST", "/orgs/values/uploads", body()) == (409, "upload-incomplete")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "malformed-json"),
        (b"\xff\xfe", "malformed-json"),
        (b"[" * 100_000, "malformed-json"),
        (b"[]", "invalid-request"),
        (b"{}", "invalid-request"),
        (b'{"testFlag": "no", "categoryValues": []}', "invalid-request"),
        (b'{"testFlag": false, "categoryValues": [{"colour": 1}]}', "invalid-request"),
        (b'{"testFlag": false, "categoryValues": [{"id": "1"}]}', "invalid-request"),
        (b'{"testFlag": false, "categoryValues": [{"name": null}]}', "invalid-request"),
        (b'{"testFlag": false, "categoryValues": [{"name": "\\u0000"}]}', "invalid-request"),
        (b'{"testFlag": false, "categoryValues": [{"id": 1}, {"id": 1}]}', "upload-mapping-ambiguous"),
    ],
)
def test_a_body_that_is_no_upload_is_refused(idle: Running, content: bytes, problem: str) -> None:
    assert idle.refused("POST", UPLOADS, content=content) == (400, problem)
    assert idle.refused("GET", f"{UPLOADS}/byID/1") == (404, "not-found")


def test_a_field_that_is_wrong_is_pointed_at(idle: Running) -> None:
    answer = idle.call("POST", UPLOADS, body({"name": "A", "values": [{"name": "B", "colour": "red"}]}))

    assert answer.json()["errors"][0]["pointer"] == "/categoryValues/0/values/0/colour"


def test_a_tree_that_is_too_deep_is_refused(idle: Running) -> None:
    tree: dict[str, object] = {"name": "leaf"}
    for _ in range(50):
        tree = {"name": "A", "values": [tree]}

    assert idle.refused("POST", UPLOADS, body(tree)) == (400, "limit-exceeded")


def test_json_of_absurd_depth_is_refused(idle: Running) -> None:
    deep = b'{"testFlag":false,"categoryValues":' + b'[{"values":' * 5_000 + b"[]" + b"}]" * 5_000 + b"}"

    assert idle.call("POST", UPLOADS, content=deep).status_code == 400


def test_a_body_that_is_too_large_is_refused(uploader: Running) -> None:
    assert uploader.refused("POST", UPLOADS, body({"name": "A" * 20_000})) == (413, "payload-too-large")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{UPLOADS}?confirm=yes", 400),
        ("POST", f"{UPLOADS}?sure=1", 400),
        ("GET", f"{UPLOADS}/byID/1?after=1", 400),
        ("GET", f"{UPLOADS}/byID/1/plan?after=-1", 400),
        ("GET", f"{UPLOADS}/byID/1/plan?limit=5", 400),
        ("GET", f"{UPLOADS}/byID/none", 404),
        ("GET", f"{UPLOADS}/byID/99999999999999999999", 404),
        ("GET", f"{UPLOADS}/byID/1/plan", 404),
        ("POST", "/categories/byID/0/values/uploads", 404),
        ("GET", UPLOADS, 405),
        ("DELETE", f"{UPLOADS}/byID/1", 405),
    ],
)
def test_requests_that_cannot_be_are_refused(idle: Running, method: str, path: str, status: int) -> None:
    sent = body() if method == "POST" else None

    assert idle.refused(method, path, sent)[0] == status


def test_an_upload_is_found_under_its_own_collection_only(uploader: Running) -> None:
    uploader.post(UPLOADS, body({"id": 1, "values": [{"id": 2}, {"id": 3}]}))

    assert uploader.refused("GET", "/orgs/values/uploads/byID/1") == (404, "not-found")
    assert uploader.refused("GET", "/categories/byID/18/values/uploads/byID/1/plan") == (404, "not-found")


def test_nobody_sees_or_makes_uploads_of_a_tenant_without_its_token(suite: Suite, uploader: Running) -> None:
    uploader.post(UPLOADS, body({"id": 1, "values": [{"id": 2}, {"id": 3}]}))
    other = suite.new_token("beta", "admin")
    reader = suite.new_token(TENANT, "read")

    assert uploader.with_token("").refused("POST", UPLOADS, body()) == (401, "unauthorized")
    assert uploader.with_token("wrong").refused("GET", f"{UPLOADS}/byID/1") == (401, "unauthorized")
    assert uploader.with_token(other).refused("GET", f"{UPLOADS}/byID/1") == (403, "forbidden")
    assert uploader.with_token(other).refused("POST", UPLOADS, body()) == (403, "forbidden")
    assert uploader.with_token(other, tenant="beta").refused("GET", f"{UPLOADS}/byID/1") == (404, "not-found")
    assert uploader.with_token(reader).refused("POST", UPLOADS, body()) == (403, "forbidden")
    assert uploader.with_token(reader).call("GET", f"{UPLOADS}/byID/1").status_code == 200


def test_a_tenant_whose_ats_is_not_known_cannot_upload(suite: Suite, uploader: Running) -> None:
    beta = uploader.with_token(suite.new_token("beta", "admin"), tenant="beta")

    answer = beta.call("POST", UPLOADS, body())

    assert answer.status_code == 503
    assert "catrelay uploader connect --tenant beta" in answer.json()["detail"]


def test_a_long_plan_is_read_page_by_page(suite: Suite, ats: StandIn) -> None:
    with running(suite.app(ats.transport()), tenant=TENANT, token=suite.token) as uploader:
        nodes = [{"name": f"N{number}"} for number in range(2_500)]
        uploader.post(UPLOADS, body({"id": 1, "values": [{"id": 2}, {"id": 3}, *nodes]}, test=True))
        ended(uploader, f"{UPLOADS}/byID/1")

        pages = [uploader.get(f"{UPLOADS}/byID/1/plan")]
        while "next" in pages[-1]:
            pages.append(uploader.get(pages[-1]["next"].removeprefix(f"/t/{TENANT}")))

    assert [len(page["items"]) for page in pages] == [1_000, 1_000, 500]
    assert [item["name"] for page in pages for item in page["items"]] == [node["name"] for node in nodes]
    assert pages[0]["summary"] == pages[2]["summary"]


def test_a_tenant_whose_name_is_no_ascii_is_told_where_its_upload_is(suite: Suite, ats: StandIn) -> None:
    tenant = "客户"
    token = suite.new_token(tenant, "admin")
    suite.connect(tenant)
    with running(suite.app(ats.transport()), tenant=quote(tenant), token=token) as uploader:
        nodes = [{"name": f"N{number}"} for number in range(1_001)]
        upload = body({"id": 1, "values": [{"id": 2}, {"id": 3}, *nodes]}, test=True)
        location = uploader.call("POST", UPLOADS, upload).headers["location"].removeprefix(f"/t/{quote(tenant)}")
        ended(uploader, location)

        following = uploader.get(f"{location}/plan")["next"].removeprefix(f"/t/{quote(tenant)}")

        assert len(uploader.get(following)["items"]) == 1


def test_discovery_says_what_the_uploader_can(idle: Running) -> None:
    answer = orjson.loads(idle.call("GET", "").content)

    assert answer["service"] == "uploader"
    assert answer["capabilities"] == ["uploads.plan", "uploads.guard"]
