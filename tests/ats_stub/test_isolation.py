"""Nothing of one tenant can be seen, counted or guessed from another, through any route there is."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from ats_stub.app import create_app
from ats_stub.settings import AtsSettings
from catrelay.tokens import Scope
from tests.ats_stub.planting import holding
from tests.running import Running, running
from tests.statements import noted_statements, watched_connections

NewToken = Callable[[str, str, Scope], str]

A, B = "acme", "beta"
NOBODY = "nope"
"""As long as acme, so that whole answers can be compared."""

TENANT = "/t/{tenant}"
SECRET = "Zyzzyva"
"""Part of every text that acme has."""

NO_ID = 987_654_321
UPLOAD = {"fileName": f"{SECRET}.txt", "via": "device", "data": "aGVsbG8="}

BODIES: Mapping[tuple[str, str], object] = {
    ("POST", "/categories"): {"name": "Tags"},
    ("POST", "/categories/byID/{category}"): {"name": "Tags"},
    ("POST", "/categories/byID/{category}/values"): {"name": "Newtown"},
    ("POST", "/categories/byID/{category}/values/batch"): {"atomic": True, "values": [{"name": "Newtown"}]},
    ("POST", "/categories/byID/{category}/values/undo"): {"seq": 1},
    ("POST", "/categories/byID/{category}/values/byID/{value}/changeImpact"): {"available": False},
    ("POST", "/orgs/values/byID/{value}/changeImpact"): {"available": False},
    ("POST", "/candidates/byID/{candidate}/categories/merges"): [],
    ("PUT", "/subscriptions/byID/{subscription}/applied"): {"seq": 0},
    ("POST", "/subscriptions/byID/{subscription}/replay"): {"sinceCursor": 0},
}
"""What reaches the lookup; `{}` does elsewhere."""


@pytest.fixture
def app(database_url: str) -> Iterator[Starlette]:
    with watched_connections():
        yield create_app(AtsSettings.model_validate({"database": database_url, "allow_targets": "127.0.0.0/8"}))


@pytest.fixture
def beta(app: Starlette, new_token: NewToken) -> Iterator[Running]:
    """The ATS as seen by a tenant that has nothing so far."""
    with running(app, tenant=B, token=new_token(B, "tests", "admin")) as service:
        yield service


@pytest.fixture
def acme(beta: Running, new_token: NewToken) -> Running:
    return beta.with_token(new_token(A, "tests", "admin"), tenant=A)


@pytest.fixture
def held(acme: Running) -> dict[str, str]:
    """What acme has, by the names of path parameters."""
    return plant(acme)


def plant(tenant: Running) -> dict[str, str]:
    """Something for each path parameter that there is, a journal entry, and nothing that does not say SECRET."""
    category = tenant.post("/categories", {"name": SECRET})["id"]
    values = f"/categories/byID/{category}/values"
    old, new = (tenant.post(values, {"name": f"{SECRET} {key}", "externalId": f"{SECRET}-{key}"})["id"] for key in "ab")
    tenant.post(values, {"id": old, "available": False, "remappedTo": new})
    org = tenant.post("/orgs/values", {"name": SECRET, "externalId": f"{SECRET}-org"})["id"]
    job = {"title": SECRET, "status": "active", "externalId": f"{SECRET}-job", "org": org}
    candidate = {"person": {"givenName": SECRET}, "resume": UPLOAD}
    kept = tenant.post("/candidates", candidate | holding(category, new))
    file, name = urlsplit(kept["resumeMeta"]["preSignedUri"]).path.split("/")[-2:]
    return {
        "category": str(category),
        "value": str(new),
        "externalId": f"{SECRET}-b",
        "job": str(tenant.post("/jobs", job | holding(category, new))["id"]),
        "user": str(tenant.post("/users", {"person": {"givenName": SECRET}, "orgs": [org]})["id"]),
        "candidate": str(kept["id"]),
        "file": file,
        "name": name,
        "subscription": str(
            tenant.post("/subscriptions", {"url": f"http://127.0.0.1:1/{SECRET}", "topics": ["jobs/open"]})["id"]
        ),
    }


def endpoints(app: Starlette) -> list[tuple[str, str]]:
    """Method and path, below the tenant, of all that is served for a tenant."""
    return [
        (method, route.path.removeprefix(TENANT).replace(":path}", "}"))
        for route in app.routes
        if isinstance(route, Route) and route.path.startswith(TENANT)
        for method in sorted(route.methods or ())
    ]


def ask(tenant: Running, method: str, path: str, held: dict[str, str]) -> httpx.Response:
    """Call an endpoint with *held* as its path parameters."""
    signed = {"expires": "4102444800", "signature": "x"} if path.startswith("/files/") else None
    body = BODIES.get((method, path), {}) if method in ("POST", "PATCH", "PUT") else None
    return tenant.call(method, path.format_map(held), body, query=signed)


def shape(answer: httpx.Response, *names: str) -> tuple[int, dict[str, str], bytes]:
    """All of an answer, with each of *names* replaced."""
    text = orjson.dumps([answer.status_code, dict(answer.headers), answer.text])
    for name in names:
        text = text.replace(name.encode(), b"?" * len(NOBODY))
    status, headers, body = orjson.loads(text)
    return status, headers, body.encode()


def test_another_tenant_is_answered_as_one_that_does_not_exist(
    app: Starlette, beta: Running, held: dict[str, str]
) -> None:
    there, nowhere = (beta.with_token(beta.token, tenant=name) for name in (A, NOBODY))

    for method, path in endpoints(app):
        answers = [ask(tenant, method, path, held) for tenant in (there, nowhere)]

        assert shape(answers[0], A, NOBODY) == shape(answers[1], A, NOBODY), (method, path)
        assert answers[0].status_code == (204 if method == "OPTIONS" else 403), (method, path)
        assert SECRET.encode() not in answers[0].content.replace(path.format_map(held).encode(), b"")


def test_another_tenant_costs_the_statements_that_one_that_does_not_exist_costs(
    app: Starlette, beta: Running, held: dict[str, str]
) -> None:
    there, nowhere = (beta.with_token(beta.token, tenant=name) for name in (A, NOBODY))

    for method, path in endpoints(app):
        with noted_statements() as of_there:
            ask(there, method, path, held)
        with noted_statements() as of_nowhere:
            ask(nowhere, method, path, held)

        assert [sql.replace(A, NOBODY) for sql in of_there] == of_nowhere, (method, path)
        if not path.startswith("/files/"):  # their addresses stand in the place of a token
            assert len(of_there) == (0 if method == "OPTIONS" else 1), (method, path)


def test_what_another_tenant_has_is_answered_as_what_nobody_has(
    app: Starlette, beta: Running, held: dict[str, str]
) -> None:
    unknown = {name: str(NO_ID) if text.isdigit() else f"{NO_ID}-x" for name, text in held.items()}
    own_category = {"category": str(beta.get("")["orgsCategory"])}

    for method, path in endpoints(app):
        if "{" not in path or method == "OPTIONS":
            continue
        for given in ({}, own_category):
            if set(parameters(path)) <= set(given):
                continue
            keys = [held | given, unknown | given]
            answers = [ask(beta, method, path, key) for key in keys]

            sent = {key[name] for key in keys for name in parameters(path) if name not in given}
            told = [without_echo(answer, sent) for answer in answers]
            assert told[0] == told[1], (method, path)
            assert SECRET not in told[0], (method, path)
            expected = 403 if path.startswith("/files/") else 404
            assert [answer.status_code for answer in answers] == [expected] * 2, (method, path, answers[0].text)


def parameters(path: str) -> list[str]:
    """The names of the path's parameters."""
    return [part.strip("{}") for part in path.split("/") if part.startswith("{")]


