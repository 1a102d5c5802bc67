"""Both kinds of registry treat tokens the same."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from catrelay.token_uses import RECORD_EVERY
from catrelay.tokens import Access, Registry, Scope, hash_token, new_token

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_token_stands_for_its_app_in_its_tenant(registry: Registry) -> None:
    token = registry.add_token("acme", "catman", "write")

    access = registry.access(hash_token(token))

    assert access is not None
    assert access == Access(access.tenant_id, "acme", "catman", "write")


def test_a_token_of_nobody_stands_for_nothing(registry: Registry) -> None:
    assert registry.access(hash_token(new_token())) is None


def test_tokens_are_listed_oldest_first_without_the_token(registry: Registry) -> None:
    before = datetime.now(UTC)
    tokens = [registry.add_token("acme", app, "read") for app in ("zulu", "alpha")]

    listed = registry.tokens("acme")

    assert [(each.app, each.scope) for each in listed] == [("zulu", "read"), ("alpha", "read")]
    assert all(before <= each.created <= datetime.now(UTC) for each in listed)
    assert not any(token in repr(listed) for token in tokens)


def test_a_token_that_is_accepted_twice_is_listed_once(registry: Registry) -> None:
    token = new_token()
    registry.accept_token("acme", "careersite", "read", token)
    registry.accept_token("acme", "careersite", "read", token)

    assert [each.app for each in registry.tokens("acme")] == ["careersite"]
    assert registry.access(hash_token(token)) is not None


def test_a_revoked_token_stands_for_nothing_from_then_on(registry: Registry) -> None:
    token = registry.add_token("acme", "catman", "admin")
    (listed,) = registry.tokens("acme")

    assert registry.revoke_token("acme", listed.id)
    assert not registry.revoke_token("acme", listed.id)
    assert registry.access(hash_token(token)) is None
    assert registry.tokens("acme") == []


def test_a_tenant_cannot_revoke_the_token_of_another(registry: Registry) -> None:
    registry.add_tenant("beta")
    token = registry.add_token("acme", "catman", "admin")
    (listed,) = registry.tokens("acme")

    assert not registry.revoke_token("beta", listed.id)
    assert registry.access(hash_token(token)) is not None


def test_new_tokens_are_never_the_same_and_are_stored_as_hashes_only() -> None:
    tokens = {new_token() for _ in range(100)}

    assert len(tokens) == len({hash_token(token) for token in tokens}) == 100
    assert all(token.startswith("catrelay_") for token in tokens)


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("read", ["read"]),
        ("write", ["read", "write"]),
        ("admin", ["read", "write", "admin"]),
        ("intake", ["intake"]),
    ],
)
def test_scopes_include_each_other_but_for_intake(scope: Scope, allowed: list[str]) -> None:
    access = Access(1, "acme", "catman", scope)

    assert [needed for needed in get_args(Scope) if access.allows(needed)] == allowed


def test_a_token_stands_for_its_app_until_it_expires(registry: Registry) -> None:
    access = registry.access(hash_token(registry.add_token("acme", "catman", "read", expires=NOON)))

    assert access is not None
    assert access.expires == NOON
    assert [access.has_expired(NOON + timedelta(microseconds=ticks)) for ticks in (-1, 0, 1)] == [False, True, True]


def test_a_token_without_an_end_never_expires(registry: Registry) -> None:
    access = registry.access(hash_token(registry.add_token("acme", "catman", "read")))

    assert access is not None
    assert not access.has_expired(datetime.max.replace(tzinfo=UTC))


def test_tokens_are_listed_with_their_end_in_utc(registry: Registry) -> None:
    registry.add_token("acme", "one", "read", expires=NOON.astimezone(timezone(timedelta(hours=13))))
    registry.accept_token("acme", "two", "intake", new_token())

    assert [(each.app, each.expires) for each in registry.tokens("acme")] == [("one", NOON), ("two", None)]
    assert registry.tokens("acme")[0].expires.utcoffset() == timedelta(0)  # type: ignore[union-attr]  # as just seen


def test_a_last_use_is_listed_once_it_was_recorded(registry: Registry) -> None:
    tokens = [hash_token(registry.add_token("acme", app, "read")) for app in ("one", "two", "three")]

    registry.note_use(tokens[0], NOON)
    registry.note_use(tokens[2], NOON + timedelta(seconds=1))
    before = [each.last_used for each in registry.tokens("acme")]
    registry.record_uses()

    assert before == [None, None, None]
    assert [each.last_used for each in registry.tokens("acme")] == [NOON, None, NOON + timedelta(seconds=1)]


def test_a_use_is_recorded_again_only_after_some_minutes(registry: Registry) -> None:
    token = hash_token(registry.add_token("acme", "one", "read"))

    def recorded(at: datetime) -> datetime | None:
        registry.note_use(token, at)
        registry.record_uses()
        return registry.tokens("acme")[0].last_used

    assert [recorded(NOON + RECORD_EVERY * part) for part in (0, 0.5, 0.99, 1, 1.5, 3)] == [
        NOON + RECORD_EVERY * part for part in (0, 0, 0, 1, 1, 3)
    ]


def test_the_use_of_a_token_that_was_revoked_meanwhile_is_forgotten(registry: Registry) -> None:
    token = hash_token(registry.add_token("acme", "one", "read"))
    registry.note_use(token, NOON)
    registry.revoke_token("acme", registry.tokens("acme")[0].id)
    registry.add_token("acme", "two", "read")

    registry.record_uses()

    assert [each.last_used for each in registry.tokens("acme")] == [None]


def test_a_revocation_holds_at_once_in_every_process(registry: Registry, reopen: Callable[[], Registry]) -> None:
    other = reopen()
    token = registry.add_token("acme", "catman", "admin")
    seen = other.access(hash_token(token)) is not None

    registry.revoke_token("acme", registry.tokens("acme")[0].id)

    assert seen
    assert other.access(hash_token(token)) is None
    other.close()
