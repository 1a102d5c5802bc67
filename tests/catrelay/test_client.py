"""Each method calls the documented endpoint; answers become models and problems become exceptions."""

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import orjson
import pytest
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from catrelay import AtsClient, ServiceClient, UploaderClient, values_path
from catrelay.models import (
    CategoriesActual,
    CategoryActual,
    CategoryValuesUpload,
    CategoryValueUpload,
    CategoryValueWrite,
    CategoryWrite,
    SubscriptionCreate,
    SubscriptionUpdate,
)
from catrelay.problems import Conflict, Forbidden, JournalCompacted, NotFound, Problem, ServiceUnreachable

Client = TypeVar("Client", bound=ServiceClient)
Result = TypeVar("Result")

AT = "2026-11-22T09:00:00Z"
RULES = {"mandatory": False, "canMultiSelect": True, "leafSelectionOnly": False}
CATEGORY = {"id": 17, "name": "Expertise", "jobRules": RULES, "candidateRules": RULES}
VALUE = {"id": 1001, "name": "Takapuna", "available": True}
JOB = {"id": 5, "dateLastUpdated": AT}
SUBSCRIPTION = {
    "id": 3,
    "app": "careersite",
    "url": "http://careers",
    "topics": ["categories"],
    "batch": False,
    "state": "active",
    "cursor": 0,
    "lag": 0,
    "created": AT,
}
STATUS = {"id": 7, "started": AT, "status": "Queued", "results": []}
PLAN = {
    "uploadID": 7,
    "summary": {},
    "touched": {},
    "guard": {"tripped": False, "inactivate": 0, "present": 0, "shareLimit": 0.2, "countLimit": 500},
    "suggestions": [],
    "items": [],
}


@dataclass
class Neighbour:
    """Answers every request with the next of *answers* and keeps what it was asked."""

    answers: list[Response]
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        body = await request.body()
        target = scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
        self.asked.append((request.method, target, orjson.loads(body) if body else None))
        self.headers.append(dict(request.headers))
        await self.answers.pop(0)(scope, receive, send)