def without_echo(answer: httpx.Response, sent: set[str]) -> str:
    """Status and body of an answer, without what the request itself named."""
    named = "|".join(sorted(map(re.escape, sent), key=len, reverse=True))
    return f"{answer.status_code} " + re.sub(rf"\b({named})\b", "?", answer.text)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/orgs/values", '{"id": VALUE, "name": "Mine"}'),
        ("/orgs/values", '{"name": "Mine", "parent": VALUE}'),
        ("/orgs/values/batch", '{"atomic": true, "values": [{"id": VALUE, "name": "Mine"}]}'),
        ("/orgs/values/undo", '{"seq": SEQ}'),
        ("/jobs", '{"categories": [{"category": CATEGORY, "values": [VALUE]}]}'),
        ("/jobs", '{"org": VALUE}'),
        ("/users", '{"orgs": [VALUE]}'),
        ("/candidates", '{"categories": [{"category": CATEGORY, "values": [VALUE]}]}'),
    ],
)
def test_a_body_that_names_what_another_tenant_has_is_answered_as_one_that_names_what_nobody_has(
    beta: Running, held: dict[str, str], path: str, body: str
) -> None:
    def answer(value: str, category: str, seq: str) -> httpx.Response:
        sent = body.replace("VALUE", value).replace("CATEGORY", category).replace("SEQ", seq)
        return beta.call("POST", path, orjson.loads(sent))

    of_acme, of_nobody = answer(held["value"], held["category"], "1"), answer(*[str(NO_ID)] * 3)

    ids = {held["value"], held["category"], "1", str(NO_ID)}
    assert without_echo(of_acme, ids) == without_echo(of_nobody, ids)
    assert of_acme.status_code in (400, 404), of_acme.text
    assert SECRET not in of_acme.text


