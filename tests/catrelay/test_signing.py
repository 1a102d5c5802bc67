import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import floor

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from catrelay import SignatureInvalid, SignedMessage, sign
from catrelay import verify as verify_at
from catrelay.signing import Signer, new_secret

BODY = '{"id": 1001, "name": "東京"}'.encode()
SECRET = new_secret()
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def signed(body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,), ago: timedelta = timedelta()) -> httpx.Headers:
    return httpx.Headers(sign(body, message_id="msg_1", at=NOW - ago, signing_secrets=secrets))


def verify(body: bytes, headers: Mapping[str, str], *, signing_secrets: Sequence[str]) -> str:
    """The id of the message, once it is confirmed."""
    return verify_at(body, headers, signing_secrets=signing_secrets, at=NOW).id


def test_what_was_signed_is_verified_and_named() -> None:
    assert verify(BODY, signed(), signing_secrets=[SECRET]) == "msg_1"


def test_an_empty_body_is_signed_too() -> None:
    assert verify(b"", signed(b""), signing_secrets=[SECRET]) == "msg_1"


def test_during_a_rotation_either_secret_verifies() -> None:
    old, new = new_secret(), new_secret()
    headers = signed(secrets=(new, old))

    assert verify(BODY, headers, signing_secrets=[old]) == "msg_1"
    assert verify(BODY, headers, signing_secrets=[new]) == "msg_1"
    assert verify(BODY, signed(secrets=(new,)), signing_secrets=[old, new]) == "msg_1"


def test_what_is_confirmed_is_told_with_its_moment_and_its_secret() -> None:
    other = new_secret()
    headers = signed(secrets=(SECRET,), ago=timedelta(seconds=7))

    message = verify_at(BODY, headers, signing_secrets=[other, SECRET], at=NOW)

    assert message == SignedMessage("msg_1", NOW - timedelta(seconds=7), SECRET)
    assert SECRET not in repr(message)


@given(st.integers(0, 10_000), st.integers(-20_000, 20_000))
def test_a_message_holds_for_the_tolerance_in_both_directions(tolerance: int, ago: int) -> None:
    headers = sign(BODY, message_id="msg_1", at=NOW - timedelta(seconds=ago), signing_secrets=[SECRET])

    try:
        verify_at(BODY, headers, signing_secrets=[SECRET], at=NOW, tolerance=timedelta(seconds=tolerance))
        is_confirmed = True
    except SignatureInvalid:
        is_confirmed = False

    assert is_confirmed == (abs(ago) <= tolerance)


@given(st.text())
def test_the_specifications_own_library_confirms_what_is_signed_and_the_other_way_round(text: str) -> None:
    at = datetime.now(UTC)
    library = Webhook(SECRET)

    headers = sign(text.encode(), message_id="msg_1", at=at, signing_secrets=[SECRET])
    library.verify(text, headers, json_parse=False)

    headers["webhook-signature"] = library.sign("msg_1", at, text)
    assert verify_at(text.encode(), headers, signing_secrets=[SECRET], at=at).id == "msg_1"


@given(
    body=st.text(max_size=50),
    message_id=st.text("abc_.-0123456789", min_size=1),
    at=st.floats(0, 10_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    keys=st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=2),
    ending=st.sampled_from(["", "="]),
)
def test_a_signer_gives_the_headers_that_the_specifications_own_library_does(
    body: str, message_id: str, at: datetime, keys: list[bytes], ending: str
) -> None:
    secrets = ["whsec_" + base64.b64encode(key).decode().rstrip("=") + ending for key in keys]

    headers = Signer(secrets).headers(body.encode(), message_id=message_id, at=at)

    signatures = [Webhook(secret).sign(message_id, at, body) for secret in secrets]
    assert headers == {
        "webhook-id": message_id,
        "webhook-timestamp": str(floor(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a", "whsec_é"])
def test_nothing_is_signed_with_what_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match=r"secret|base64|ASCII"):
        Signer([SECRET, secret])


@pytest.mark.parametrize("ago", [timedelta(minutes=6), timedelta(minutes=-6), timedelta(days=365)])
def test_a_message_of_another_time_is_refused(ago: timedelta) -> None:
    with pytest.raises(SignatureInvalid):
        verify(BODY, signed(ago=ago), signing_secrets=[SECRET])


def test_a_changed_body_is_refused() -> None:
    for body in (BODY + b" ", b"", b"\xff"):
        with pytest.raises(SignatureInvalid):
            verify(body, signed(), signing_secrets=[SECRET])


def test_another_secret_or_none_verifies_nothing() -> None:
    for secrets in ([], [new_secret()], ["whsec_not base64"], [""], ["whsec_"]):
        with pytest.raises(SignatureInvalid):
            verify(BODY, signed(), signing_secrets=secrets)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_message_lacking_a_header_is_refused(name: str) -> None:
    headers = signed()
    del headers[name]

    with pytest.raises(SignatureInvalid):
        verify(BODY, headers, signing_secrets=[SECRET])


@given(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text())
def test_whatever_a_stranger_puts_into_a_header_is_refused(name: str, text: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify(BODY, {**signed(), name: text + "x"}, signing_secrets=[SECRET])


def test_new_secrets_are_never_the_same() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