def answer(document: object, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(orjson.dumps(document), status, named, "application/json")


def call(
    kind: type[Client], use: Callable[[Client], Awaitable[Result]], *answers: Response, tenant: str = "acme"
) -> tuple[Result, Neighbour]:
    """What *use* makes of *answers*, and what it asked for them."""
    neighbour = Neighbour(list(answers))

    async def run() -> Result:
        transport = httpx.ASGITransport(neighbour)
        async with kind("http://ats/", tenant, "secret", transport=transport) as client:
            return await use(client)

    return asyncio.run(run()), neighbour


def asked(kind: type[Client], use: Callable[[Client], Awaitable[object]], *answers: Response) -> tuple[str, str, Any]:
    """The one request that *use* sends: method, path below /t/acme, body."""
    _, neighbour = call(kind, use, *answers)
    ((method, target, body),) = neighbour.asked
    return method, target.removeprefix("/t/acme"), body


@contextmanager
def resetting() -> Iterator[str]:
    """The URL of a server that resets each connection at once."""

    def serve() -> None:
        with suppress(OSError):  # it was shut down
            while True:
                connection, _ = server.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_every_request_carries_the_token_and_names_the_tenant() -> None:
    _, neighbour = call(AtsClient, lambda ats: ats.categories(), answer([]), tenant="東京/1")

    assert neighbour.asked == [("GET", "/t/%E6%9D%B1%E4%BA%AC%2F1/categories", None)]
    assert neighbour.headers[0]["authorization"] == "Bearer secret"


def test_a_tree_says_as_of_which_journal_entry_it_holds() -> None:
    with_seq, _ = call(AtsClient, lambda ats: ats.tree(17), answer([VALUE], journal_seq="57"))
    without, _ = call(AtsClient, lambda ats: ats.tree(17), answer([VALUE]))

    assert (with_seq.journal_seq, without.journal_seq) == (57, None)
    assert [value.name for value in with_seq.answer] == ["Takapuna"]


def test_values_are_under_their_category_or_under_orgs() -> None:
    assert values_path(17) == "/categories/byID/17/values"
    assert values_path(None) == "/orgs/values"


def test_reading_categories_and_values() -> None:
    values = "/categories/byID/17/values"

    assert asked(AtsClient, lambda ats: ats.category(17), answer(CATEGORY)) == ("GET", "/categories/byID/17", None)
    assert asked(AtsClient, lambda ats: ats.tree(None), answer([])) == ("GET", "/orgs/values", None)
    assert asked(AtsClient, lambda ats: ats.tree(17, branches=(1001, 1002)), answer([])) == (
        "GET",
        f"{values}?branches=1001%2C1002",
        None,
    )
    assert asked(AtsClient, lambda ats: ats.tree(17, branches=()), answer([])) == ("GET", f"{values}?branches=", None)
    assert asked(AtsClient, lambda ats: ats.value(17, 1001), answer(VALUE)) == ("GET", f"{values}/byID/1001", None)
    assert asked(AtsClient, lambda ats: ats.unavailable(17, after=5), answer({"results": []})) == (
        "GET",
        f"{values}/unavailable?gtID=5&limit=1000",
        None,
    )


@pytest.mark.parametrize(("external_id", "part"), [(".", "%2E"), ("..", "%2E%2E"), ("...", "...")])
def test_an_external_id_of_dots_leads_nowhere_else(external_id: str, part: str) -> None:
    assert asked(AtsClient, lambda ats: ats.value_by_external_id(17, external_id), answer(VALUE)) == (
        "GET",
        f"/categories/byID/17/values/byExternalId/{part}",
        None,
    )


def test_an_external_id_of_any_characters_is_one_part_of_the_path() -> None:
    assert asked(AtsClient, lambda ats: ats.value_by_external_id(17, "a/b c?ü"), answer(VALUE)) == (
        "GET",
        "/categories/byID/17/values/byExternalId/a%2Fb%20c%3F%C3%BC",
        None,
    )


def test_writing_sends_what_was_given_and_nothing_else() -> None:
    value = CategoryValueWrite(id=1001, available=False, remapped_to=1003, parent=None)

    assert asked(AtsClient, lambda ats: ats.write_value(17, value), answer(VALUE)) == (
        "POST",
        "/categories/byID/17/values",
        {"id": 1001, "available": False, "remappedTo": 1003, "parent": None},
    )
    assert asked(AtsClient, lambda ats: ats.write_values(17, [value], atomic=True), answer({"results": []})) == (
        "POST",
        "/categories/byID/17/values/batch",
        {"atomic": True, "values": [value.to_patch()]},
    )
    assert asked(AtsClient, lambda ats: ats.create_category(CategoryWrite(name="Tag")), answer(CATEGORY, 201)) == (
        "POST",
        "/categories",
        {"name": "Tag"},
    )


def test_reading_the_journal() -> None:
    page = answer({"results": []}), answer({"results": [], "lastSeq": 57, "firstSeq": 1, "epoch": "0b8e"})

    assert asked(AtsClient, lambda ats: ats.journal(17, after=22), page[0]) == (
        "GET",
        "/categories/byID/17/values/remapped?seqGt=22",
        None,
    )
    assert asked(AtsClient, lambda ats: ats.tenant_journal(after=22, limit=5), page[1]) == (
        "GET",
        "/categories/remapped?seqGt=22&limit=5",
        None,
    )


def test_the_versions_of_all_categories_are_read_at_once() -> None:
    document = {"epoch": "0b8e", "seq": 57, "categories": [{"id": 2, "version": "0b8e-2-9"}]}

    found, neighbour = call(AtsClient, lambda ats: ats.versions(), answer(document))

    assert neighbour.asked == [("GET", "/t/acme/categories/versions", None)]
    assert (found.epoch, found.seq) == ("0b8e", 57)
    assert [(each.id, each.version) for each in found.categories] == [(2, "0b8e-2-9")]


def test_what_an_app_holds_on_a_value_is_nothing_when_it_says_404() -> None:
    values = values_path(17)
    change = CategoryValueWrite(id=1001, available=False)
    found = answer({"summary": "Two testimonials", "counts": {"testimonials": 2}})
    nothing = answer({"title": "There is nothing here"}, 404)

    held, _ = call(ServiceClient, lambda app: app.summary(values, 1001), found)
    impact, _ = call(ServiceClient, lambda app: app.change_impact(values, 1001, change), found)
    none_held, _ = call(ServiceClient, lambda app: app.summary(values, 1001), nothing)
    no_impact, _ = call(ServiceClient, lambda app: app.change_impact(values, 1001, change), nothing)

    assert held is not None
    assert held.counts == {"testimonials": 2}
    assert held == impact
    assert none_held is no_impact is None
    assert asked(ServiceClient, lambda app: app.change_impact(values, 1001, change), found) == (
        "POST",
        f"{values}/byID/1001/changeImpact",
        {"id": 1001, "available": False},
    )


def test_a_value_or_a_discovery_that_is_not_there_is_none() -> None:
    assert call(AtsClient, lambda ats: ats.value_by_external_id(17, "x"), answer({}, 404))[0] is None
    assert call(AtsClient, lambda ats: ats.discover(), answer({}, 404))[0] is None


def test_discovery_says_what_a_service_can_do() -> None:
    document = {"service": "ats", "version": "0.1.0", "capabilities": ["values.batch"], "newer": True}

    discovered, neighbour = call(AtsClient, lambda ats: ats.discover(), answer(document))

    assert discovered is not None
    assert discovered.capabilities == ("values.batch",)
    assert neighbour.asked[0][1].rstrip("/") == "/t/acme"


def test_jobs_are_read_page_by_page() -> None:
    pages = [
        answer({"results": [{**JOB, "id": number} for number in range(1, 101)]}),
        answer({"results": [{**JOB, "id": 101}]}),
    ]

    async def read(ats: AtsClient) -> list[int]:
        return [job.id async for job in ats.jobs("/jobs/open", categories="[]", keywords=None)]

    ids, neighbour = call(AtsClient, read, *pages)

    assert ids == list(range(1, 102))
    assert [target for _, target, _ in neighbour.asked] == [
        "/t/acme/jobs/open?categories=%5B%5D&gtID=0&limit=100",
        "/t/acme/jobs/open?categories=%5B%5D&gtID=100&limit=100",
    ]


def test_jobs_are_made_read_and_patched() -> None:
    used = CategoriesActual((CategoryActual(category=17, values=(1001,)),))
    patch = {"categories": used.model_dump(mode="json"), "code": None}

    assert asked(AtsClient, lambda ats: ats.create_job({"title": "Chef"}), answer(JOB)) == (
        "POST",
        "/jobs",
        {"title": "Chef"},
    )
    assert asked(AtsClient, lambda ats: ats.job(5), answer(JOB)) == ("GET", "/jobs/byID/5", None)
    assert asked(AtsClient, lambda ats: ats.patch_job(5, patch), answer(JOB)) == ("PATCH", "/jobs/byID/5", patch)


def test_users_and_candidates_are_read_page_by_page() -> None:
    pages = [answer({"results": [{"id": number} for number in range(1, 101)]}), answer({"results": [{"id": 101}]})]

    async def users(ats: AtsClient) -> list[int]:
        return [user.id async for user in ats.users("/users/active", keywords="ann")]

    async def candidates(ats: AtsClient) -> list[int]:
        return [candidate.id async for candidate in ats.candidates(categories="[]")]

    found, neighbour = call(AtsClient, users, *pages)
    assert found == list(range(1, 102))
    assert [target for _, target, _ in neighbour.asked] == [
        "/t/acme/users/active?keywords=ann&gtID=0&limit=100",
        "/t/acme/users/active?keywords=ann&gtID=100&limit=100",
    ]

    none, neighbour = call(AtsClient, candidates, answer({"results": []}))
    assert none == []
    assert neighbour.asked == [("GET", "/t/acme/candidates?categories=%5B%5D&gtID=0&limit=100", None)]


def test_users_and_candidates_are_made_read_and_patched() -> None:
    one, body = answer({"id": 5}), {"person": {"givenName": "Ann", "email": None}}
    chosen = CategoriesActual((CategoryActual(category=17, values=(1001,)),))

    assert asked(AtsClient, lambda ats: ats.create_user(body), one) == ("POST", "/users", body)
    assert asked(AtsClient, lambda ats: ats.user(5), one) == ("GET", "/users/byID/5", None)
    assert asked(AtsClient, lambda ats: ats.patch_user(5, body), one) == ("PATCH", "/users/byID/5", body)
    assert asked(AtsClient, lambda ats: ats.create_candidate(body), one) == ("POST", "/candidates", body)
    assert asked(AtsClient, lambda ats: ats.candidate(5), one) == ("GET", "/candidates/byID/5", None)
    assert asked(AtsClient, lambda ats: ats.patch_candidate(5, body), one) == ("PATCH", "/candidates/byID/5", body)
    assert asked(AtsClient, lambda ats: ats.merged_categories(5, chosen), answer([])) == (
        "POST",
        "/candidates/byID/5/categories/merges",
        [{"category": 17, "values": [1001]}],
    )


def test_subscriptions_are_made_read_and_ended() -> None:
    wanted = SubscriptionCreate(url="http://careers", topics=("categories", "jobs/open"))

    assert asked(AtsClient, lambda ats: ats.subscribe(wanted), answer(SUBSCRIPTION, 201)) == (
        "POST",
        "/subscriptions",
        {"url": "http://careers", "topics": ["categories", "jobs/open"]},
    )
    assert asked(AtsClient, lambda ats: ats.subscription(3), answer(SUBSCRIPTION))[1] == "/subscriptions/byID/3"
    assert asked(AtsClient, lambda ats: ats.subscriptions(), answer({"results": []}))[1] == "/subscriptions?limit=1000"
    assert asked(AtsClient, lambda ats: ats.unsubscribe(3), Response(status_code=204)) == (
        "DELETE",
        "/subscriptions/byID/3",
        None,
    )


def test_all_subscriptions_are_read_page_by_page() -> None:
    more = "/t/acme/subscriptions?gtID=3&limit=1000"
    pages = [answer({"results": [SUBSCRIPTION], "next": more}), answer({"results": [SUBSCRIPTION | {"id": 4}]})]

    async def read(ats: AtsClient) -> list[int]:
        return [subscription.id async for subscription in ats.all_subscriptions()]

    ids, neighbour = call(AtsClient, read, *pages)

    assert ids == [3, 4]
    assert [target for _, target, _ in neighbour.asked] == ["/t/acme/subscriptions?limit=1000", more]


def test_subscriptions_are_steered() -> None:
    one, answered = "/subscriptions/byID/3", answer(SUBSCRIPTION)

    assert asked(AtsClient, lambda ats: ats.update_subscription(3, SubscriptionUpdate(batch=True)), answered) == (
        "PATCH",
        one,
        {"batch": True},
    )
    assert asked(AtsClient, lambda ats: ats.report_applied(3, 57), answered) == ("PUT", f"{one}/applied", {"seq": 57})
    assert asked(AtsClient, lambda ats: ats.pause_subscription(3), answered) == ("POST", f"{one}/pause", None)
    assert asked(AtsClient, lambda ats: ats.resume_subscription(3), answered) == ("POST", f"{one}/resume", None)
    assert asked(AtsClient, lambda ats: ats.replay_subscription(3, since_cursor=0), answered) == (
        "POST",
        f"{one}/replay",
        {"sinceCursor": 0},
    )
    assert asked(AtsClient, lambda ats: ats.rotate_secret(3, keep_seconds=60), answered) == (
        "POST",
        f"{one}/rotateSecret",
        {"keepSeconds": 60},
    )
    assert asked(AtsClient, lambda ats: ats.deliveries(3, after=7), answer({"results": []})) == (
        "GET",
        f"{one}/deliveries?gtID=7",
        None,
    )


def test_uploads_are_handed_in_and_looked_at() -> None:
    upload = CategoryValuesUpload(
        test_flag=True, category_values=(CategoryValueUpload(name="Auckland", values=(CategoryValueUpload(id=7),)),)
    )
    uploads = "/categories/byID/17/values/uploads"

    assert asked(UploaderClient, lambda uploader: uploader.upload_values(17, upload), answer(STATUS, 201)) == (
        "POST",
        uploads,
        {"testFlag": True, "categoryValues": [{"name": "Auckland", "values": [{"id": 7}]}]},
    )
    meant = asked(
        UploaderClient,
        lambda uploader: uploader.upload_values(None, upload, confirm_inactivations=True),
        answer(STATUS, 201),
    )
    assert meant[1] == "/orgs/values/uploads?confirm=inactivations"
    assert asked(UploaderClient, lambda uploader: uploader.upload(17, 7), answer(STATUS))[1] == f"{uploads}/byID/7"
    assert asked(UploaderClient, lambda uploader: uploader.plan(17, 7, after=1000), answer(PLAN))[1] == (
        f"{uploads}/byID/7/plan?after=1000"
    )


def test_truth_in_a_query_is_spelled_as_in_json() -> None:
    target = asked(AtsClient, lambda ats: ats.request("GET", "/x", query={"force": True, "limit": None}), answer({}))[1]

    assert target == "/x?force=true"


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        (410, JournalCompacted("Gone", firstSeq=40).document(), JournalCompacted),
        (403, {"type": "about:blank", "title": "Forbidden"}, Forbidden),
        (409, [], Conflict),
        (404, None, NotFound),
    ],
)
def test_an_error_is_raised_as_the_problem_it_reports(status: int, document: object, kind: type[Problem]) -> None:
    with pytest.raises(kind) as raised:
        call(AtsClient, lambda ats: ats.category(17), answer(document, status))

    assert type(raised.value) is kind
    assert raised.value.detail