def test_lists_do_not_change_with_what_other_tenants_do(app: Starlette, beta: Running, acme: Running) -> None:
    lists = [path for method, path in endpoints(app) if method == "GET" and "{" not in path]

    def seen() -> list[Any]:
        return [(path, answer.status_code, answer.text) for path in lists for answer in [beta.call("GET", path)]]

    before = seen()
    plant(acme)

    assert seen() == before
    assert {status for _, status, _ in before} == {200}


def test_a_filter_that_names_what_another_tenant_has_finds_what_one_that_names_nothing_finds(
    beta: Running, held: dict[str, str]
) -> None:
    def found(category: int, value: int) -> str:
        categories = orjson.dumps(holding(category, value)["categories"]).decode()
        return without_echo(beta.call("GET", "/jobs", query={"categories": categories}), {str(category), str(value)})

    assert found(int(held["category"]), int(held["value"])) == found(NO_ID, NO_ID + 1)
    assert beta.get("/jobs", keywords=SECRET)["results"] == []


def test_ids_and_journal_entries_are_counted_per_tenant(beta: Running, acme: Running) -> None:
    held = plant(acme)

    assert plant(beta) == held
    assert beta.get("/categories/remapped")["lastSeq"] == acme.get("/categories/remapped")["lastSeq"] == 1
    assert beta.get("")["orgsCategory"] == acme.get("")["orgsCategory"]


def test_the_idempotency_keys_of_one_tenant_are_free_in_another(beta: Running, acme: Running) -> None:
    answers = [
        tenant.call("POST", "/categories", {"name": name}, headers={"idempotency-key": "one"})
        for tenant, name in ((acme, SECRET), (beta, "Tags"))
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.json()["name"] for answer in answers] == [SECRET, "Tags"]


def test_the_external_ids_of_one_tenant_are_free_in_another(beta: Running, held: dict[str, str]) -> None:
    made = beta.call("POST", "/orgs/values", {"name": "Mine", "externalId": f"{SECRET}-org"})

    assert made.status_code == 201
    assert beta.get(f"/orgs/values/byExternalId/{SECRET}-org")["name"] == "Mine"
