"""No request brings a service to answer 500, and no route is open by mistake."""

import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route

from catrelay.cli.service import Service
from tests.answers import AnswerValidator

SERVICES = [
    ("ats_stub", "sqlite"),
    ("ats_stub", "postgresql"),
    ("uploader", "sqlite"),
    ("uploader", "postgresql"),
    ("replicator.careersite", "sqlite"),
]

OPEN = {
    *("/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs.css", "/t/{tenant}/careers"),
    "/t/{tenant}/files/byID/{file}/{name}",  # its address is signed
}
"""What needs no token."""

IDS = ["1", "0", "x", "%00", "9223372036854775807", "9223372036854775808", "9" * 5_000, "%F0%9F%97%BC", "..%2f1"]
QUERIES = [
    "x=1",
    *(
        f"{name}={text}"
        for name in ("gtID", "seqGt", "limit", "after", "value")
        for text in ("0", "-1", "9" * 30, "x", "")
    ),
    "limit=1&limit=1",
    "gtID=%00",
    "keywords=%00",
    "keywords=" + "x" * 10_000,
    "categories=x",
    "categories=[{}]",
    "categories=" + "[" * 10_000,
    "categories=[{%22category%22:9e99,%22values%22:[]}]",
    "gtPublishDate=0001-01-01T00:00:00%2B14:00",
    "gtPublishDate=x",
    "force=perhaps",
    "%ED%A0%80=1",
]
BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b"\xff",
    b'"\\ud800"',
    b'{"\\ud800":1}',
    b'{"name":null}',
    b'{"name":"\\u0000"}',
    b'{"id":9e99}',
    b'{"id":1e999,"sequence":NaN}',
    b'{"seq":99999999999999999999999999}',
    b'{"externalId":"' + b"x" * 100_000 + b'"}',
    b'{"values":' + b'[{"values":' * 3_000,
    b"[" * 100_000,
    b'{"url":"http://[::1","topics":["categories"]}',
    b'{"url":"http://\xf0\x9f\x97\xbc..","topics":["categories"]}',
    b'{"testFlag":true,"categoryValues":[{"name":"x","parent":99999999999999999999}]}',
    b'{"pings":[{"path":"\\u0000"}]}',
    b'{"author":"\\u0000","text":"","category":1,"value":9223372036854775807}',
]


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, re.sub(r":\w+\}", "}", route.path)


def requests_of(method: str, template: str) -> Iterator[tuple[str, bytes | None]]:
    """Target and body of what is sent to one route."""
    path = template.replace("{tenant}", "acme")
    takes_body = method in ("POST", "PUT", "PATCH")
    for text in IDS if "{" in path else [""]:
        yield re.sub(r"\{\w+\}", text, path), b"{}" if takes_body else None
    path = re.sub(r"\{\w+\}", "1", path)
    if takes_body:
        yield from ((path, body) for body in BODIES)
    if not takes_body or path.endswith("/uploads"):
        yield from ((f"{path}?{query}", None) for query in QUERIES)


@pytest.fixture(params=SERVICES, ids=" on ".join)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Starlette:
    package, database = request.param
    service = importlib.import_module(f"{package}.cli").service
    assert isinstance(service, Service)
    url = f"sqlite:///{tmp_path / 'test.db'}" if database == "sqlite" else request.getfixturevalue("postgres_database")
    registry = service.open_registry(url)
    registry.migrate()
    registry.add_tenant("acme")
    token = registry.add_token("acme", "tests", "admin")
    registry.close()
    app: Starlette = importlib.import_module(f"{package}.app").create_app(service.settings(database=url))
    app.state.token = token
    return app


def test_no_request_makes_a_service_fail(app: Starlette) -> None:
    validator = AnswerValidator()
    failed: list[str] = []

    async def send_all() -> None:
        async with app.router.lifespan_context(app), client_of(app) as client:
            for method, template in routes_of(app.routes):
                for target, body in requests_of(method, template):
                    answer = await client.request(method, target, content=body)
                    if answer.status_code == 500:
                        failed.append(f"{method} {target[:200]} {(body or b'')[:100]!r}: {answer.text}")
                    elif "text/html" not in answer.headers.get("content-type", ""):
                        validator.check_response(answer)

    anyio.run(send_all)

    assert failed == []


def test_every_route_but_the_open_ones_needs_a_token_of_its_tenant(app: Starlette) -> None:
    statuses: dict[str, set[int]] = {"": set(), "Bearer made-up": set()}

    async def send_all() -> None:
        async with app.router.lifespan_context(app), client_of(app) as client:
            for method, template in routes_of(app.routes):
                if template in OPEN or "/static/" in template:
                    continue
                for header, found in statuses.items():
                    path = re.sub(r"\{\w+\}", "1", template.replace("{tenant}", "acme"))
                    answer = await client.request(method, path, headers={"authorization": header})
                    found.add(answer.status_code)

    anyio.run(send_all)

    assert statuses == {"": {401}, "Bearer made-up": {401}}


def client_of(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url="http://service",
        headers={"authorization": f"Bearer {app.state.token}", "content-type": "application/json"},
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
    )
