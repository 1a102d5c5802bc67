"""Last uses of tokens are written down besides requests, not by them."""

import structlog
from starlette.applications import Starlette

from catrelay.embedded import EmbeddedRegistry
from tests.running import running


def last_uses(registry: EmbeddedRegistry) -> list[tuple[str, bool]]:
    """Each token's app, and whether the token was used."""
    return [(each.app, each.last_used is not None) for each in registry.tokens("acme")]


def test_a_use_is_written_down_once_the_request_is_answered(
    app: Starlette, registry: EmbeddedRegistry, token: str
) -> None:
    registry.add_token("acme", "idle", "read")

    with running(app, tenant="acme", token=token) as service:
        service.get("")

    assert last_uses(registry) == [("catman", True), ("idle", False)]


def test_a_request_that_is_refused_is_no_use(app: Starlette, registry: EmbeddedRegistry, token: str) -> None:
    with running(app, tenant="acme", token=token) as service:
        refusals = [
            service.refused("DELETE", "/echoes/byID/1"),
            service.with_token(token, tenant="beta").refused("GET", ""),
        ]

    assert refusals == [(403, "forbidden")] * 2
    assert last_uses(registry) == [("catman", False)]


def test_no_request_waits_for_the_writing(app: Starlette, registry: EmbeddedRegistry, token: str) -> None:
    with running(app, tenant="acme", token=token) as service, registry.database.write():
        answers = [service.call("GET", "").status_code for _ in range(3)]

    assert answers == [200] * 3
    assert last_uses(registry) == [("catman", True)]


def test_no_request_fails_with_the_writing(app: Starlette, registry: EmbeddedRegistry, token: str) -> None:
    with registry.database.write() as db:
        db.execute("ALTER TABLE tokens DROP COLUMN last_used")

    with structlog.testing.capture_logs() as logs, running(app, tenant="acme", token=token) as service:
        answer = service.call("GET", "")

    assert answer.status_code == 200
    assert [log["event"] for log in logs] == ["last uses of tokens were not recorded"]
