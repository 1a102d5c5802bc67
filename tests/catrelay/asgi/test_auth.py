from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from starlette.requests import Request
from starlette.responses import Response

from catrelay.asgi import Guard, access_of
from catrelay.embedded import EmbeddedRegistry
from catrelay.problems import Forbidden, Unauthorized
from catrelay.tokens import new_token
from tests.catrelay.asgi.conftest import Ask


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "bearer unknown", "Bearer a b"])
def test_a_request_without_a_token_of_ours_is_401(ask: Ask, header: str) -> None:
    answer = ask("GET", "/t/acme/echoes", headers={"authorization": header})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_name_of_the_scheme_is_read_in_any_case(ask: Ask, token: str) -> None:
    assert ask("GET", "/t/acme/echoes", headers={"authorization": f"bEARER {token}"}).status_code == 200


def test_another_tenant_and_one_that_does_not_exist_answer_the_same(ask: Ask, registry: EmbeddedRegistry) -> None:
    registry.add_tenant("beta")

    answers = [ask("GET", f"/t/{tenant}/echoes").json() for tenant in ("beta", "nobody")]

    assert [answer.pop("instance") for answer in answers] == ["/t/beta/echoes", "/t/nobody/echoes"]
    assert answers[0] == answers[1]
    assert answers[0]["status"] == 403


def test_a_scope_that_does_not_reach_is_403(ask: Ask, registry: EmbeddedRegistry) -> None:
    reader = {"authorization": f"Bearer {registry.add_token('acme', 'careersite', 'read')}"}

    assert ask("GET", "/t/acme/echoes", headers=reader).status_code == 200
    assert ask("POST", "/t/acme/echoes", headers=reader, content="{}").status_code == 403
    assert ask("DELETE", "/t/acme/echoes/byID/1", headers=reader).status_code == 403


def test_a_wider_scope_includes_the_narrower_ones(ask: Ask, registry: EmbeddedRegistry) -> None:
    admin = {"authorization": f"Bearer {registry.add_token('acme', 'operator', 'admin')}"}

    assert ask("GET", "/t/acme/echoes", headers=admin).status_code == 200
    assert ask("POST", "/t/acme/echoes", headers=admin, content="{}").status_code == 201
    assert ask("DELETE", "/t/acme/echoes/byID/1", headers=admin).status_code == 200


def test_an_endpoint_learns_which_app_asks(ask: Ask) -> None:
    assert ask("POST", "/t/acme/echoes", content="{}").headers["x-app"] == "catman"


def test_a_body_is_not_read_for_a_stranger(ask: Ask) -> None:
    answer = ask("POST", "/t/acme/echoes", headers={"authorization": "Bearer x"}, content="nonsense" * 10_000)

    assert answer.status_code == 401


def test_a_token_is_admitted_outside_of_a_request_too(registry: EmbeddedRegistry, token: str) -> None:
    guard = Guard(registry)

    assert guard.admit(token, "acme", "read").app == "catman"
    with pytest.raises(Forbidden):
        guard.admit(token, "beta", "read")
    with pytest.raises(Forbidden):
        guard.admit(token, "acme", "admin")
    with pytest.raises(Unauthorized):
        guard.admit(new_token(), "acme", "read")


def test_a_tenant_of_any_script_is_found_by_its_name(ask: Ask, registry: EmbeddedRegistry) -> None:
    registry.add_tenant("東京 & Söhne")
    there = {"authorization": f"Bearer {registry.add_token('東京 & Söhne', 'catman', 'read')}"}

    assert ask("GET", "/t/東京 & Söhne", headers=there).json()["service"] == "echo"


def test_an_expired_token_is_401_with_a_detail_that_says_so(ask: Ask, registry: EmbeddedRegistry) -> None:
    expired = registry.add_token("acme", "catman", "admin", expires=datetime(2026, 1, 31, tzinfo=UTC))

    for tenant in ("acme", "nobody"):
        answer = ask("GET", f"/t/{tenant}/echoes", headers={"authorization": f"Bearer {expired}"})

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["detail"] == "The bearer token expired at 2026-01-31T00:00:00Z"


def test_a_token_is_good_until_the_moment_it_expires(registry: EmbeddedRegistry) -> None:
    end = datetime(2026, 11, 22, 12, tzinfo=UTC)
    token = registry.add_token("acme", "catman", "read", expires=end)
    now = end - timedelta(microseconds=1)
    guard = Guard(registry, clock=lambda: now)

    assert guard.admit(token, "acme", "read").app == "catman"
    now = end
    with pytest.raises(Unauthorized, match="expired"):
        guard.admit(token, "acme", "read")


def test_a_token_of_scope_intake_does_nothing_else_and_no_other_does_that(
    registry: EmbeddedRegistry, token: str
) -> None:
    guard = Guard(registry)
    intake = registry.add_token("acme", "forms", "intake")
    hand_in = cast(Callable[[Request], Response], guard.intake(lambda request: Response(access_of(request).app)))

    def request_with(token: str) -> Request:
        headers = [(b"authorization", f"Bearer {token}".encode())]
        return Request({"type": "http", "headers": headers, "path_params": {"tenant": "acme"}})

    assert hand_in(request_with(intake)).body == b"forms"
    for other in (token, registry.add_token("acme", "operator", "admin")):
        with pytest.raises(Forbidden, match="this needs intake"):
            hand_in(request_with(other))
    for method in (guard.read, guard.write, guard.admin):
        with pytest.raises(Forbidden, match="has scope intake"):
            cast(Callable[[Request], Response], method(lambda _: Response()))(request_with(intake))


def test_a_revoked_token_is_refused_from_the_next_request_on(ask: Ask, registry: EmbeddedRegistry, token: str) -> None:
    before = ask("GET", "/t/acme/echoes").status_code
    registry.revoke_token("acme", registry.tokens("acme")[0].id)

    assert (before, ask("GET", "/t/acme/echoes").status_code) == (200, 401)