@pytest.mark.parametrize(
    "response",
    [
        Response("<h1>Bad gateway</h1>", 502, media_type="text/html"),
        answer({}, 500),
        Response("<h1>Welcome</h1>", 200, media_type="text/html"),
        answer({"id": "seventeen"}),
        answer(None),
        answer([]),
    ],
)
def test_an_answer_that_is_not_as_the_contract_says_counts_as_none(response: Response) -> None:
    with pytest.raises(ServiceUnreachable):
        call(AtsClient, lambda ats: ats.category(17), response)


def test_a_service_that_is_not_there_is_unreachable_and_named() -> None:
    async def run() -> None:
        async with AtsClient("http://127.0.0.1:1", "acme", "secret", timeout=timedelta(seconds=5)) as ats:
            await ats.categories()

    with pytest.raises(ServiceUnreachable, match=r"http://127\.0\.0\.1:1 gave no answer to GET /categories") as raised:
        asyncio.run(run())
    assert raised.value.members == {"url": "http://127.0.0.1:1"}


def test_a_service_that_ends_while_it_is_connected_to_is_unreachable() -> None:
    async def be_busy() -> None:
        while True:
            threading.Event().wait(0.0005)
            await asyncio.sleep(0)

    async def run(url: str) -> None:
        busy = asyncio.create_task(be_busy())  # so that the connection may be lost before anybody looks at it
        async with AtsClient(url, "acme", "secret") as ats:
            for _ in range(50):
                with pytest.raises(ServiceUnreachable):
                    await ats.categories()
        busy.cancel()

    # The loop that services run on.
    with resetting() as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(url))


def test_a_service_whose_address_is_none_is_unreachable() -> None:
    async def run() -> None:
        async with AtsClient("http://127.0.0.1:88xx", "acme", "secret") as ats:
            await ats.categories()

    with pytest.raises(ServiceUnreachable, match="Invalid port"):
        asyncio.run(run())


def test_members_that_a_newer_service_adds_are_passed_over() -> None:
    category, _ = call(AtsClient, lambda ats: ats.category(17), answer({**CATEGORY, "color": "red"}))

    assert category.name == "Expertise"
