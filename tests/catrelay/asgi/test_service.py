from importlib.metadata import version

import anyio
from starlette.applications import Starlette
from starlette.types import Message
from structlog.testing import capture_logs

from catrelay.embedded import EmbeddedRegistry
from tests.catrelay.asgi.conftest import Ask


def test_a_service_says_what_it_is(ask: Ask) -> None:
    assert ask("GET", "/t/acme").json() == {
        "service": "echo",
        "version": version("catrelay"),
        "capabilities": ["values.batch"],
    }


def test_head_is_answered_like_get(ask: Ask) -> None:
    head, get = ask("HEAD", "/t/acme/echoes"), ask("GET", "/t/acme/echoes")

    assert head.status_code == 200
    assert head.headers == get.headers


def test_a_method_that_a_resource_does_not_have_is_405_and_names_those_it_has(ask: Ask) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "NONSENSE"):
        answer = ask(method, "/t/acme/echoes")

        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_path_that_is_no_resource_is_404(ask: Ask) -> None:
    for path in (
        "/",
        "/t",
        "/t/",
        "/t/acme/",
        "/t/acme/nothing",
        "/t/acme/echoes/",
        "//t/acme/echoes",
        "/T/acme/echoes",
    ):
        answer = ask("GET", path)

        assert (path, answer.status_code) == (path, 404)


def test_a_failure_that_nobody_foresaw_is_logged_once_and_says_nothing_of_its_cause(ask: Ask) -> None:
    with capture_logs() as logs:
        answer = ask("GET", "/fail")

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert [(line["event"], line["path"], str(line["exc_info"])) for line in logs] == [
        ("request failed", "/fail", "a secret of the database")
    ]


def test_what_the_framework_refuses_becomes_a_problem_and_keeps_its_headers(ask: Ask) -> None:
    answer = ask("GET", "/throttle")

    assert (answer.status_code, answer.json()["detail"]) == (429, "Wait a moment")
    assert answer.headers["retry-after"] == "7"


def test_probes_need_no_token(ask: Ask) -> None:
    stranger = {"authorization": ""}

    assert ask("GET", "/healthz", headers=stranger).json() == {"status": "up"}
    assert ask("GET", "/readyz", headers=stranger).json() == {"status": "ready"}
    assert ask("GET", "/metrics", headers=stranger).status_code == 200


def test_a_service_is_up_but_not_ready_while_its_schema_is_not_right(ask: Ask, registry: EmbeddedRegistry) -> None:
    with registry.database.write() as db:
        db.execute("DELETE FROM _sqlite_migrations")

    assert ask("GET", "/healthz").status_code == 200
    assert ask("GET", "/readyz").status_code == 503


def test_strangers_are_not_told_why_the_database_cannot_be_used(ask: Ask, registry: EmbeddedRegistry) -> None:
    with registry.database.write() as db:
        db.execute("DROP TABLE _sqlite_migrations")
        db.execute("CREATE TABLE _sqlite_migrations (secret TEXT)")

    with capture_logs() as logs:
        answer = ask("GET", "/readyz")

    assert (answer.status_code, answer.json()["detail"]) == (503, "The database cannot be used; the log says why")
    assert [line["event"] for line in logs] == ["the database cannot be used"]
    assert "no such column" in str(logs[0]["exc_info"])


def test_requests_are_counted_by_route_and_never_by_what_strangers_make_up(ask: Ask) -> None:
    ask("GET", "/t/acme/echoes")
    ask("GET", "/t/beta/echoes")
    ask("GET", "/made/up")
    ask("PUT", "/t/acme/echoes")
    ask("MADEUP", "/t/acme/echoes")
    ask("GET", "/fail")

    lines = ask("GET", "/metrics").text.splitlines()

    counted = {line for line in lines if line.startswith("catrelay_http_requests_total")}
    assert counted >= {
        'catrelay_http_requests_total{method="GET",route="/t/{tenant}/echoes",status="200"} 1.0',
        'catrelay_http_requests_total{method="GET",route="/t/{tenant}/echoes",status="403"} 1.0',
        'catrelay_http_requests_total{method="GET",route="other",status="404"} 1.0',
        'catrelay_http_requests_total{method="GET",route="/fail",status="500"} 1.0',
    }
    assert not any("made" in line.lower() or "beta" in line for line in lines)


def test_a_client_that_goes_away_before_its_body_is_there_is_no_failure(app: Starlette, token: str) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/t/acme/echoes",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + token.encode())],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    with capture_logs() as logs:
        anyio.run(app, scope, receive, send)

    assert (sent[0]["status"], logs) == (400, [])
